/* Pocket: a map that mostly holds one entry, in a third of a dict's memory; a dict is behind it when there are more. */
#include "core.h"

/* One entry: key and value. More: no key, and the dict as value. None: neither. It is in no cycle: no collector looks. */
typedef struct {
    PyObject_HEAD
    PyObject *key, *value;
} Pocket;

#define SELF(o) ((Pocket *)(o))

static void pocket_empty(Pocket *self)
{
    PyObject *key = self->key, *value = self->value;
    self->key = self->value = NULL;
    Py_XDECREF(key);
    Py_XDECREF(value);
}

static void pocket_dealloc(PyObject *self)
{
    pocket_empty(SELF(self));
    Py_TYPE(self)->tp_free(self);
}

static PyObject *pocket_new(PyTypeObject *type, PyObject *args, PyObject *named)
{
    if (PyTuple_GET_SIZE(args) || (named && PyDict_GET_SIZE(named))) {
        PyErr_SetString(PyExc_TypeError, "a pocket is made empty");
        return NULL;
    }
    return type->tp_alloc(type, 0);
}

/* 1: the one entry has this key, 0: it has not, -1: failed. */
static int is_the_one(Pocket *self, PyObject *key)
{
    return self->key == key ? 1 : PyObject_RichCompareBool(self->key, key, Py_EQ);
}

int pocket_get(PyObject *map, PyObject *key, PyObject **found)
{
    Pocket *self = SELF(map);
    *found = NULL;
    if (self->key) {
        int is = is_the_one(self, key);
        if (is == 1)
            *found = Py_NewRef(self->value);
        return is < 0 ? -1 : 0;
    }
    return self->value ? value_of(self->value, key, found) : PyObject_Hash(key) == -1 ? -1 : 0;
}

int pocket_set(PyObject *map, PyObject *key, PyObject *value)
{
    Pocket *self = SELF(map);
    if (!self->key && self->value)
        return PyDict_SetItem(self->value, key, value);
    if (!self->key) {
        if (PyObject_Hash(key) == -1)
            return -1;
        self->key = Py_NewRef(key);
        self->value = Py_NewRef(value);
        return 0;
    }
    int is = is_the_one(self, key);
    if (is < 0)
        return -1;
    if (is) {
        Py_SETREF(self->value, Py_NewRef(value));
        return 0;
    }
    PyObject *more = PyDict_New();
    if (!more || PyDict_SetItem(more, self->key, self->value) < 0 || PyDict_SetItem(more, key, value) < 0) {
        Py_XDECREF(more);
        return -1;
    }
    PyObject *old = self->value;
    Py_CLEAR(self->key);
    self->value = more;
    Py_DECREF(old);
    return 0;
}

int pocket_next(PyObject *map, Py_ssize_t *at, PyObject **key, PyObject **value)
{
    Pocket *self = SELF(map);
    if (!self->key)
        return self->value && PyDict_Next(self->value, at, key, value);
    if (*at)
        return 0;
    *at = 1;
    *key = self->key;
    *value = self->value;
    return 1;
}

Py_ssize_t pocket_size(PyObject *map)
{
    return SELF(map)->key ? 1 : SELF(map)->value ? PyDict_GET_SIZE(SELF(map)->value) : 0;
}

/* A dict with the same entries. */
static PyObject *as_dict(PyObject *self)
{
    PyObject *made = PyDict_New(), *key, *value;
    Py_ssize_t at = 0;
    while (made && pocket_next(self, &at, &key, &value))
        if (PyDict_SetItem(made, key, value) < 0)
            Py_CLEAR(made);
    return made;
}

static PyObject *view(PyObject *self, const char *name)
{
    PyObject *entries = SELF(self)->key || !SELF(self)->value ? as_dict(self) : Py_NewRef(SELF(self)->value);
    PyObject *found = entries ? PyObject_CallMethod(entries, name, NULL) : NULL;
    Py_XDECREF(entries);
    return found;
}

static PyObject *pocket_items(PyObject *self, PyObject *none) { return view(self, "items"); }
static PyObject *pocket_keys(PyObject *self, PyObject *none) { return view(self, "keys"); }
static PyObject *pocket_values(PyObject *self, PyObject *none) { return view(self, "values"); }

static PyObject *pocket_iter(PyObject *self)
{
    PyObject *keys = view(self, "keys"), *found = keys ? PyObject_GetIter(keys) : NULL;
    Py_XDECREF(keys);
    return found;
}

static PyObject *pocket_subscript(PyObject *self, PyObject *key)
{
    PyObject *found;
    if (pocket_get(self, key, &found) == 0 && !found)
        PyErr_SetObject(PyExc_KeyError, key);
    return found;
}

/* Takes an entry away; `found`: what it held, or NULL where there is none. */
static int take_away(Pocket *self, PyObject *key, PyObject **found)
{
    if (pocket_get((PyObject *)self, key, found) < 0)
        return -1;
    if (!*found)
        return 0;
    if (self->key) {
        pocket_empty(self);
        return 0;
    }
    if (PyDict_DelItem(self->value, key) < 0) {
        Py_CLEAR(*found);
        return -1;
    }
    if (!PyDict_GET_SIZE(self->value))
        pocket_empty(self);
    return 0;
}

static int pocket_assign(PyObject *self, PyObject *key, PyObject *value)
{
    if (value)
        return pocket_set(self, key, value);
    PyObject *found;
    if (take_away(SELF(self), key, &found) < 0)
        return -1;
    if (!found)
        PyErr_SetObject(PyExc_KeyError, key);
    int done = found ? 0 : -1;
    Py_XDECREF(found);
    return done;
}

static int pocket_contains(PyObject *self, PyObject *key)
{
    PyObject *found;
    int done = pocket_get(self, key, &found) < 0 ? -1 : found != NULL;
    Py_XDECREF(found);
    return done;
}

static PyObject *or_default(PyObject *found, PyObject *key, PyObject *otherwise)
{
    if (!found && !PyErr_Occurred()) {
        if (otherwise)
            return Py_NewRef(otherwise);
        PyErr_SetObject(PyExc_KeyError, key);
    }
    return found;
}

static PyObject *pocket_method_get(PyObject *self, PyObject *args)
{
    PyObject *key, *otherwise = Py_None, *found;
    if (!PyArg_UnpackTuple(args, "get", 1, 2, &key, &otherwise))
        return NULL;
    pocket_get(self, key, &found);
    return or_default(found, key, otherwise);
}

static PyObject *pocket_method_pop(PyObject *self, PyObject *args)
{
    PyObject *key, *otherwise = NULL, *found;
    if (!PyArg_UnpackTuple(args, "pop", 1, 2, &key, &otherwise))
        return NULL;
    if (take_away(SELF(self), key, &found) < 0)
        return NULL;
    return or_default(found, key, otherwise);
}

static PyObject *pocket_repr(PyObject *self)
{
    PyObject *entries = as_dict(self), *found = entries ? PyObject_Repr(entries) : NULL;
    Py_XDECREF(entries);
    return found;
}

static PyObject *pocket_compare(PyObject *self, PyObject *other, int how)
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
    {"get", pocket_method_get, METH_VARARGS, "As of a dict."},     {"pop", pocket_method_pop, METH_VARARGS, "As of a dict."},
    {"items", pocket_items, METH_NOARGS, "As of a dict."},         {"keys", pocket_keys, METH_NOARGS, "As of a dict."},
    {"values", pocket_values, METH_NOARGS, "As of a dict."},       {NULL},
};

static PyMappingMethods mapping = {pocket_size, pocket_subscript, pocket_assign};
static PySequenceMethods sequence = {.sq_contains = pocket_contains};

PyTypeObject PocketType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "onto_flow.core.native._native.Pocket",
    .tp_basicsize = sizeof(Pocket),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_doc = "A map that mostly holds one entry.",
    .tp_new = pocket_new,
    .tp_dealloc = pocket_dealloc,
    .tp_repr = pocket_repr,
    .tp_iter = pocket_iter,
    .tp_hash = PyObject_HashNotImplemented,
    .tp_richcompare = pocket_compare,
    .tp_as_mapping = &mapping,
    .tp_as_sequence = &sequence,
    .tp_methods = methods,
};
