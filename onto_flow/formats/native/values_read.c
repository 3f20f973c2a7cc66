/* The bytes of core.codec -> values and messages. What is unusual is left to the codec, which tells what is wrong. */
#include "coder.h"

static Said got(PyObject *value, PyObject **found)
{
    *found = value;
    return value ? FOUND : FAILED;
}

static Said get_word(Slice *rest, uint64_t *bits)
{
    if (size_of(*rest) < 8)
        return ODD;
    *bits = 0;
    for (int n = 0; n < 8; n++)
        *bits = *bits << 8 | *rest->at++;
    return FOUND;
}

static Said get_double(Slice *rest, PyObject **found)
{
    uint64_t bits;
    double value;
    if (get_word(rest, &bits) != FOUND)
        return ODD;
    memcpy(&value, &bits, 8);
    return got(PyFloat_FromDouble(value), found);
}

static Said get_int(Slice *rest, PyObject **found)
{
    Slice raw;
    if (!read_slice(&rest->at, rest->end, &raw) || size_of(raw) > 8 || size_of(raw) < 1)
        return ODD;
    uint64_t n = *raw.at & 0x80 ? ~0ULL : 0;
    while (raw.at < raw.end)
        n = n << 8 | *raw.at++;
    return got(PyLong_FromLongLong((int64_t)n), found);
}

static int is_ascii(Slice raw)
{
    uint64_t bits = 0;
    while (size_of(raw) >= 8) {
        bits |= word_at(raw.at);
        raw.at += 8;
    }
    while (raw.at < raw.end)
        bits |= *raw.at++;
    return !(bits & 0x8080808080808080ULL);
}

static Said text_of(Slice raw, PyObject **found)
{
    size_t size = size_of(raw);
    if (size > 1 && is_ascii(raw)) { /* what most texts are; shorter ones are shared by all */
        *found = PyUnicode_New((Py_ssize_t)size, 127);
        if (*found)
            memcpy(PyUnicode_DATA(*found), raw.at, size);
        return *found ? FOUND : FAILED;
    }
    *found = PyUnicode_DecodeUTF8((const char *)raw.at, (Py_ssize_t)size, NULL);
    if (*found)
        return FOUND;
    if (!PyErr_ExceptionMatches(PyExc_UnicodeDecodeError))
        return FAILED;
    PyErr_Clear();
    return ODD;
}

static Said get_text(Slice *rest, PyObject **found)
{
    Slice raw;
    return read_slice(&rest->at, rest->end, &raw) ? text_of(raw, found) : ODD;
}

enum { NAMES = 512 };

struct Met_name {
    PyObject *text; /* ASCII alone */
    const char *raw;
    size_t size;
    Met_name *next;
};

Met_name first_name;
static Met_name met_names[NAMES], database_name;

static inline int is_name(const Met_name *name, Slice raw)
{
    return name->text && name->size == size_of(raw) && !memcmp(name->raw, raw.at, name->size);
}

static Met_name *place_of(Slice raw)
{
    uint64_t hash = size_of(raw);
    for (; size_of(raw) >= 8; raw.at += 8)
        hash = (hash ^ word_at(raw.at)) * 0x9E3779B97F4A7C15ULL;
    for (; raw.at < raw.end; raw.at++)
        hash = (hash ^ *raw.at) * 0x9E3779B97F4A7C15ULL;
    return &met_names[hash >> 55];
}

/* Most are the same few again and again, in the same order. */
Said get_name(Slice *rest, Met_name **last, PyObject **found)
{
    Slice raw;
    if (!read_slice(&rest->at, rest->end, &raw))
        return ODD;
    Met_name *met = (*last)->next;
    if (!met || !is_name(met, raw)) {
        met = place_of(raw);
        (*last)->next = met;
    }
    *last = met;
    if (is_name(met, raw))
        return got(Py_NewRef(met->text), found);
    Said said = text_of(raw, found);
    if (said != FOUND)
        return said;
    PyUnicode_InternInPlace(found);
    if (PyUnicode_IS_COMPACT_ASCII(*found)) {
        Py_XSETREF(met->text, Py_NewRef(*found));
        met->raw = PyUnicode_DATA(*found);
        met->size = size_of(raw);
    }
    return FOUND;
}

static int take_tag(Slice *rest, uint8_t tag) { return rest->at < rest->end && *rest->at++ == tag; }

static Said tagged_text(Slice *rest, PyObject **found) { return take_tag(rest, STR_) ? get_text(rest, found) : ODD; }

static Said get_reference(Coder *coder, Slice *rest, PyObject **found)
{
    PyObject *path, *database;
    Said said = tagged_text(rest, &path);
    if (said != FOUND)
        return said;
    Met_name *last = &database_name;
    said = take_tag(rest, STR_) ? get_name(rest, &last, &database) : ODD;
    if (said == FOUND) {
        PyObject *other = PyUnicode_GET_LENGTH(database) ? database : Py_None;
        said = got(new_reference(coder->reference, path, other), found);
        Py_DECREF(database);
    }
    Py_DECREF(path);
    return said;
}

static Said get_geopoint(Coder *coder, Slice *rest, PyObject **found)
{
    PyObject *latitude, *longitude;
    Said said = get_double(rest, &latitude);
    if (said != FOUND)
        return said;
    said = get_double(rest, &longitude);
    if (said == FOUND) {
        said = got(PyObject_CallFunctionObjArgs(coder->geopoint, latitude, longitude, NULL), found);
        Py_DECREF(longitude);
    }
    Py_DECREF(latitude);
    return said;
}

/* As many elements as stand there; a count that the bytes cannot hold is odd. */
static Said get_tuple(Coder *coder, Slice *rest, int depth, int doubles, PyObject **found)
{
    uint64_t count;
    if (!read_varint(&rest->at, rest->end, &count) || count > size_of(*rest))
        return ODD;
    PyObject *tuple = PyTuple_New((Py_ssize_t)count), *one;
    int flat = count > 0;
    if (!tuple)
        return FAILED;
    for (Py_ssize_t n = 0; n < (Py_ssize_t)count; n++) {
        Said said = doubles ? get_double(rest, &one) : get(coder, rest, depth + 1, &one);
        if (said != FOUND) {
            Py_DECREF(tuple);
            return said;
        }
        PyTuple_SET_ITEM(tuple, n, one);
        flat = flat && !PyType_IS_GC(Py_TYPE(one));
    }
    if (flat) /* as the garbage collector does when it first comes by */
        PyObject_GC_UnTrack(tuple);
    return got(tuple, found);
}

static Said get_vector(Coder *coder, Slice *rest, PyObject **found)
{
    PyObject *values;
    Said said = get_tuple(coder, rest, 0, 1, &values);
    if (said != FOUND)
        return said;
    said = got(PyObject_CallOneArg(coder->vector, values), found);
    Py_DECREF(values);
    return said;
}

static Said get_list(Coder *coder, Slice *rest, int depth, PyObject **found)
{
    uint64_t count;
    if (!read_varint(&rest->at, rest->end, &count) || count > size_of(*rest))
        return ODD;
    PyObject *list = PyList_New((Py_ssize_t)count), *one;
    if (!list)
        return FAILED;
    for (Py_ssize_t n = 0; n < (Py_ssize_t)count; n++) {
        Said said = get(coder, rest, depth + 1, &one);
        if (said != FOUND) {
            Py_DECREF(list);
            return said;
        }
        PyList_SET_ITEM(list, n, one);
    }
    return got(list, found);
}

static Said get_map(Coder *coder, Slice *rest, int depth, PyObject **found)
{
    uint64_t count;
    if (!read_varint(&rest->at, rest->end, &count) || count > size_of(*rest))
        return ODD;
    PyObject *map = PyDict_New(), *name, *value;
    Said said = map ? FOUND : FAILED;
    Met_name *last = &first_name;
    for (; said == FOUND && count; count--) {
        said = take_tag(rest, STR_) ? get_name(rest, &last, &name) : ODD;
        if (said != FOUND)
            break;
        said = get(coder, rest, depth + 1, &value);
        if (said == FOUND) {
            said = PyDict_SetItem(map, name, value) ? FAILED : FOUND;
            Py_DECREF(value);
        }
        Py_DECREF(name);
    }
    if (said == FOUND)
        return got(map, found);
    Py_XDECREF(map);
    return said;
}

Said get(Coder *coder, Slice *rest, int depth, PyObject **found)
{
    Slice raw;
    uint64_t bits;
    if (rest->at >= rest->end || depth > DEPTH)
        return ODD;
    switch (*rest->at++) {
    case NONE_:
        return got(Py_NewRef(Py_None), found);
    case FALSE_:
        return got(Py_NewRef(Py_False), found);
    case TRUE_:
        return got(Py_NewRef(Py_True), found);
    case INT_:
        return get_int(rest, found);
    case DOUBLE_:
        return get_double(rest, found);
    case STR_:
        return get_text(rest, found);
    case BYTES_:
        if (!read_slice(&rest->at, rest->end, &raw))
            return ODD;
        return got(PyBytes_FromStringAndSize((const char *)raw.at, (Py_ssize_t)size_of(raw)), found);
    case TIME_:
        return get_word(rest, &bits) == FOUND ? make_timestamp((int64_t)bits, found) : ODD;
    case GEO_:
        return get_geopoint(coder, rest, found);
    case REF_:
        return get_reference(coder, rest, found);
    case VECTOR_:
        return get_vector(coder, rest, found);
    case LIST_:
        return get_list(coder, rest, depth, found);
    case MAP_:
        return get_map(coder, rest, depth, found);
    case TUPLE_:
        return get_tuple(coder, rest, depth, 0, found);
    default:
        return ODD;
    }
}

PyObject *native_decode(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    enum { GEOPOINT, REFERENCE, VECTOR, OTHERWISE, DATA, BEGIN };
    if (count != BEGIN && count != BEGIN + 1)
        return PyErr_Format(PyExc_TypeError, "bytes are wanted, and where a value begins in them");
    Coder coder = {.geopoint = args[GEOPOINT], .reference = args[REFERENCE], .vector = args[VECTOR]};
    Py_buffer data;
    Py_ssize_t begin = count > BEGIN ? PyLong_AsSsize_t(args[BEGIN]) : 0;
    PyObject *found = NULL;
    if ((begin == -1 && PyErr_Occurred()) || PyObject_GetBuffer(args[DATA], &data, PyBUF_SIMPLE) < 0)
        return NULL;
    Slice rest = {(const uint8_t *)data.buf, (const uint8_t *)data.buf + data.len};
    rest.at += begin >= 0 && begin < data.len ? begin : data.len;
    Said said = get(&coder, &rest, 0, &found);
    if (said == FOUND && rest.at != rest.end) {
        Py_CLEAR(found);
        said = ODD;
    }
    PyBuffer_Release(&data);
    return said == ODD ? PyObject_CallFunction(args[OTHERWISE], "On", args[DATA], begin) : said == FOUND ? found : NULL;
}
