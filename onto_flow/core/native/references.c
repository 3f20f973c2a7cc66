/* The documents that a field of some others refers to (engines.local.lookup), where all are plain references. */
#include "core.h"

/* (field, documents, Reference, plain, ordered): `plain` does the same in Python, for values of every kind; `ordered`
 * brings documents into path order, `None` where their paths' order as texts is that. */
enum { FIELD, DOCUMENTS, REFERENCE, PLAIN, ORDERED, PARTS };
#define PART(n) PyTuple_GET_ITEM(parts, n)

typedef struct {
    PyObject *parts, *found, *last;
    int ordered; /* whether the paths in `found` are in the order of texts */
} Search;

/* 1: looked up; 0: no reference within the database; -1: an exception is set. */
static int look_up(Search *search, PyObject *value)
{
    PyObject *parts = search->parts;
    if ((PyObject *)Py_TYPE(value) != PART(REFERENCE))
        return value == Py_None;
    PyObject *database = PyObject_GetAttr(value, name_database), *path = NULL;
    int done = !database ? -1 : database == Py_None;
    if (done == 1 && !(path = PyObject_GetAttr(value, name_path)))
        done = -1;
    PyObject *document = done == 1 ? PyDict_GetItemWithError(PART(DOCUMENTS), path) : NULL;
    if (document) {
        Py_ssize_t before = PyDict_GET_SIZE(search->found);
        done = PyDict_SetItem(search->found, path, document) < 0 ? -1 : 1;
        if (done == 1 && PyDict_GET_SIZE(search->found) > before) {
            if (search->last && search->ordered)
                search->ordered = PyUnicode_Compare(search->last, path) < 0;
            Py_XSETREF(search->last, Py_NewRef(path));
        }
    }
    Py_XDECREF(database);
    Py_XDECREF(path);
    return done == 1 && PyErr_Occurred() ? -1 : done;
}

static int look_up_each(Search *search, PyObject *value)
{
    if (!PyList_CheckExact(value))
        return look_up(search, value);
    int done = 1;
    for (Py_ssize_t n = 0; done == 1 && n < PyList_GET_SIZE(value); n++)
        done = look_up(search, PyList_GET_ITEM(value, n));
    return done;
}

/* The same documents in the order of their paths as texts. */
static PyObject *sorted(PyObject *found)
{
    PyObject *paths = PyDict_Keys(found), *made = paths && PyList_Sort(paths) == 0 ? PyDict_New() : NULL;
    for (Py_ssize_t n = 0; made && n < PyList_GET_SIZE(paths); n++) {
        PyObject *path = PyList_GET_ITEM(paths, n), *document = PyDict_GetItemWithError(found, path);
        if (!document || PyDict_SetItem(made, path, document) < 0)
            Py_CLEAR(made);
    }
    Py_XDECREF(paths);
    return made;
}

/* find(parents) */
static PyObject *find(PyObject *parts, PyObject *parents)
{
    if (!PyDict_CheckExact(parents))
        return PyObject_CallOneArg(PART(PLAIN), parents);
    Search search = {parts, PyDict_New(), NULL, 1};
    int done = search.found ? 1 : -1;
    Py_ssize_t at = 0;
    PyObject *path, *fields;
    while (done == 1 && PyDict_Next(parents, &at, &path, &fields)) {
        PyObject *value = PyDict_Check(fields) ? PyDict_GetItemWithError(fields, PART(FIELD)) : NULL;
        if (value)
            done = look_up_each(&search, value);
        else
            done = PyErr_Occurred() ? -1 : PyDict_Check(fields);
    }
    PyObject *said = NULL;
    if (done == 0)
        said = PyObject_CallOneArg(PART(PLAIN), parents);
    else if (done == 1 && PART(ORDERED) != Py_None && PyDict_GET_SIZE(search.found) > 1)
        said = PyObject_CallOneArg(PART(ORDERED), search.found);
    else if (done == 1)
        said = search.ordered ? Py_NewRef(search.found) : sorted(search.found);
    Py_XDECREF(search.found);
    Py_XDECREF(search.last);
    return said;
}

static PyMethodDef find_method = {"find", find, METH_O, "(parents) -> the documents that they refer to."};

PyObject *native_references(PyObject *module, PyObject *parts)
{
    if (PyTuple_CheckExact(parts) && PyTuple_GET_SIZE(parts) == PARTS && PyUnicode_Check(PART(FIELD)) &&
        PyDict_CheckExact(PART(DOCUMENTS)) && PyType_Check(PART(REFERENCE)))
        return PyCFunction_New(&find_method, parts);
    PyErr_SetString(PyExc_TypeError, "references takes (field, documents, Reference, plain, ordered)");
    return NULL;
}
