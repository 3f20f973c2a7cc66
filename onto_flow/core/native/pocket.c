/* Pocket: a map of few entries in little memory: one is in it, some are in a row behind it, and more are in a dict. */
#include "core.h"

/* One entry: key and value. Some: `IN_A_ROW`, and the row as value. More: no key, and the dict as value. None: neither.
   It is in no cycle: no collector looks. */
typedef struct {
    PyObject_HEAD
    PyObject *key, *value;
} Pocket;

typedef struct {
    PyObject *key, *value;
} Pair;

/* Entries in their order, behind a byte of the hash of each key: other keys are seldom looked at. */
typedef struct {
    uint8_t used, room, marks[];
} Row;

enum { FIRST = 4, MOST = 30 }; /* with 30, a row takes 512 bytes, the most of Python's own allocator */

static PyObject in_a_row;
#define SELF(o) ((Pocket *)(o))
#define IN_A_ROW (&in_a_row)
#define ROW(self) ((Row *)(self)->value)
#define IS_ROW(self) ((self)->key == IN_A_ROW)
#define IS_ONE(self) ((self)->key && !IS_ROW(self))
#define AHEAD(room) (((size_t)(room) + sizeof(Row) + 7) & ~(size_t)7)

static Pair *pairs(const Row *row) { return (Pair *)((char *)row + AHEAD(row->room)); }

static uint8_t mark_of(Py_hash_t hash) { return (uint8_t)(hash ^ hash >> 8); }

/* A row with more room that takes over what is in another one. */
static Row *longer(Row *old, int room)
{
    Row *row = PyObject_Malloc(AHEAD(room) + (size_t)room * sizeof(Pair));
    if (!row) {
        PyErr_NoMemory();
        return NULL;
    }
    row->room = (uint8_t)room;
    row->used = old ? old->used : 0;
    if (old) {
        memcpy(row->marks, old->marks, old->used);
        memcpy(pairs(row), pairs(old), old->used * sizeof(Pair));
        PyObject_Free(old);
    }
    return row;
}

static void append(Row *row, Py_hash_t hash, PyObject *key, PyObject *value)
{
    row->marks[row->used] = mark_of(hash);
    pairs(row)[row->used++] = (Pair){key, value};
}

/* Where a key is; -1: nowhere, -2: failed. */
static int place_in(Row *row, PyObject *key, Py_hash_t hash)
{
    uint8_t mark = mark_of(hash);
    for (int n = 0; n < row->used; n++) {
        if (row->marks[n] != mark)
            continue;
        PyObject *other = pairs(row)[n].key;
        int is = other == key ? 1 : PyObject_RichCompareBool(other, key, Py_EQ);
        if (is)
            return is < 0 ? -2 : n;
    }
    return -1;
}

/* The collector looks again at what leaves and is not free: what has attributes of its own may have come into a cycle. */
static void see_again(PyObject *value)
{
    if (Py_REFCNT(value) > 1 && Py_TYPE(value)->tp_dictoffset && PyObject_IS_GC(value) && !PyObject_GC_IsTracked(value))
        PyObject_GC_Track(value);
}

static void let_go(PyObject *value)
{
    see_again(value);
    Py_DECREF(value);
}

static void pocket_empty(Pocket *self)
{
    Pocket old = *self;
    PyObject *key, *value;
    Py_ssize_t at = 0;
    self->key = self->value = NULL;
    if (IS_ONE(&old)) {
        Py_DECREF(old.key);
        let_go(old.value);
    } else if (IS_ROW(&old)) {
        for (int n = 0; n < ROW(&old)->used; n++) {
            Py_DECREF(pairs(ROW(&old))[n].key);
            let_go(pairs(ROW(&old))[n].value);
        }
        PyObject_Free(old.value);
    } else if (old.value) {
        while (PyDict_Next(old.value, &at, &key, &value))
            see_again(value);
        Py_DECREF(old.value);
    }
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
    if (IS_ONE(self)) {
        int is = is_the_one(self, key);
        if (is == 1)
            *found = Py_NewRef(self->value);
        return is < 0 ? -1 : 0;
    }
    if (!self->key && self->value)
        return value_of(self->value, key, found);
    Py_hash_t hash = PyObject_Hash(key);
    if (hash == -1)
        return -1;
    int at = self->key ? place_in(ROW(self), key, hash) : -1;
    if (at >= 0)
        *found = Py_NewRef(pairs(ROW(self))[at].value);
    return at == -2 ? -1 : 0;
}

PyObject *pocket_key(PyObject *map, PyObject *key)
{
    Pocket *self = SELF(map);
    if (!IS_ROW(self))
        return self->key ? self->key : key;
    int at = place_in(ROW(self), key, PyObject_Hash(key));
    if (at == -2)
        PyErr_Clear();
    return at < 0 ? key : pairs(ROW(self))[at].key;
}

void pocket_ahead(PyObject *map)
{
    if (Py_TYPE(map) == &PocketType && IS_ROW(SELF(map)))
        for (int line = 0; line < 3; line++)
            __builtin_prefetch((char *)ROW(SELF(map)) + 64 * line);
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

/* A new entry, where there is one entry or a row of them. */
static int add(Pocket *self, PyObject *key, Py_hash_t hash, PyObject *value)
{
    int room = IS_ROW(self) ? ROW(self)->room : 0;
    if (room == MOST && ROW(self)->used == room) {
        PyObject *more = as_dict((PyObject *)self);
        if (!more || PyDict_SetItem(more, key, value) < 0) {
            Py_XDECREF(more);
            return -1;
        }
        pocket_empty(self);
        self->value = more;
        return 0;
    }
    if (!room || ROW(self)->used == room) {
        int next = room ? room + room / 2 : FIRST;
        Py_hash_t first = room ? 0 : PyObject_Hash(self->key);
        Row *row = first == -1 ? NULL : longer(room ? ROW(self) : NULL, next < MOST ? next : MOST);
        if (!row)
            return -1;
        if (!room)
            append(row, first, self->key, self->value);
        self->key = IN_A_ROW;
        self->value = (PyObject *)row;
    }
    append(ROW(self), hash, Py_NewRef(key), Py_NewRef(value));
    return 0;
}

static int set_in_dict(PyObject *dict, PyObject *key, PyObject *value)
{
    PyObject *old = PyDict_GetItemWithError(dict, key);
    if (!old && PyErr_Occurred())
        return -1;
    Py_XINCREF(old);
    int done = PyDict_SetItem(dict, key, value);
    if (old)
        let_go(old);
    return done;
}

int pocket_set(PyObject *map, PyObject *key, PyObject *value)
{
    Pocket *self = SELF(map);
    if (!self->key && self->value)
        return set_in_dict(self->value, key, value);
    Py_hash_t hash = PyObject_Hash(key);
    if (hash == -1)
        return -1;
    if (!self->key) {
        self->key = Py_NewRef(key);
        self->value = Py_NewRef(value);
        return 0;
    }
    int at = IS_ROW(self) ? place_in(ROW(self), key, hash) : is_the_one(self, key);
    if (at == (IS_ROW(self) ? -2 : -1))
        return -1;
    if (IS_ROW(self) ? at < 0 : !at)
        return add(self, key, hash, value);
    PyObject **place = IS_ROW(self) ? &pairs(ROW(self))[at].value : &self->value, *old = *place;
    *place = Py_NewRef(value);
    let_go(old);
    return 0;
}

int pocket_next(PyObject *map, Py_ssize_t *at, PyObject **key, PyObject **value)
{
    Pocket *self = SELF(map);
    if (!self->key)
        return self->value && PyDict_Next(self->value, at, key, value);
    if (*at >= (IS_ROW(self) ? ROW(self)->used : 1))
        return 0;
    *key = IS_ROW(self) ? pairs(ROW(self))[*at].key : self->key;
    *value = IS_ROW(self) ? pairs(ROW(self))[*at].value : self->value;
    ++*at;
    return 1;
}

Py_ssize_t pocket_size(PyObject *map)
{
    Pocket *self = SELF(map);
    return IS_ROW(self) ? ROW(self)->used : self->key ? 1 : self->value ? PyDict_GET_SIZE(self->value) : 0;
}

const void *pocket_behind(PyObject *map) { return IS_ONE(SELF(map)) ? NULL : SELF(map)->value; }

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

static PyObject *pocket_reversed(PyObject *self, PyObject *none) { return view(self, "__reversed__"); }

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

/* Takes an entry out of a row; the last that is left stands alone again. */
static void take_out(Pocket *self, int at)
{
    Row *row = ROW(self);
    Pair gone = pairs(row)[at];
    int behind = --row->used - at;
    memmove(row->marks + at, row->marks + at + 1, (size_t)behind);
    memmove(pairs(row) + at, pairs(row) + at + 1, (size_t)behind * sizeof(Pair));
    if (row->used == 1) {
        self->key = pairs(row)[0].key;
        self->value = pairs(row)[0].value;
        PyObject_Free(row);
    }
    Py_DECREF(gone.key);
    let_go(gone.value);
}

/* Takes an entry away; `found`: what it held, or NULL where there is none. */
static int take_away(Pocket *self, PyObject *key, PyObject **found)
{
    if (pocket_get((PyObject *)self, key, found) < 0)
        return -1;
    if (!*found)
        return 0;
    if (IS_ROW(self)) {
        take_out(self, place_in(ROW(self), key, PyObject_Hash(key)));
        return 0;
    }
    if (self->key) {
        pocket_empty(self);
        return 0;
    }
    see_again(*found);
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

int pocket_delete(PyObject *map, PyObject *key) { return pocket_assign(map, key, NULL); }

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

static PyObject *pocket_method_setdefault(PyObject *self, PyObject *args)
{
    PyObject *key, *otherwise = Py_None, *found;
    if (!PyArg_UnpackTuple(args, "setdefault", 1, 2, &key, &otherwise) || pocket_get(self, key, &found) < 0)
        return NULL;
    if (found)
        return found;
    return pocket_set(self, key, otherwise) < 0 ? NULL : Py_NewRef(otherwise);
}

/* The room that some entries need is made at once, and no more. */
static PyObject *pocket_method_update(PyObject *self, PyObject *entries)
{
    PyObject *key, *value;
    Py_ssize_t at = 0, count = is_map(entries) ? map_size(entries) : -1;
    if (count < 0)
        return PyErr_Format(PyExc_TypeError, "a pocket takes entries from a dict or a pocket");
    if (count > 1 && count <= MOST && !SELF(self)->key && !SELF(self)->value) {
        Row *row = longer(NULL, (int)count);
        if (!row)
            return NULL;
        while (map_next(entries, &at, &key, &value))
            append(row, PyObject_Hash(key), Py_NewRef(key), Py_NewRef(value));
        SELF(self)->key = IN_A_ROW;
        SELF(self)->value = (PyObject *)row;
        Py_RETURN_NONE;
    }
    while (map_next(entries, &at, &key, &value))
        if (pocket_set(self, key, value) < 0)
            return NULL;
    Py_RETURN_NONE;
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

static PyObject *pocket_sizeof(PyObject *self, PyObject *none)
{
    Pocket *pocket = SELF(self);
    size_t behind = IS_ROW(pocket) ? AHEAD(ROW(pocket)->room) + ROW(pocket)->room * sizeof(Pair) : 0;
    return PyLong_FromSize_t(sizeof(Pocket) + behind);
}

static PyMethodDef methods[] = {
    {"get", pocket_method_get, METH_VARARGS, "As of a dict."},
    {"pop", pocket_method_pop, METH_VARARGS, "As of a dict."},
    {"setdefault", pocket_method_setdefault, METH_VARARGS, "As of a dict."},
    {"update", pocket_method_update, METH_O, "As of a dict, from a dict or a pocket."},
    {"items", pocket_items, METH_NOARGS, "As of a dict."},
    {"keys", pocket_keys, METH_NOARGS, "As of a dict."},
    {"values", pocket_values, METH_NOARGS, "As of a dict."},
    {"__reversed__", pocket_reversed, METH_NOARGS, "As of a dict."},
    {"__sizeof__", pocket_sizeof, METH_NOARGS, "Its bytes, without a dict behind it."},
    {NULL},
};

static PyMappingMethods mapping = {pocket_size, pocket_subscript, pocket_assign};
static PySequenceMethods sequence = {.sq_contains = pocket_contains};

PyTypeObject PocketType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "onto_flow.core.native._native.Pocket",
    .tp_basicsize = sizeof(Pocket),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_doc = "A map that mostly holds few entries.",
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
