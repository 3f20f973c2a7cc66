/* engines.wrong_types.odd_values: the values whose class is none of those that a field mostly has. */
#include "core.h"

enum { PATH, AFTER = 2 }; /* of a Change */
enum { FIELD, CLASSES };  /* of a check */

/* The checks of the collection that a document lies in; a new reference. */
static PyObject *checks_of(PyObject *path, PyObject *known, PyObject *of)
{
    if (!PyUnicode_Check(path))
        return PyErr_Format(PyExc_TypeError, "a path is text");
    Py_ssize_t slash = PyUnicode_FindChar(path, '/', 0, PyUnicode_GET_LENGTH(path), -1);
    if (slash == -2)
        return NULL;
    PyObject *parent = PyUnicode_Substring(path, 0, slash < 0 ? 0 : slash);
    if (!parent)
        return NULL;
    PyObject *found = PyDict_GetItemWithError(known, parent);
    if (found)
        Py_INCREF(found);
    else if (!PyErr_Occurred())
        found = PyObject_CallOneArg(of, parent);
    Py_DECREF(parent);
    if (found && !PyTuple_Check(found))
        Py_SETREF(found, PyErr_Format(PyExc_TypeError, "checks are a tuple"));
    return found;
}

/* A new reference; `None` where the document lacks the field. */
static PyObject *value_of_field(PyObject *fields, PyObject *name)
{
    if (!PyDict_Check(fields))
        return PyObject_CallMethod(fields, "get", "O", name);
    PyObject *value = PyDict_GetItemWithError(fields, name);
    return value || !PyErr_Occurred() ? Py_NewRef(value ? value : Py_None) : NULL;
}

/* Appends what one document has of them; 0, or -1 with an exception set. */
static int look(PyObject *fields, PyObject *checks, PyObject *odd)
{
    for (Py_ssize_t at = 0; at < PyTuple_GET_SIZE(checks); at++) {
        PyObject *check = PyTuple_GET_ITEM(checks, at);
        if (!PyTuple_Check(check) || PyTuple_GET_SIZE(check) <= CLASSES) {
            PyErr_SetString(PyExc_TypeError, "a check is a tuple");
            return -1;
        }
        PyObject *value = value_of_field(fields, PyTuple_GET_ITEM(check, FIELD));
        if (!value)
            return -1;
        int usual = PySet_Contains(PyTuple_GET_ITEM(check, CLASSES), (PyObject *)Py_TYPE(value));
        PyObject *pair = usual ? NULL : PyTuple_Pack(2, check, value);
        int failed = usual < 0 || (!usual && (!pair || PyList_Append(odd, pair) < 0));
        Py_XDECREF(pair);
        Py_DECREF(value);
        if (failed)
            return -1;
    }
    return 0;
}

PyObject *native_odd_values(PyObject *module, PyObject *args)
{
    PyObject *changes, *known, *of, *change, *odd = NULL;
    if (!PyArg_ParseTuple(args, "OO!O", &changes, &PyDict_Type, &known, &of) || !(changes = PyObject_GetIter(changes)))
        return NULL;
    odd = PyList_New(0);
    while (odd && (change = PyIter_Next(changes))) {
        PyObject *checks = NULL;
        int failed = 0;
        if (!PyTuple_Check(change) || PyTuple_GET_SIZE(change) <= AFTER) {
            PyErr_SetString(PyExc_TypeError, "a change is a tuple");
            failed = 1;
        } else if (PyTuple_GET_ITEM(change, AFTER) != Py_None) {
            checks = checks_of(PyTuple_GET_ITEM(change, PATH), known, of);
            failed = !checks || look(PyTuple_GET_ITEM(change, AFTER), checks, odd) < 0;
        }
        Py_XDECREF(checks);
        Py_DECREF(change);
        if (failed)
            Py_CLEAR(odd);
    }
    Py_DECREF(changes);
    if (odd && PyErr_Occurred())
        Py_CLEAR(odd);
    return odd;
}
