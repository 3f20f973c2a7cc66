/* Cells: what an operator holds at one key, a field for each of its cells; to Python it is a map of those that are set. */
#include "core.h"

/* In no cycle: no collector looks. */
typedef struct {
    PyObject_VAR_HEAD
    PyObject *names; /* a tuple of interned texts */
    PyObject *values[];
} Cells;

#define SELF(o) ((Cells *)(o))

static PyObject *cells_new(PyTypeObject *type, PyObject *args, PyObject *named)
{
    PyObject *names;
    if (!PyArg_ParseTuple(args, "O!", &PyTuple_Type, &names))
        return NULL;
    for (Py_ssize_t n = 0; n < PyTuple_GET_SIZE(names); n++)
        if (!PyUnicode_CheckExact(PyTuple_GET_ITEM(names, n))) {
            PyErr_SetString(PyExc_TypeError, "cells have texts for names");
            return NULL;
        }
    Cells *made = PyObject_NewVar(Cells, type, PyTuple_GET_SIZE(names));
    if (!made)
        return NULL;
    made->names = Py_NewRef(names);
    for (Py_ssize_t n = 0; n < PyTuple_GET_SIZE(names); n++)
        made->values[n] = NULL;
    return (PyObject *)made;
}

static void cells_dealloc(PyObject *self)
{
    for (Py_ssize_t n = 0; n < Py_SIZE(self); n++)
        Py_CLEAR(SELF(self)->values[n]);
    Py_CLEAR(SELF(self)->names);
    Py_TYPE(self)->tp_free(self);
}

/* Where a cell is; -1: there is none of this name, -2: failed. */
static Py_ssize_t place_of(PyObject *self, PyObject *name)
{
    PyObject *names = SELF(self)->names;
    for (Py_ssize_t n = 0; n < Py_SIZE(self); n++)
        if (PyTuple_GET_ITEM(names, n) == name)
            return n;
    for (Py_ssize_t n = 0; n < Py_SIZE(self); n++) {
        int is = PyObject_RichCompareBool(PyTuple_GET_ITEM(names, n), name, Py_EQ);
        if (is)
            return is < 0 ? -2 : n;
    }
    return -1;
}

int cells_get(PyObject *cells, PyObject *name, PyObject **found)
{
    Py_ssize_t at = place_of(cells, name);
    *found = at < 0 ? NULL : SELF(cells)->values[at];
    Py_XINCREF(*found);
    return at == -2 ? -1 : 0;
}

int cells_set(PyObject *cells, PyObject *name, PyObject *value)
{
    Py_ssize_t at = place_of(cells, name);
    if (at < 0 || (!value && !SELF(cells)->values[at])) {
        if (at != -2)
            PyErr_SetObject(PyExc_KeyError, name);
        return -1;
    }
    PyObject *old = SELF(cells)->values[at];
    SELF(cells)->values[at] = value;
    Py_XINCREF(value);
    Py_XDECREF(old);
    return 0;
}

static Py_ssize_t cells_size(PyObject *self)
{
    Py_ssize_t size = 0;
    for (Py_ssize_t n = 0; n < Py_SIZE(self); n++)
        size += SELF(self)->values[n] != NULL;
    return size;
}

static PyObject *as_dict(PyObject *self)
{
    PyObject *made = PyDict_New();
    for (Py_ssize_t n = 0; made && n < Py_SIZE(self); n++) {
        PyObject *value = SELF(self)->values[n];
        if (value && PyDict_SetItem(made, PyTuple_GET_ITEM(SELF(self)->names, n), value) < 0)
            Py_CLEAR(made);
    }
    return made;
}

static PyObject *view(PyObject *self, const char *name)
{
    PyObject *entries = as_dict(self), *found = entries ? PyObject_CallMethod(entries, name, NULL) : NULL;
    Py_XDECREF(entries);
    return found;
}

static PyObject *cells_items(PyObject *self, PyObject *none) { return view(self, "items"); }
static PyObject *cells_keys(PyObject *self, PyObject *none) { return view(self, "keys"); }
static PyObject *cells_values(PyObject *self, PyObject *none) { return view(self, "values"); }
static PyObject *cells_repr(PyObject *self) { return view(self, "__repr__"); }

static PyObject *cells_iter(PyObject *self)
{
    PyObject *keys = view(self, "keys"), *found = keys ? PyObject_GetIter(keys) : NULL;
    Py_XDECREF(keys);
    return found;
}

static PyObject *cells_subscript(PyObject *self, PyObject *name)
{
    PyObject *found;
    if (cells_get(self, name, &found) == 0 && !found)
        PyErr_SetObject(PyExc_KeyError, name);
    return found;
}

static int cells_contains(PyObject *self, PyObject *name)
{
    PyObject *found;
    int done = cells_get(self, name, &found) < 0 ? -1 : found != NULL;
    Py_XDECREF(found);
    return done;
}

static PyObject *cells_method_get(PyObject *self, PyObject *args)
{
    PyObject *name, *otherwise = Py_None, *found;
    if (!PyArg_UnpackTuple(args, "get", 1, 2, &name, &otherwise) || cells_get(self, name, &found) < 0)
        return NULL;
    return found ? found : Py_NewRef(otherwise);
}

static PyObject *cells_method_setdefault(PyObject *self, PyObject *args)
{
    PyObject *name, *otherwise = Py_None, *found;
    if (!PyArg_UnpackTuple(args, "setdefault", 1, 2, &name, &otherwise) || cells_get(self, name, &found) < 0)
        return NULL;
    if (found)
        return found;
    return cells_set(self, name, otherwise) < 0 ? NULL : Py_NewRef(otherwise);
}

static PyObject *cells_compare(PyObject *self, PyObject *other, int how)
{
    PyObject *entries = as_dict(self), *others = NULL, *found = NULL;
    if (entries)
        others = Py_TYPE(other) == Py_TYPE(self) ? as_dict(other) : Py_NewRef(other);
    if (others)
        found = PyObject_RichCompare(entries, others, how);
    Py_XDECREF(entries);
    Py_XDECREF(others);
    return found;
}

static PyMethodDef methods[] = {
    {"get", cells_method_get, METH_VARARGS, "As of a dict."},
    {"setdefault", cells_method_setdefault, METH_VARARGS, "As of a dict."},
    {"items", cells_items, METH_NOARGS, "As of a dict."},
    {"keys", cells_keys, METH_NOARGS, "As of a dict."},
    {"values", cells_values, METH_NOARGS, "As of a dict."},
    {NULL},
};

static PyMappingMethods mapping = {cells_size, cells_subscript, cells_set};
static PySequenceMethods sequence = {.sq_contains = cells_contains};

PyTypeObject CellsType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "onto_flow.core.native._native.Cells",
    .tp_basicsize = sizeof(Cells),
    .tp_itemsize = sizeof(PyObject *),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_doc = "(names) -> what an operator holds at one key, with nothing set.",
    .tp_new = cells_new,
    .tp_dealloc = cells_dealloc,
    .tp_repr = cells_repr,
    .tp_iter = cells_iter,
    .tp_hash = PyObject_HashNotImplemented,
    .tp_richcompare = cells_compare,
    .tp_as_mapping = &mapping,
    .tp_as_sequence = &sequence,
    .tp_methods = methods,
};
