/* The fields of change events -> dicts of Python values: from protobuf, and from typed JSON that was parsed.

   The grammars are those of event_body.py and typed_json_decoder.py; whatever is unusual is ODD and left to them. */
#include "native.h"

#include <datetime.h>

/* What the values of one database need. */
typedef struct {
    const char *near; /* `projects/P/databases/D/documents/`; NULL where no database is known */
    Py_ssize_t near_size;
    PyObject *reference, *geopoint, *vector_of_map;
    PyObject *other; /* (kind, content) -> a scalar value of another form; raises for none */
} Makers;

int events_begin(void)
{
    PyDateTime_IMPORT;
    return PyDateTimeAPI != NULL;
}

static Said made(PyObject *value, PyObject **found)
{
    *found = value;
    return value ? FOUND : FAILED;
}

/* What a call of ours gave; what it refuses is left to the decoder in Python, which says why. */
static Said given(PyObject *value, PyObject **found)
{
    *found = value;
    if (value)
        return FOUND;
    if (!PyErr_ExceptionMatches(PyExc_Exception) || PyErr_ExceptionMatches(PyExc_MemoryError))
        return FAILED;
    PyErr_Clear();
    return ODD;
}

/* Whether a path names a document: an even number of parts, none of them empty, `.`, `..` or over 1,500 bytes. */
static int is_path(const char *at, Py_ssize_t size)
{
    const char *end = at + size, *part = at;
    int parts = 0;
    for (;; at++) {
        if (at < end && *at != '/')
            continue;
        Py_ssize_t length = at - part;
        if (!length || length > 1500 || (*part == '.' && (length == 1 || (length == 2 && part[1] == '.'))))
            return 0;
        parts++;
        if (at == end)
            return parts % 2 == 0;
        part = at + 1;
    }
}

/* A reference into the database itself; DONE for one of another form. */
static Said near_reference(const Makers *makers, const char *text, Py_ssize_t size, PyObject **found)
{
    if (!makers->near || size <= makers->near_size || memcmp(text, makers->near, (size_t)makers->near_size) != 0)
        return DONE;
    text += makers->near_size;
    size -= makers->near_size;
    if (!is_path(text, size))
        return ODD;
    PyObject *path = PyUnicode_DecodeUTF8(text, size, NULL);
    if (!path)
        return given(NULL, found);
    Said said = given(PyObject_CallOneArg(makers->reference, path), found);
    Py_DECREF(path);
    return said;
}

static Said finished_map(const Makers *makers, PyObject *fields, PyObject **found)
{
    if (PyDict_GET_SIZE(fields) != 2)
        return made(fields, found);
    Said said = given(PyObject_CallOneArg(makers->vector_of_map, fields), found);
    Py_DECREF(fields);
    return said;
}

static Said point(const Makers *makers, double latitude, double longitude, PyObject **found)
{
    return given(PyObject_CallFunction(makers->geopoint, "dd", latitude, longitude), found);
}

/* ---- protobuf ---------------------------------------------------------------------------------------------------- */

static Said wire_map(const Makers *makers, Slice *data, uint8_t tag, int depth, PyObject **found);

static Said wire_text(Slice raw, PyObject **found)
{
    return given(PyUnicode_DecodeUTF8((const char *)raw.at, (Py_ssize_t)size_of(raw), NULL), found);
}

static Said wire_time(Slice data, PyObject **found)
{
    uint64_t seconds = 0, nanos = 0;
    while (data.at < data.end) {
        uint8_t tag = *data.at++;
        if (!read_varint(&data.at, data.end, tag == 0x10 ? &nanos : &seconds) || (tag != 0x08 && tag != 0x10))
            return ODD;
    }
    int64_t whole = (int64_t)seconds;
    if (nanos >= 1000000000 || whole < -62135596800LL || whole > 253402300799LL)
        return ODD;
    return make_timestamp(whole * 1000000 + (int64_t)(nanos / 1000), found);
}

static Said wire_point(const Makers *makers, Slice data, PyObject **found)
{
    if (size_of(data) != 18 || data.at[0] != 0x09 || data.at[9] != 0x11)
        return ODD;
    return point(makers, double_at(data.at + 1), double_at(data.at + 10), found);
}

static Said wire_reference(const Makers *makers, Slice raw, PyObject **found)
{
    Said said = near_reference(makers, (const char *)raw.at, (Py_ssize_t)size_of(raw), found);
    if (said != DONE)
        return said;
    PyObject *text;
    said = wire_text(raw, &text);
    if (said != FOUND)
        return said;
    said = given(PyObject_CallFunction(makers->other, "sO", "referenceValue", text), found);
    Py_DECREF(text);
    return said;
}

static Said wire_value(const Makers *makers, Slice value, int depth, PyObject **found);

static Said wire_array(const Makers *makers, Slice data, int depth, PyObject **found)
{
    PyObject *list = PyList_New(0), *element;
    Said said = list ? FOUND : FAILED;
    while (said == FOUND && data.at < data.end) {
        Slice part;
        if (*data.at++ != 0x0A || !read_slice(&data.at, data.end, &part) || !size_of(part) || *part.at == 0x4A) {
            said = ODD;
            break;
        }
        said = wire_value(makers, part, depth, &element);
        if (said == FOUND) {
            if (PyList_Append(list, element) < 0)
                said = FAILED;
            Py_DECREF(element);
        }
    }
    if (said != FOUND)
        Py_CLEAR(list);
    *found = list;
    return said;
}

static Said wire_inner(const Makers *makers, Slice data, int depth, PyObject **found)
{
    PyObject *fields;
    if (depth >= MAX_DEPTH)
        return ODD;
    Said said = wire_map(makers, &data, 0x0A, depth + 1, &fields);
    if (said != FOUND)
        return said;
    if (data.at == data.end)
        return finished_map(makers, fields, found);
    Py_DECREF(fields);
    return ODD;
}

static Said wire_value(const Makers *makers, Slice value, int depth, PyObject **found)
{
    if (!size_of(value))
        return ODD;
    uint8_t tag = *value.at++;
    uint64_t number;
    Slice content;
    switch (tag) {
    case 0x08: return size_of(value) == 1 && *value.at <= 1 ? made(PyBool_FromLong(*value.at), found) : ODD;
    case 0x10:
        if (!read_varint(&value.at, value.end, &number) || value.at != value.end)
            return ODD;
        return made(PyLong_FromLongLong((int64_t)number), found);
    case 0x19: return size_of(value) == 8 ? made(PyFloat_FromDouble(double_at(value.at)), found) : ODD;
    case 0x58: return size_of(value) == 1 && !*value.at ? made(Py_NewRef(Py_None), found) : ODD;
    case 0x8A:
    case 0x92:
        if (!size_of(value) || *value.at++ != 1)
            return ODD;
        break;
    case 0x2A:
    case 0x32:
    case 0x42:
    case 0x4A:
    case 0x52: break;
    default: return ODD;
    }
    if (!read_slice(&value.at, value.end, &content) || content.end != value.end)
        return ODD;
    switch (tag) {
    case 0x8A: return wire_text(content, found);
    case 0x92: return made(PyBytes_FromStringAndSize((const char *)content.at, (Py_ssize_t)size_of(content)), found);
    case 0x2A: return wire_reference(makers, content, found);
    case 0x32: return wire_inner(makers, content, depth, found);
    case 0x42: return wire_point(makers, content, found);
    case 0x4A: return wire_array(makers, content, depth, found);
    default: return wire_time(content, found);
    }
}

/* Entries of a map while there are any; `data` is left where they end. */
static Said wire_map(const Makers *makers, Slice *data, uint8_t tag, int depth, PyObject **found)
{
    PyObject *fields = PyDict_New(), *name, *value;
    Said said = fields ? FOUND : FAILED;
    Py_ssize_t count = 0;
    while (said == FOUND && data->at < data->end && *data->at == tag) {
        Slice entry, key, content;
        data->at++;
        if (!read_slice(&data->at, data->end, &entry) || !size_of(entry) || *entry.at++ != 0x0A ||
            !read_slice(&entry.at, entry.end, &key) || !size_of(entry) || *entry.at++ != 0x12 ||
            !read_slice(&entry.at, entry.end, &content) || content.end != entry.end) {
            said = ODD;
            break;
        }
        said = wire_text(key, &name);
        if (said != FOUND)
            break;
        said = wire_value(makers, content, depth, &value);
        if (said == FOUND) {
            if (PyDict_SetItem(fields, name, value) < 0)
                said = FAILED;
            else if (PyDict_GET_SIZE(fields) != ++count)
                said = ODD;
            Py_DECREF(value);
        }
        Py_DECREF(name);
    }
    if (said != FOUND)
        Py_CLEAR(fields);
    *found = fields;
    return said;
}

/* ---- typed JSON -------------------------------------------------------------------------------------------------- */

static Said json_map(const Makers *makers, PyObject *fields, int depth, PyObject **found);

/* The UTF-8 of a text; NULL for one that is none, such as a lone surrogate. */
static const char *utf8(PyObject *text, Py_ssize_t *size)
{
    if (!PyUnicode_CheckExact(text))
        return NULL;
    const char *found = PyUnicode_AsUTF8AndSize(text, size);
    if (!found)
        PyErr_Clear();
    return found;
}

static int is_unicode(PyObject *text)
{
    Py_ssize_t size;
    return PyUnicode_CheckExact(text) && (PyUnicode_IS_ASCII(text) || utf8(text, &size));
}

/* A decimal integer as it is written: no sign but `-`, no zeros before it; DONE for one of more than 18 digits. */
static Said json_integer(PyObject *content, PyObject **found)
{
    int overflow = 0;
    if (PyLong_CheckExact(content)) {
        long long number = PyLong_AsLongLongAndOverflow(content, &overflow);
        if (number == -1 && PyErr_Occurred())
            return FAILED;
        return overflow ? ODD : made(Py_NewRef(content), found);
    }
    Py_ssize_t size;
    const char *text = utf8(content, &size);
    if (!text || !size)
        return ODD;
    int negative = *text == '-';
    Py_ssize_t digits = size - negative;
    if (digits > 18)
        return DONE;
    if (digits < 1 || (text[negative] == '0' && size > 1))
        return ODD;
    int64_t number = 0;
    for (Py_ssize_t at = negative; at < size; at++) {
        if (text[at] < '0' || text[at] > '9')
            return ODD;
        number = number * 10 + (text[at] - '0');
    }
    return made(PyLong_FromLongLong(negative ? -number : number), found);
}

/* A finite number; another form is left to `other`. */
static int json_number(PyObject *content, double *number)
{
    if (!PyFloat_CheckExact(content) && !PyLong_CheckExact(content))
        return 0;
    *number = PyFloat_CheckExact(content) ? PyFloat_AS_DOUBLE(content) : PyLong_AsDouble(content);
    if (*number == -1.0 && PyErr_Occurred()) {
        PyErr_Clear();
        return 0;
    }
    return *number - *number == 0.0;
}

static int two_digits(const char *at)
{
    return at[0] >= '0' && at[0] <= '9' && at[1] >= '0' && at[1] <= '9' ? (at[0] - '0') * 10 + (at[1] - '0') : -1;
}

/* A time as Firestore writes it, with 0, 3 or 6 digits below the second, in UTC; DONE for another form. */
static Said json_time(PyObject *content, PyObject **found)
{
    Py_ssize_t size;
    const char *text = utf8(content, &size);
    if (!text || (size != 20 && size != 24 && size != 27) || text[4] != '-' || text[7] != '-' || text[10] != 'T' ||
        text[13] != ':' || text[16] != ':' || text[19] != (size == 20 ? 'Z' : '.') || text[size - 1] != 'Z')
        return DONE;
    int parts[7] = {two_digits(text),      two_digits(text + 2),  two_digits(text + 5), two_digits(text + 8),
                    two_digits(text + 11), two_digits(text + 14), two_digits(text + 17)};
    for (int n = 0; n < 7; n++)
        if (parts[n] < 0)
            return DONE;
    int micros = 0;
    for (Py_ssize_t at = 20; at < size - 1; at++) {
        if (text[at] < '0' || text[at] > '9')
            return DONE;
        micros = micros * 10 + (text[at] - '0');
    }
    if (size == 24)
        micros *= 1000;
    if (parts[4] > 23)
        return DONE;
    return given(PyDateTimeAPI->DateTime_FromDateAndTime(parts[0] * 100 + parts[1], parts[2], parts[3], parts[4], parts[5],
                                                         parts[6], micros, PyDateTime_TimeZone_UTC,
                                                         PyDateTimeAPI->DateTimeType),
                 found);
}

static Said json_array(const Makers *makers, PyObject *content, int depth, PyObject **found);

/* The one member of an object; NULL for another number of members, or another name. */
static PyObject *only(PyObject *content, const char *name)
{
    PyObject *key, *value;
    Py_ssize_t at = 0;
    if (PyDict_GET_SIZE(content) != 1 || !PyDict_Next(content, &at, &key, &value) || !PyUnicode_CheckExact(key) ||
        PyUnicode_CompareWithASCIIString(key, name) != 0)
        return NULL;
    return value;
}

static Said json_inner(const Makers *makers, PyObject *content, int depth, PyObject **found)
{
    if (depth >= MAX_DEPTH || !PyDict_CheckExact(content))
        return ODD;
    if (!PyDict_GET_SIZE(content))
        return made(PyDict_New(), found);
    PyObject *inner = only(content, "fields"), *fields;
    if (!inner)
        return ODD;
    Said said = json_map(makers, inner, depth + 1, &fields);
    return said == FOUND ? finished_map(makers, fields, found) : said;
}

static Said json_point(const Makers *makers, PyObject *content, PyObject **found)
{
    double numbers[2];
    if (!PyDict_CheckExact(content) || PyDict_GET_SIZE(content) != 2)
        return DONE;
    const char *names[2] = {"latitude", "longitude"};
    for (int n = 0; n < 2; n++) {
        PyObject *part = PyDict_GetItemString(content, names[n]);
        if (!part || !json_number(part, &numbers[n]))
            return DONE;
    }
    return point(makers, numbers[0], numbers[1], found);
}

static int is(PyObject *kind, const char *name, Py_ssize_t size)
{
    return PyUnicode_GET_LENGTH(kind) == size && memcmp(PyUnicode_1BYTE_DATA(kind), name, (size_t)size) == 0;
}

#define IS(name) is(kind, name, sizeof name - 1)

static Said json_value(const Makers *makers, PyObject *typed, int depth, int in_array, PyObject **found)
{
    PyObject *kind, *content;
    Py_ssize_t at = 0, size;
    double number;
    if (!PyDict_CheckExact(typed) || PyDict_GET_SIZE(typed) != 1 || !PyDict_Next(typed, &at, &kind, &content) ||
        !PyUnicode_CheckExact(kind) || !PyUnicode_IS_ASCII(kind))
        return ODD;
    Said said = DONE;
    if (IS("stringValue"))
        return is_unicode(content) ? made(Py_NewRef(content), found) : ODD;
    if (IS("integerValue"))
        said = json_integer(content, found);
    else if (IS("doubleValue"))
        said = json_number(content, &number) ? made(PyFloat_FromDouble(number), found) : DONE;
    else if (IS("booleanValue"))
        return PyBool_Check(content) ? made(Py_NewRef(content), found) : ODD;
    else if (IS("nullValue"))
        said = content == Py_None ? made(Py_NewRef(content), found) : DONE;
    else if (IS("mapValue"))
        return json_inner(makers, content, depth, found);
    else if (IS("arrayValue"))
        return in_array ? ODD : json_array(makers, content, depth, found);
    else if (IS("timestampValue"))
        said = json_time(content, found);
    else if (IS("referenceValue")) {
        const char *text = utf8(content, &size);
        said = text ? near_reference(makers, text, size, found) : ODD;
    } else if (IS("geoPointValue"))
        said = json_point(makers, content, found);
    if (said != DONE)
        return said;
    return given(PyObject_CallFunctionObjArgs(makers->other, kind, content, NULL), found);
}

static Said json_array(const Makers *makers, PyObject *content, int depth, PyObject **found)
{
    if (!PyDict_CheckExact(content))
        return ODD;
    if (!PyDict_GET_SIZE(content))
        return made(PyList_New(0), found);
    PyObject *values = only(content, "values");
    if (!values || !PyList_CheckExact(values))
        return ODD;
    PyObject *list = PyList_New(0), *element;
    Said said = list ? FOUND : FAILED;
    for (Py_ssize_t n = 0; said == FOUND && n < PyList_GET_SIZE(values); n++) {
        said = json_value(makers, PyList_GET_ITEM(values, n), depth, 1, &element);
        if (said == FOUND) {
            if (PyList_Append(list, element) < 0)
                said = FAILED;
            Py_DECREF(element);
        }
    }
    if (said != FOUND)
        Py_CLEAR(list);
    *found = list;
    return said;
}

static Said json_map(const Makers *makers, PyObject *fields, int depth, PyObject **found)
{
    PyObject *name, *typed, *value;
    Py_ssize_t at = 0;
    if (!PyDict_CheckExact(fields))
        return ODD;
    PyObject *made_of = PyDict_New();
    Said said = made_of ? FOUND : FAILED;
    while (said == FOUND && PyDict_Next(fields, &at, &name, &typed)) {
        said = is_unicode(name) ? json_value(makers, typed, depth, 0, &value) : ODD;
        if (said == FOUND) {
            if (PyDict_SetItem(made_of, name, value) < 0)
                said = FAILED;
            Py_DECREF(value);
        }
    }
    if (said != FOUND)
        Py_CLEAR(made_of);
    *found = made_of;
    return said;
}

/* ---- the functions ----------------------------------------------------------------------------------------------- */

PyObject *native_typed_fields(PyObject *module, PyObject *args)
{
    Makers makers;
    PyObject *fields, *found;
    if (!PyArg_ParseTuple(args, "O(z#OOOO)", &fields, &makers.near, &makers.near_size, &makers.reference, &makers.geopoint,
                          &makers.vector_of_map, &makers.other))
        return NULL;
    Said said = json_map(&makers, fields, 0, &found);
    if (said == FOUND)
        return found;
    return said == FAILED ? NULL : Py_NewRef(Py_None);
}

PyObject *native_event_fields(PyObject *module, PyObject *args)
{
    Makers makers;
    PyObject *data, *found;
    Py_ssize_t at, end;
    if (!PyArg_ParseTuple(args, "Snn(z#OOOO)", &data, &at, &end, &makers.near, &makers.near_size, &makers.reference,
                          &makers.geopoint, &makers.vector_of_map, &makers.other))
        return NULL;
    if (at < 0 || at > end || end > PyBytes_GET_SIZE(data))
        return Py_NewRef(Py_None);
    const uint8_t *begin = (const uint8_t *)PyBytes_AS_STRING(data);
    Slice slice = {begin + at, begin + end};
    Said said = wire_map(&makers, &slice, 0x12, 0, &found);
    if (said == FOUND)
        return Py_BuildValue("(Nn)", found, (Py_ssize_t)(slice.at - begin));
    return said == FAILED ? NULL : Py_NewRef(Py_None);
}
