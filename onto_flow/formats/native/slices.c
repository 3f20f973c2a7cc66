/* Messages and state as slices of their bytes. */
#include "slices.h"

int skip_value(Slice *rest)
{
    const uint8_t *at = rest->at, *end = rest->end;
    Slice raw;
    uint64_t count, bytes;
    for (uint64_t wanted = 1; wanted; wanted--) {
        if (at >= end)
            return 0;
        uint8_t tag = *at++;
        bytes = 0;
        switch (tag) {
        case NONE_:
        case FALSE_:
        case TRUE_:
            continue;
        case INT_:
        case STR_:
        case BYTES_:
            if (!read_slice(&at, end, &raw))
                return 0;
            continue;
        case REF_:
            wanted += 2;
            continue;
        case DOUBLE_:
        case TIME_:
            bytes = 8;
            break;
        case GEO_:
            bytes = 16;
            break;
        case VECTOR_:
        case LIST_:
        case TUPLE_:
        case MAP_:
            if (!read_varint(&at, end, &count) || count > (size_t)(end - at))
                return 0;
            if (tag == VECTOR_)
                bytes = 8 * count;
            else
                wanted += tag == MAP_ ? 2 * count : count;
            break;
        default:
            return 0;
        }
        if ((size_t)(end - at) < bytes)
            return 0;
        at += bytes;
    }
    rest->at = at;
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

int is_newer(Slice newer, Slice older)
{
    Version a, b;
    return version_of(newer, &a) && version_of(older, &b) && is_above(a, b);
}

int take_doc(Slice *rest, Doc *doc)
{
    return take(rest, &doc->version) && take(rest, &doc->fields) && take(rest, &doc->keys);
}

int take_event(Slice *rest, Slice head, Doc *event)
{
    Slice time;
    return take_bytes(rest, head) && take(rest, &event->version) && take(rest, &event->fields) && take(rest, &time) &&
           take(rest, &event->keys) && rest->at == rest->end;
}

int take_told(Slice *rest, Slice head, Slice *path, Slice *content, Doc *doc)
{
    if (!take_bytes(rest, head) || !is(*rest, STR_) || !take(rest, path) || !take_tuple(rest, 3))
        return 0;
    content->at = rest->at;
    content->end = rest->end;
    return take_doc(rest, doc) && rest->at == rest->end;
}

int add_slice(Buffer *out, Slice raw) { return buffer_add(out, raw.at, size_of(raw)); }

int add_tagged(Buffer *out, uint8_t tag, size_t count)
{
    uint8_t head[11];
    return buffer_add(out, head, (size_t)(write_head(head, tag, count) - head));
}

PyObject *bytes_of(const Buffer *buffer)
{
    return PyBytes_FromStringAndSize((const char *)buffer->data, (Py_ssize_t)buffer->size);
}

int state_of(PyObject *state, Slice *held)
{
    *held = NOTHING_HELD;
    if (state == Py_None)
        return 1;
    if (!PyBytes_Check(state))
        return 0;
    *held = raw_of(state);
    return size_of(*held) && *held->at++ == STATE_VERSION;
}

PyObject *part_of(Slice raw)
{
    return raw.at ? PyBytes_FromStringAndSize((const char *)raw.at, (Py_ssize_t)size_of(raw)) : Py_NewRef(Py_None);
}

int add_int(Buffer *out, int64_t number)
{
    Coder coder = {.out = *out};
    PyObject *value = PyLong_FromLongLong(number);
    int well = value && put(&coder, value, 0) == DONE;
    Py_XDECREF(value);
    *out = coder.out;
    return well;
}

int add_state(Buffer *out, uint8_t tag, size_t count)
{
    static const uint8_t version_byte = STATE_VERSION;
    return buffer_add(out, &version_byte, 1) && add_tagged(out, tag, count);
}

PyObject *no_room(void) { return PyErr_Occurred() ? NULL : PyErr_NoMemory(); }

PyObject *joined(const Slice *pieces, int count)
{
    size_t size = 0;
    for (int n = 0; n < count; n++)
        size += size_of(pieces[n]);
    PyObject *found = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)size);
    char *to = found ? PyBytes_AS_STRING(found) : NULL;
    for (int n = 0; found && n < count; n++) {
        memcpy(to, pieces[n].at, size_of(pieces[n]));
        to += size_of(pieces[n]);
    }
    return found;
}

PyObject *spliced(Slice whole, Slice old, Slice new)
{
    const Slice pieces[] = {{whole.at, old.at}, new, {old.end, whole.end}};
    return joined(pieces, 3);
}

int are_given(PyObject *const *args, Py_ssize_t count, Py_ssize_t wanted, const uint8_t *bytes, size_t bytes_count)
{
    int well = count == wanted;
    for (size_t n = 0; well && n < bytes_count; n++)
        well = PyBytes_Check(args[bytes[n]]);
    if (!well)
        PyErr_SetString(PyExc_TypeError, "other arguments are wanted");
    return well;
}

Slice one_shown(Slice rest)
{
    Slice path, document = {rest.at, rest.at};
    uint64_t count;
    if (take_head(&rest, TUPLE_, &count) && count == 1 && take_tuple(&rest, 2) && take(&rest, &path))
        take(&rest, &document);
    return document;
}
