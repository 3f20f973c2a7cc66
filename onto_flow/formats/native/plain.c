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

/* Whether some fields of two versions have the same values. `names`: a tuple of bytes, in order. */
static int all_stay(Slice before, Slice after, PyObject *names)
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

static int are_names(PyObject *names)
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

/* Whether an event is newer than the document that is held, both of them with fields. A document that was read at a time has
   rules of its own; so has the version of one that never was. */
static int follows(const Doc *event, const Doc *held, int64_t floor)
{
    Version came, known;
    return is(event->fields, MAP_) && is(held->fields, MAP_) && version_of(event->version, &came) &&
           version_of(held->version, &known) && is_above(came, known) && came.micros > floor && came.tie >= 0 &&
           known.tie >= 0 && known.micros >= 0 && (known.micros || known.tie) &&
           (is(event->keys, NONE_) || same_bytes(event->keys, held->version));
}

/* The state of a document, and what is told of it. */
static PyObject *taken(Slice version, Slice fields, int64_t now, Slice head, Slice key, int changed)
{
    static const uint8_t cell[] = {STATE_VERSION, TUPLE_, 3}, of_doc[] = {TUPLE_, 3}, no_keys[] = {TUPLE_, 0};
    uint8_t moment[10];
    const Slice state[] = {{cell, cell + 3}, version, fields, {moment, write_int(moment, now)}};
    const Slice doc[] = {head, key, {of_doc, of_doc + 2}, version, fields, {no_keys, no_keys + 2}};
    PyObject *held = joined(state, 4), *told = changed ? joined(doc, 6) : Py_NewRef(Py_None);
    PyObject *found = held && told ? PyTuple_Pack(2, held, told) : NULL;
    Py_XDECREF(held);
    Py_XDECREF(told);
    return found;
}

PyObject *native_plain_event(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    enum { BEGIN, EVENT_HEAD, TOLD_HEAD, APART, FLOOR, WANTED, STAYS, STATE, MESSAGE, KEY, NOW, COUNT };
    static const uint8_t bytes[] = {EVENT_HEAD, TOLD_HEAD, APART, STATE, MESSAGE, KEY};
    if (!are_given(args, count, COUNT, bytes, sizeof bytes) || !are_names(args[STAYS]) ||
        (args[WANTED] != Py_None && !are_names(args[WANTED])))
        return NULL;
    Py_ssize_t begin = PyLong_AsSsize_t(args[BEGIN]);
    int64_t floor = PyLong_AsLongLong(args[FLOOR]), now = PyLong_AsLongLong(args[NOW]), since;
    if (PyErr_Occurred())
        return NULL;
    Slice state = raw_of(args[STATE]), rest = raw_of(args[MESSAGE]), after;
    Doc event, held;
    Buffer room = {0};
    rest.at += begin;
    if (!take_state(&state) || !take_tuple(&state, 3) || !take(&state, &held.version) || !take(&state, &held.fields) ||
        !take_int(&state, &since) || state.at != state.end || !take_event(&rest, raw_of(args[EVENT_HEAD]), &event) ||
        !follows(&event, &held, floor))
        Py_RETURN_NONE;
    Said said = read_of(event.fields, args[WANTED], raw_of(args[APART]), &room, &after);
    int changed = said == DONE && !same_bytes(held.fields, after);
    PyObject *found = NULL;
    if (said == ODD || (changed && !all_stay(held.fields, after, args[STAYS])))
        found = Py_NewRef(Py_None);
    else if (said == DONE)
        found = taken(event.version, after, now, raw_of(args[TOLD_HEAD]), raw_of(args[KEY]), changed);
    else
        PyErr_NoMemory();
    buffer_free(&room);
    return found;
}

int is_plain(const Doc *now, const Doc *held, PyObject *stays)
{
    return is(now->fields, MAP_) && is(held->fields, MAP_) && is(held->keys, TUPLE_) && same_bytes(now->keys, held->keys) &&
           is_newer(now->version, held->version) && all_stay(held->fields, now->fields, stays);
}

/* The bytes of the keys of subscriptions that weigh more than 0, with a message beside each if there is one; None: odd. */
static PyObject *active_of(PyObject *subs, PyObject *message)
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
            one = Py_BuildValue("(NO)", one, message);
        if (!one || PyList_Append(found, one) < 0)
            Py_CLEAR(found);
        Py_XDECREF(one);
    }
    return found;
}

PyObject *native_active(PyObject *module, PyObject *subs)
{
    return PyBytes_Check(subs) ? active_of(subs, NULL) : PyErr_Format(PyExc_TypeError, "bytes are wanted");
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

PyObject *native_plain_member(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    enum { BEGIN, HEAD, STAYS, DOCS, SUBS, MESSAGE, COUNT };
    static const uint8_t bytes[] = {HEAD, DOCS, MESSAGE};
    if (!are_given(args, count, COUNT, bytes, sizeof bytes) || !are_names(args[STAYS]))
        return NULL;
    Slice rest = raw_of(args[MESSAGE]);
    rest.at += PyLong_AsSsize_t(args[BEGIN]);
    PyObject *docs = replaced(raw_of(args[DOCS]), rest, raw_of(args[HEAD]), args[STAYS]);
    if (!docs || docs == Py_None)
        return docs;
    PyObject *roots = PyBytes_Check(args[SUBS]) ? active_of(args[SUBS], args[MESSAGE]) : PyList_New(0);
    if (roots && roots != Py_None)
        return Py_BuildValue("(NN)", docs, roots);
    Py_DECREF(docs);
    return roots;
}
