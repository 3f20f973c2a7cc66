/* Plain changes (operators.plain) on the bytes of messages and state: what stays is copied, never made into objects.

Whatever is not plain, or not as it is always written, is odd: None, and the operator's own step takes it. */
#include "slices.h"

enum { DEPTH = 64 };

int skip_value(Slice *rest, int depth)
{
    Slice raw;
    uint64_t count, bytes = 0;
    if (rest->at >= rest->end || depth > DEPTH)
        return 0;
    uint8_t tag = *rest->at++;
    switch (tag) {
    case NONE_:
    case FALSE_:
    case TRUE_:
        return 1;
    case INT_:
    case STR_:
    case BYTES_:
        return read_slice(&rest->at, rest->end, &raw);
    case REF_:
        return skip_value(rest, depth) && skip_value(rest, depth);
    case DOUBLE_:
    case TIME_:
        bytes = 8;
        break;
    case GEO_:
        bytes = 16;
        break;
    case VECTOR_:
        if (!read_varint(&rest->at, rest->end, &count) || count > size_of(*rest))
            return 0;
        bytes = 8 * count;
        break;
    case LIST_:
    case TUPLE_:
    case MAP_:
        if (!read_varint(&rest->at, rest->end, &count) || count > size_of(*rest))
            return 0;
        for (count *= tag == MAP_ ? 2 : 1; count; count--)
            if (!skip_value(rest, depth + 1))
                return 0;
        return 1;
    default:
        return 0;
    }
    if (size_of(*rest) < bytes)
        return 0;
    rest->at += bytes;
    return 1;
}

int take_int(Slice *rest, int64_t *number)
{
    Slice raw;
    if (rest->at >= rest->end || *rest->at++ != INT_ || !read_slice(&rest->at, rest->end, &raw) || size_of(raw) > 8 ||
        size_of(raw) < 1)
        return 0;
    uint64_t n = *raw.at & 0x80 ? ~0ULL : 0;
    while (raw.at < raw.end)
        n = n << 8 | *raw.at++;
    *number = (int64_t)n;
    return 1;
}

int version_of(Slice raw, Version *version)
{
    return take_tuple(&raw, 2) && take_int(&raw, &version->micros) && take_int(&raw, &version->tie) && raw.at == raw.end;
}

/* Whether both are versions and the first is above the second. */
int is_newer(Slice newer, Slice older)
{
    Version a, b;
    return version_of(newer, &a) && version_of(older, &b) && (a.micros > b.micros || (a.micros == b.micros && a.tie > b.tie));
}

int take_doc(Slice *rest, Doc *doc)
{
    return take(rest, &doc->version) && take(rest, &doc->fields) && take(rest, &doc->keys);
}

/* The value of a name in a map; an empty slice where it has none. 0: this is no map. */
static int value_at(Slice map, Slice wanted, Slice *found)
{
    uint64_t count;
    if (!take_head(&map, MAP_, &count))
        return 0;
    for (; count; count--) {
        Slice name, value;
        if (map.at >= map.end || *map.at++ != STR_ || !read_slice(&map.at, map.end, &name) || !take(&map, &value))
            return 0;
        if (same_bytes(name, wanted)) {
            *found = value;
            return 1;
        }
    }
    *found = (Slice){map.at, map.at};
    return 1;
}

/* Whether some fields of two versions have the same values. `names`: a tuple of bytes. */
static int all_stay(Slice before, Slice after, PyObject *names)
{
    for (Py_ssize_t n = 0; n < PyTuple_GET_SIZE(names); n++) {
        Slice name = raw_of(PyTuple_GET_ITEM(names, n)), old, new;
        if (!value_at(before, name, &old) || !value_at(after, name, &new) || !same_bytes(old, new))
            return 0;
    }
    return 1;
}

static int order_of(Slice a, Slice b)
{
    size_t size = size_of(a) < size_of(b) ? size_of(a) : size_of(b);
    int order = memcmp(a.at, b.at, size);
    return order ? order : (size_of(a) > size_of(b)) - (size_of(a) < size_of(b));
}

int add_slice(Buffer *out, Slice raw) { return buffer_add(out, raw.at, size_of(raw)); }

int add_tagged(Buffer *out, uint8_t tag, size_t count)
{
    Coder coder = {.out = *out};
    uint8_t first = tag;
    int well = buffer_add(&coder.out, &first, 1) && put_size(&coder, count) == DONE;
    *out = coder.out;
    return well;
}

/* The fields of a map that are read, as a map. `wanted`: their names in order; NULL: all. `apart`: a name that is not taken. */
Said add_read(Buffer *out, Buffer *body, Slice map, PyObject *wanted, Slice apart)
{
    uint64_t count;
    Slice last = {NULL, NULL};
    Py_ssize_t at = 0, kept = 0;
    if (!take_head(&map, MAP_, &count))
        return ODD;
    for (; count; count--) {
        Slice entry = {map.at, NULL}, name, value;
        if (map.at >= map.end || *map.at++ != STR_ || !read_slice(&map.at, map.end, &name) || !take(&map, &value) ||
            (last.at && order_of(last, name) >= 0) || same_bytes(name, apart))
            return ODD;
        last = name;
        entry.end = map.at;
        int order = 0;
        if (wanted) {
            order = 1;
            while (at < PyTuple_GET_SIZE(wanted) && (order = order_of(raw_of(PyTuple_GET_ITEM(wanted, at)), name)) < 0)
                at++;
            if (at == PyTuple_GET_SIZE(wanted))
                order = 1;
        }
        if (order == 0) {
            kept++;
            if (!add_slice(body, entry))
                return FAILED;
        }
    }
    if (map.at != map.end)
        return ODD;
    return add_tagged(out, MAP_, (size_t)kept) && buffer_add(out, body->data, body->size) ? DONE : FAILED;
}

PyObject *bytes_of(const Buffer *buffer)
{
    return PyBytes_FromStringAndSize((const char *)buffer->data, (Py_ssize_t)buffer->size);
}

/* An event: its version, fields, and the version that it replaced. */
int take_event(Slice *rest, Slice head, Doc *event)
{
    Slice time;
    return take_bytes(rest, head) && take(rest, &event->version) && take(rest, &event->fields) && take(rest, &time) &&
           take(rest, &event->keys) && rest->at == rest->end;
}

PyObject *native_plain_event(PyObject *module, PyObject *args)
{
    PyObject *state, *message, *event_head, *told_head, *key, *wanted, *apart, *stays, *found = NULL;
    Py_ssize_t begin;
    long long floor, now;
    int64_t since;
    if (!PyArg_ParseTuple(args, "SSnSSSOSO!LL", &state, &message, &begin, &event_head, &told_head, &key, &wanted, &apart,
                          &PyTuple_Type, &stays, &floor, &now))
        return NULL;
    Slice held = raw_of(state), rest = raw_of(message);
    Doc event;
    Slice version, fields;
    Version came;
    rest.at += begin;
    if (!size_of(held) || *held.at++ != STATE_VERSION || !take_tuple(&held, 3) || !take(&held, &version) ||
        !take(&held, &fields) || !take_int(&held, &since) || held.at != held.end)
        Py_RETURN_NONE;
    if (!take_event(&rest, raw_of(event_head), &event) || !is_newer(event.version, version) ||
        !version_of(event.version, &came) || came.micros <= floor || !is(event.fields, MAP_) || !is(fields, MAP_) ||
        came.tie < 0 || (!is(event.keys, NONE_) && !same_bytes(event.keys, version)))
        Py_RETURN_NONE;
    /* A document that was read at a time has rules of its own; so has the version of one that never was. */
    if (!version_of(version, &came) || came.tie < 0 || came.micros < 0 || (!came.micros && !came.tie))
        Py_RETURN_NONE;
    Buffer read = {0}, body = {0}, out = {0}, told = {0};
    Coder number = {0};
    Said said = add_read(&read, &body, event.fields, wanted == Py_None ? NULL : wanted, raw_of(apart));
    Slice after = {read.data, read.data + read.size};
    int changed = said == DONE && !same_bytes(fields, after);
    if (said == DONE && changed && !all_stay(fields, after, stays))
        said = ODD;
    if (said == DONE) {
        static const uint8_t version_byte = STATE_VERSION;
        PyObject *moment = PyLong_FromLongLong(now);
        int well = moment && put(&number, moment, 0) == DONE && buffer_add(&out, &version_byte, 1) &&
                   add_tagged(&out, TUPLE_, 3) && add_slice(&out, event.version) && add_slice(&out, after) &&
                   buffer_add(&out, number.out.data, number.out.size);
        if (well && changed)
            well = add_slice(&told, raw_of(told_head)) && add_slice(&told, raw_of(key)) && add_tagged(&told, TUPLE_, 3) &&
                   add_slice(&told, event.version) && add_slice(&told, after) && add_tagged(&told, TUPLE_, 0);
        Py_XDECREF(moment);
        if (!well)
            said = FAILED;
    }
    if (said == DONE) {
        PyObject *held_now = bytes_of(&out), *sent = changed ? bytes_of(&told) : Py_NewRef(Py_None);
        found = held_now && sent ? PyTuple_Pack(2, held_now, sent) : NULL;
        Py_XDECREF(held_now);
        Py_XDECREF(sent);
    } else if (said == ODD)
        found = Py_NewRef(Py_None);
    else if (!PyErr_Occurred())
        PyErr_NoMemory();
    buffer_free(&read);
    buffer_free(&body);
    buffer_free(&out);
    buffer_free(&told);
    buffer_free(&number.out);
    return found;
}

/* Whether a document is a newer version of the held one that belongs where it did and asks for what it did. */
static int is_plain(const Doc *now, const Doc *held, PyObject *stays)
{
    return is(now->fields, MAP_) && is(held->fields, MAP_) && is(held->keys, TUPLE_) && same_bytes(now->keys, held->keys) &&
           is_newer(now->version, held->version) && all_stay(held->fields, now->fields, stays);
}

/* What is told: a path, and what stands behind it. */
int take_told(Slice *rest, Slice head, Slice *path, Slice *content, Doc *doc)
{
    if (!take_bytes(rest, head) || !is(*rest, STR_) || !take(rest, path) || !take_tuple(rest, 3))
        return 0;
    content->at = rest->at;
    content->end = rest->end;
    return take_doc(rest, doc) && rest->at == rest->end;
}

/* Bytes with a piece of them replaced. */
PyObject *spliced(Slice whole, Slice old, Slice new)
{
    size_t before = (size_t)(old.at - whole.at), behind = (size_t)(whole.end - old.end);
    PyObject *found = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(before + size_of(new) + behind));
    if (found) {
        char *to = PyBytes_AS_STRING(found);
        memcpy(to, whole.at, before);
        memcpy(to + before, new.at, size_of(new));
        memcpy(to + before + size_of(new), old.end, behind);
    }
    return found;
}

PyObject *native_plain_member(PyObject *module, PyObject *args)
{
    PyObject *docs, *message, *head, *stays;
    Py_ssize_t begin;
    if (!PyArg_ParseTuple(args, "SSnSO!", &docs, &message, &begin, &head, &PyTuple_Type, &stays))
        return NULL;
    Slice held = raw_of(docs), rest = raw_of(message), path, content, entry;
    Doc now, before;
    uint64_t count;
    rest.at += begin;
    if (!take_told(&rest, raw_of(head), &path, &content, &now) || !size_of(held) || *held.at++ != STATE_VERSION ||
        !take_head(&held, TUPLE_, &count))
        Py_RETURN_NONE;
    for (; count; count--) {
        Slice name;
        if (!take_tuple(&held, 2) || !take(&held, &name) || !take_tuple(&held, 3))
            Py_RETURN_NONE;
        entry.at = held.at;
        if (!take_doc(&held, &before))
            Py_RETURN_NONE;
        entry.end = held.at;
        if (same_bytes(name, path))
            return is_plain(&now, &before, stays) ? spliced(raw_of(docs), entry, content) : Py_NewRef(Py_None);
    }
    Py_RETURN_NONE;
}

PyObject *native_plain_register(PyObject *module, PyObject *args)
{
    PyObject *record, *message, *head, *stays;
    Py_ssize_t begin;
    Coder coder = {0};
    if (!PyArg_ParseTuple(args, "SSnSO!OOO", &record, &message, &begin, &head, &PyTuple_Type, &stays, &coder.geopoint,
                          &coder.reference, &coder.vector))
        return NULL;
    Slice held = raw_of(record), rest = raw_of(message), path, content, entry = {NULL, NULL}, passed;
    Doc now, before;
    uint64_t count;
    rest.at += begin;
    if (!take_told(&rest, raw_of(head), &path, &content, &now) || !size_of(held) || *held.at++ != STATE_VERSION ||
        !take_tuple(&held, 7) || !take_head(&held, TUPLE_, &count))
        Py_RETURN_NONE;
    for (; count; count--) {
        Slice name;
        Doc doc;
        if (!take_tuple(&held, 4) || !take(&held, &name))
            Py_RETURN_NONE;
        const uint8_t *at = held.at;
        if (!take_doc(&held, &doc))
            Py_RETURN_NONE;
        if (!entry.at && same_bytes(name, path)) {
            entry = (Slice){at, held.at};
            before = doc;
        }
    }
    if (!entry.at || !is_plain(&now, &before, stays) || !take(&held, &passed) || !take(&held, &passed))
        Py_RETURN_NONE;
    Slice whole = raw_of(record), shown, old;
    Py_ssize_t tail = held.at - whole.at;
    whole.end = held.at;
    old = (Slice){held.at, held.at};
    if (take_head(&held, TUPLE_, &count) && count == 1 && take_tuple(&held, 2) && take(&held, &shown))
        take(&held, &old);
    Slice parts[] = {path, now.version, now.fields};
    PyObject *values[3];
    for (int n = 0; n < 3; n++) {
        Said said = get(&coder, &parts[n], 0, &values[n]);
        if (said != FOUND) {
            while (n--)
                Py_DECREF(values[n]);
            return said == FAILED ? NULL : Py_NewRef(Py_None);
        }
    }
    return Py_BuildValue("(NnNNNy#)", spliced(whole, entry, content), tail, values[0], values[1], values[2],
                         (const char *)old.at, (Py_ssize_t)size_of(old));
}

PyObject *native_active(PyObject *module, PyObject *args)
{
    PyObject *subs;
    if (!PyArg_ParseTuple(args, "S", &subs))
        return NULL;
    Slice held = raw_of(subs);
    uint64_t count;
    if (!size_of(held) || *held.at++ != STATE_VERSION || !take_head(&held, TUPLE_, &count))
        Py_RETURN_NONE;
    PyObject *found = PyList_New(0);
    for (; found && count; count--) {
        Slice root;
        int64_t weight;
        if (!take_tuple(&held, 2) || !take(&held, &root) || !take_int(&held, &weight)) {
            Py_DECREF(found);
            Py_RETURN_NONE;
        }
        PyObject *one = weight > 0 ? PyBytes_FromStringAndSize((const char *)root.at, (Py_ssize_t)size_of(root)) : NULL;
        if (weight > 0 && (!one || PyList_Append(found, one) < 0))
            Py_CLEAR(found);
        Py_XDECREF(one);
    }
    return found;
}
