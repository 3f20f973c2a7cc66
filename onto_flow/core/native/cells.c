/* Cells: what an operator holds at one key, a field for each of its cells; to Python it is a map of those that are set. */
#include "core.h"

enum { PLACES = 3 };

/* Up to three names: a value for each. One name: a tuple of three is kept as its three parts, and made again for whoever asks.
   More: two values, and a row of the others, which is made when one of them is set. In no cycle: no collector looks. */
typedef struct {
    PyObject_HEAD
    PyObject *names; /* a tuple of interned texts */
    PyObject *values[PLACES];
} Cells;

#define SELF(o) ((Cells *)(o))
#define COUNT(o) PyTuple_GET_SIZE(SELF(o)->names)
#define REST(o) ((PyObject **)SELF(o)->values[PLACES - 1])
#define HAS_REST(o) (COUNT(o) > PLACES)
#define IS_TRIPLE(o) (COUNT(o) == 1 && SELF(o)->values[1])

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
    PyObject *made = type->tp_alloc(type, 0);
    if (made)
        SELF(made)->names = Py_NewRef(names);
    return made;
}

static void cells_dealloc(PyObject *self)
{
    if (HAS_REST(self) && REST(self)) {
        for (Py_ssize_t n = 0; n <= COUNT(self) - PLACES; n++)
            Py_XDECREF(REST(self)[n]);
        PyMem_Free(REST(self));
        SELF(self)->values[PLACES - 1] = NULL;
    }
    for (int n = 0; n < PLACES; n++)
        Py_CLEAR(SELF(self)->values[n]);
    Py_CLEAR(SELF(self)->names);
    Py_TYPE(self)->tp_free(self);
}

/* Which cell has a name; -1: there is none of this name, -2: failed. */
static Py_ssize_t number_of(PyObject *self, PyObject *name)
{
    PyObject *names = SELF(self)->names;
    for (Py_ssize_t n = 0; n < PyTuple_GET_SIZE(names); n++)
        if (PyTuple_GET_ITEM(names, n) == name)
            return n;
    for (Py_ssize_t n = 0; n < PyTuple_GET_SIZE(names); n++) {
        int is = PyObject_RichCompareBool(PyTuple_GET_ITEM(names, n), name, Py_EQ);
        if (is)
            return is < 0 ? -2 : n;
    }
    return -1;
}

/* Where a cell's value is; NULL: in the row of the others, which is not there yet. */
static PyObject **place_of(PyObject *self, Py_ssize_t n)
{
    if (!HAS_REST(self) || n < PLACES - 1)
        return &SELF(self)->values[n];
    return REST(self) ? &REST(self)[n - (PLACES - 1)] : NULL;
}

static int is_set(PyObject *self, Py_ssize_t n)
{
    PyObject **place = place_of(self, n);
    return place && *place;
}

/* A new reference, or NULL: it is not set, or an exception is. */
static PyObject *value_at(PyObject *self, Py_ssize_t n)
{
    PyObject **place = place_of(self, n), **values = SELF(self)->values;
    return IS_TRIPLE(self) ? PyTuple_Pack(3, values[0], values[1], values[2]) : place ? Py_XNewRef(*place) : NULL;
}

int cells_get(PyObject *cells, PyObject *name, PyObject **found)
{
    Py_ssize_t n = number_of(cells, name);
    *found = n < 0 ? NULL : value_at(cells, n);
    return n == -2 || (!*found && PyErr_Occurred()) ? -1 : 0;
}

int cells_held(PyObject *cells, PyObject *held[3])
{
    int count = 0;
    for (int n = 0; n < PLACES - HAS_REST(cells); n++)
        if (SELF(cells)->values[n])
            held[count++] = SELF(cells)->values[n];
    return count;
}

int cells_triple(PyObject *cells, PyObject *name, PyObject *parts[3])
{
    Py_ssize_t n = IS_TRIPLE(cells) ? number_of(cells, name) : -1;
    for (int part = 0; part < 3; part++)
        parts[part] = n == 0 ? Py_NewRef(SELF(cells)->values[part]) : NULL;
    return n == -2 ? -1 : n == 0;
}

/* The only cell. */
static void set_one(PyObject *self, PyObject *value)
{
    Cells old = *SELF(self);
    int triple = value && PyTuple_CheckExact(value) && PyTuple_GET_SIZE(value) == 3;
    for (int part = 0; part < 3; part++)
        SELF(self)->values[part] = triple ? Py_NewRef(PyTuple_GET_ITEM(value, part)) : part ? NULL : Py_XNewRef(value);
    for (int part = 0; part < 3; part++)
        Py_XDECREF(old.values[part]);
}

int cells_set(PyObject *cells, PyObject *name, PyObject *value)
{
    Py_ssize_t n = number_of(cells, name);
    if (n < 0 || (!value && !is_set(cells, n))) {
        if (n != -2)
            PyErr_SetObject(PyExc_KeyError, name);
        return -1;
    }
    if (COUNT(cells) == 1) {
        set_one(cells, value);
        return 0;
    }
    if (!place_of(cells, n)) {
        SELF(cells)->values[PLACES - 1] = PyMem_Calloc((size_t)(COUNT(cells) - PLACES + 1), sizeof(PyObject *));
        if (!REST(cells)) {
            PyErr_NoMemory();
            return -1;
        }
    }
    PyObject **place = place_of(cells, n), *old = *place;
    *place = Py_XNewRef(value);
    Py_XDECREF(old);
    return 0;
}

static Py_ssize_t cells_size(PyObject *self)
{
    Py_ssize_t size = 0;
    for (Py_ssize_t n = 0; n < COUNT(self); n++)
        size += is_set(self, n);
    return size;
}

static PyObject *as_dict(PyObject *self)
{
    PyObject *made = PyDict_New();
    for (Py_ssize_t n = 0; made && n < COUNT(self); n++) {
        PyObject *value = value_at(self, n);
        if (PyErr_Occurred() || (value && PyDict_SetItem(made, PyTuple_GET_ITEM(SELF(self)->names, n), value) < 0))
            Py_CLEAR(made);
        Py_XDECREF(value);
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
