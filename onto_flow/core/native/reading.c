/* operators.joins._reading: the references in one field of a document to documents right below a prefix. */
#include "core.h"

/* (Reference, name, prefix, otherwise) */
enum { REFERENCE, NAME, PREFIX, OTHERWISE, PARTS };
#define PART(n) PyTuple_GET_ITEM(parts, n)

static Py_ssize_t reference_path, reference_database;

/* Whether a value is a reference within the database: 1 where it lies right below the prefix, 0 where it lies elsewhere; 2: it is
   none; -1: an exception is set. */
static int refers(PyObject *parts, PyObject *value)
{
    if ((PyObject *)Py_TYPE(value) != PART(REFERENCE) || SLOT(value, reference_database) != Py_None)
        return value == Py_None ? 0 : 2;
    PyObject *path = SLOT(value, reference_path);
    if (!path || !PyUnicode_Check(path))
        return 2;
    Py_ssize_t begin = PyUnicode_GET_LENGTH(PART(PREFIX)), end = PyUnicode_GET_LENGTH(path);
    Py_ssize_t below = end > begin ? PyUnicode_Tailmatch(path, PART(PREFIX), 0, end, -1) : 0;
    if (below != 1)
        return (int)below;
    Py_ssize_t slash = PyUnicode_FindChar(path, '/', begin, end, 1);
    return slash == -2 ? -1 : slash == -1;
}

/* The paths of several in order, each once; no tuple and no exception: they are for `otherwise`. */
static PyObject *several(PyObject *parts, PyObject *values)
{
    PyObject *found = PyDict_New(), *made = NULL, *list = NULL;
    int kind = found ? 1 : -1;
    for (Py_ssize_t n = 0; kind >= 0 && kind < 2 && n < PyList_GET_SIZE(values); n++) {
        PyObject *value = PyList_GET_ITEM(values, n);
        kind = refers(parts, value);
        if (kind == 1 && PyDict_SetItem(found, SLOT(value, reference_path), Py_None) < 0)
            kind = -1;
    }
    if (kind >= 0 && kind < 2 && (list = PyDict_Keys(found)))
        made = PyList_AsTuple(list);
    Py_XDECREF(found);
    Py_XDECREF(list);
    return made;
}

static PyObject *one(PyObject *parts, PyObject *value)
{
    int kind = refers(parts, value);
    return kind < 0 || kind == 2 ? NULL : kind ? PyTuple_Pack(1, SLOT(value, reference_path)) : PyTuple_New(0);
}

/* read(path, fields) */
static PyObject *reads(PyObject *parts, PyObject *const *given, Py_ssize_t count)
{
    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "read takes a path and fields");
        return NULL;
    }
    PyObject *value = PyDict_Check(given[1]) ? PyDict_GetItemWithError(given[1], PART(NAME)) : NULL, *found = NULL;
    if (!value && PyErr_Occurred())
        return NULL;
    if (!value && PyDict_Check(given[1]))
        return PyTuple_New(0);
    if (value) {
        Py_INCREF(value);
        found = PyList_CheckExact(value) ? several(parts, value) : one(parts, value);
        Py_DECREF(value);
    }
    return found || PyErr_Occurred() ? found : PyObject_Vectorcall(PART(OTHERWISE), given, 2, NULL);
}

static PyMethodDef read_method = {"read", (PyCFunction)(void (*)(void))reads, METH_FASTCALL, "(path, fields) -> paths."};

PyObject *native_reading(PyObject *module, PyObject *parts)
{
    if (!PyTuple_CheckExact(parts) || PyTuple_GET_SIZE(parts) != PARTS || !PyType_Check(PART(REFERENCE)) ||
        !PyUnicode_Check(PART(NAME)) || !PyUnicode_Check(PART(PREFIX)) || !PyCallable_Check(PART(OTHERWISE)))
        return PyErr_Format(PyExc_TypeError, "reading takes (Reference, name, prefix, otherwise)");
    Slot slots[] = {{&reference_path, PART(REFERENCE), "path"}, {&reference_database, PART(REFERENCE), "database"}, {NULL}};
    return slots_of(slots) ? PyCFunction_New(&read_method, parts) : NULL;
}
