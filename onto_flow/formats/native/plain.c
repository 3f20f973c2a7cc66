/* Plain changes (operators.plain) on the bytes of messages and state: what stays is copied, never made into objects.

Whatever is not plain, or not as it is always written, is odd: None, and the operator's own step takes it. */
#include "slices.h"

/* The entries of a map, one after the other, which must be in order. */
typedef struct {
    Slice rest, name, value;
    uint64_t left;
    int there; /* whether it stands at an entry; -1: the bytes are no map that is in order */
} Entries;

static void next(Entries *map)
{
    Slice last = map->name;
    map->there = map->left > 0;
    if (!map->there)
        return;
    map->left--;
    if (!is(map->rest, STR_) || !(map->rest.at++, read_slice(&map->rest.at, map->rest.end, &map->name)) ||
        !take(&map->rest, &map->value) || (last.at && order_of(last, map->name) >= 0))
        map->there = -1;
}

static int entries_of(Slice raw, Entries *map)
{
    *map = (Entries){.rest = raw};
    return take_head(&map->rest, MAP_, &map->left);
}

/* The value of a name that comes behind those before: an empty slice where it has none. 0: this is no map that is in order. */
static int value_of(Entries *map, Slice name, Slice *found)
{
    while (map->there > 0 && order_of(map->name, name) < 0)
        next(map);
    *found = map->there > 0 && same_bytes(map->name, name) ? map->value : (Slice){name.end, name.end};
    return map->there >= 0;
}

int all_stay(Slice before, Slice after, PyObject *names)
{
    Entries was, now;
    Py_ssize_t count = PyTuple_GET_SIZE(names);
    if (!entries_of(before, &was) || !entries_of(after, &now))
        return 0;
    if (count)
        next(&was), next(&now);
    for (Py_ssize_t n = 0; n < count; n++) {
        Slice name = raw_of(PyTuple_GET_ITEM(names, n)), old, new;
        if (!value_of(&was, name, &old) || !value_of(&now, name, &new) || !same_bytes(old, new))
            return 0;
    }
    return 1;
}

int are_names(PyObject *names)
{
    int well = PyTuple_Check(names);
    for (Py_ssize_t n = 0; well && n < PyTuple_GET_SIZE(names); n++)
        well = PyBytes_Check(PyTuple_GET_ITEM(names, n));
    if (!well)
        PyErr_SetString(PyExc_TypeError, "names are a tuple of bytes");
    return well;
}

static int is_wanted(PyObject *wanted, Py_ssize_t *at, Slice name)
{
    int order = -1;
    while (*at < PyTuple_GET_SIZE(wanted) && (order = order_of(raw_of(PyTuple_GET_ITEM(wanted, *at)), name)) < 0)
        ++*at;
    return order == 0;
}

Said read_of(Slice raw, PyObject *wanted, Slice apart, Buffer *room, Slice *found)
{
    Entries map;
    Py_ssize_t at = 0;
    uint64_t kept = 0;
    if (!entries_of(raw, &map))
        return ODD;
    const uint64_t count = map.left;
    const uint8_t *const first = map.rest.at, *begin = first;
    *found = raw;
    for (next(&map); map.there > 0; begin = map.rest.at, next(&map)) {
        int keeps = wanted == Py_None || is_wanted(wanted, &at, map.name);
        if (same_bytes(map.name, apart))
            return ODD;
        if (!keeps && !room->data && (!buffer_reserve(room, size_of(raw)) || !buffer_add(room, first, (size_t)(begin - first))))
            return FAILED;
        if (keeps && room->data)
            buffer_add(room, begin, (size_t)(map.rest.at - begin));
        kept += (uint64_t)keeps;
    }
    if (map.there < 0 || map.rest.at != raw.end)
        return ODD;
    if (kept == count)
        return DONE;
    uint8_t head[11];
    size_t size = (size_t)(write_head(head, MAP_, kept) - head); /* it is not longer than that of the whole map */
    memmove(room->data + size, room->data, room->size);
    memcpy(room->data, head, size);
    *found = (Slice){room->data, room->data + size + room->size};
    return DONE;
}

static PyObject *known_name(PyObject **known, const char *name)
{
    return *known ? *known : (*known = PyUnicode_InternFromString(name));
}

PyObject *output_of(PyObject *make, PyObject *to, PyObject *keyed)
{
    static PyObject *tag, *value, *nothing;
    if (!PyType_Check(make))
        return PyObject_CallFunctionObjArgs(make, to, keyed, NULL);
    if (!known_name(&tag, "tag") || !known_name(&value, "value") || !(nothing = nothing ? nothing : PyTuple_New(0)))
        return NULL;
    PyObject *output = PyBaseObject_Type.tp_new((PyTypeObject *)make, nothing, NULL);
    if (output && (PyObject_SetAttr(output, tag, to) < 0 || PyObject_SetAttr(output, value, keyed) < 0))
        Py_CLEAR(output);
    return output;
}

int is_plain(const Doc *now, const Doc *held, PyObject *stays)
{
    return is(now->fields, MAP_) && is(held->fields, MAP_) && is(held->keys, TUPLE_) && same_bytes(now->keys, held->keys) &&
           is_newer(now->version, held->version) && all_stay(held->fields, now->fields, stays);
}

/* A message to one key, which becomes its. */
static PyObject *told_to(PyObject *make, PyObject *to, PyObject *key, PyObject *message)
{
    PyObject *keyed = PyTuple_Pack(2, key, message), *output = keyed ? output_of(make, to, keyed) : NULL;
    Py_XDECREF(keyed);
    Py_DECREF(key);
    return output;
}

/* The bytes of the keys of subscriptions that weigh more than 0; with a message, what tells it to each; None: odd. */
static PyObject *active_of(PyObject *subs, PyObject *make, PyObject *to, PyObject *message)
{
    Slice held = raw_of(subs);
    uint64_t count;
    if (!take_state(&held) || !take_head(&held, TUPLE_, &count))
        Py_RETURN_NONE;
    PyObject *found = PyList_New(0);
    for (; found && count; count--) {
        Slice root;
        int64_t weight;
        if (!take_tuple(&held, 2) || !take(&held, &root) || !take_int(&held, &weight)) {
            Py_DECREF(found);
            Py_RETURN_NONE;
        }
        if (weight <= 0)
            continue;
        PyObject *one = joined(&root, 1);
        if (one && message)
            one = told_to(make, to, one, message);
        if (!one || PyList_Append(found, one) < 0)
            Py_CLEAR(found);
        Py_XDECREF(one);
    }
    return found;
}

PyObject *native_active(PyObject *module, PyObject *subs)
{
    return PyBytes_Check(subs) ? active_of(subs, NULL, NULL, NULL) : PyErr_Format(PyExc_TypeError, "bytes are wanted");
}

/* The documents with a newer version of one; None: not plain. */
static PyObject *replaced(Slice docs, Slice rest, Slice head, PyObject *stays)
{
    Slice held = docs, path, content;
    Doc now, before;
    uint64_t left;
    if (!take_told(&rest, head, &path, &content, &now) || !take_state(&held) || !take_head(&held, TUPLE_, &left))
        Py_RETURN_NONE;
    for (; left; left--) {
        Slice name;
        if (!take_tuple(&held, 2) || !take(&held, &name) || !take_tuple(&held, 3))
            Py_RETURN_NONE;
        Slice entry = {held.at, NULL};
        if (!take_doc(&held, &before))
            Py_RETURN_NONE;
        entry.end = held.at;
        if (same_bytes(name, path))
            return is_plain(&now, &before, stays) ? spliced(docs, entry, content) : Py_NewRef(Py_None);
    }
    Py_RETURN_NONE;
}

/* Whether a key goes on by pages, by the state of what it waits for: (when garbage is dropped, whether it does, ...). 1: it
   does, or that is odd; -1: an exception is set. */
static int goes_on(PyObject *given, PyObject *place)
{
    PyObject *raw = read_given(given, place);
    if (!raw || raw == Py_None) {
        Py_XDECREF(raw);
        return raw ? 0 : -1;
    }
    Slice held = raw_of(raw);
    uint64_t parts;
    int64_t garbage;
    int does = !take_state(&held) || !take_head(&held, TUPLE_, &parts) || !take_int(&held, &garbage) || !is(held, FALSE_);
    Py_DECREF(raw);
    return does;
}

/* What tells the active roots, unless they are too many for one step. */
static PyObject *members_told(PyObject *given, PyObject *subs, PyObject *make, PyObject *to, PyObject *message, Py_ssize_t page)
{
    PyObject *held = read_given(given, subs);
    if (!held)
        return NULL;
    PyObject *told = held != Py_None ? active_of(held, make, to, message) : PyList_New(0);
    Py_DECREF(held);
    if (told && told != Py_None && PyList_GET_SIZE(told) > page) {
        Py_DECREF(told);
        Py_RETURN_NONE;
    }
    return told;
}

PyObject *native_plain_member(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    enum { BEGIN, HEAD, STAYS, MAKE, TO, PAGE, LARGEST, DOCS, SUBS, WAITS, KEY, MESSAGE, GIVEN, COUNT };
    static const uint8_t bytes[] = {HEAD, MESSAGE};
    if (!are_given(args, count, COUNT, bytes, sizeof bytes) || !are_names(args[STAYS]))
        return NULL;
    PyObject *held = read_given(args[GIVEN], args[DOCS]), *told = NULL;
    if (!held || held == Py_None)
        return held;
    Slice rest = raw_of(args[MESSAGE]);
    rest.at += PyLong_AsSsize_t(args[BEGIN]);
    Py_ssize_t page = PyLong_AsSsize_t(args[PAGE]), largest = PyLong_AsSsize_t(args[LARGEST]);
    PyObject *docs = PyErr_Occurred() ? NULL : replaced(raw_of(held), rest, raw_of(args[HEAD]), args[STAYS]);
    Py_DECREF(held);
    if (!docs || docs == Py_None)
        return docs;
    int odd = PyBytes_GET_SIZE(docs) > largest ? 1 : goes_on(args[GIVEN], args[WAITS]);
    if (odd > 0)
        told = Py_NewRef(Py_None);
    else if (!odd)
        told = members_told(args[GIVEN], args[SUBS], args[MAKE], args[TO], args[MESSAGE], page);
    if (told && told != Py_None && !write_given(args[GIVEN], args[DOCS], docs))
        Py_CLEAR(told);
    Py_DECREF(docs);
    return told;
}
