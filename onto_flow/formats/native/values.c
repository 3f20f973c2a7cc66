/* Values and messages -> the bytes of core.codec. What is unusual is left to the codec, which tells what is wrong. */
#include "coder.h"

#include <datetime.h>

static PyObject *name_latitude, *name_longitude, *name_path, *name_database, *name_values, *no_text;

int values_begin(void)
{
    PyDateTime_IMPORT;
    name_latitude = PyUnicode_InternFromString("latitude");
    name_longitude = PyUnicode_InternFromString("longitude");
    name_path = PyUnicode_InternFromString("path");
    name_database = PyUnicode_InternFromString("database");
    name_values = PyUnicode_InternFromString("values");
    no_text = PyUnicode_InternFromString("");
    return PyDateTimeAPI && name_latitude && name_longitude && name_path && name_database && name_values && no_text;
}

Said out_of_room(void)
{
    PyErr_NoMemory();
    return FAILED;
}

/* Room for so many bytes, which the caller fills and counts; NULL: no memory. */
static inline uint8_t *room(Coder *coder, size_t more)
{
    return buffer_reserve(&coder->out, more) ? coder->out.data + coder->out.size : NULL;
}

static inline Said filled(Coder *coder, const uint8_t *end)
{
    coder->out.size = (size_t)(end - coder->out.data);
    return DONE;
}

static Said put_byte(Coder *coder, uint8_t byte)
{
    uint8_t *at = room(coder, 1);
    if (!at)
        return out_of_room();
    *at++ = byte;
    return filled(coder, at);
}

Said put_size(Coder *coder, size_t n)
{
    uint8_t *at = room(coder, 10);
    return at ? filled(coder, write_size(at, n)) : out_of_room();
}

static Said put_tagged(Coder *coder, uint8_t tag, size_t n)
{
    uint8_t *at = room(coder, 11);
    if (!at)
        return out_of_room();
    return filled(coder, write_head(at, tag, n));
}

static Said put_raw(Coder *coder, uint8_t tag, const void *raw, size_t size)
{
    uint8_t *at = room(coder, 11 + size);
    if (!at)
        return out_of_room();
    at = write_head(at, tag, size);
    memcpy(at, raw, size);
    return filled(coder, at + size);
}

static Said put_word(Coder *coder, uint64_t bits)
{
    uint8_t bytes[8];
    big_endian(bits, bytes);
    return buffer_add(&coder->out, bytes, 8) ? DONE : out_of_room();
}

static Said put_double(Coder *coder, double value)
{
    uint64_t bits = 0x7FF8000000000000ULL; /* every NaN is this one */
    if (value == value)
        memcpy(&bits, &value, 8);
    return put_word(coder, bits);
}

Said put_number(Coder *coder, int64_t n)
{
    uint8_t *at = room(coder, 10);
    return at ? filled(coder, write_int(at, n)) : out_of_room();
}

static Said put_int(Coder *coder, PyObject *value)
{
    int overflow;
    int64_t n = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (overflow)
        return ODD;
    return n == -1 && PyErr_Occurred() ? FAILED : put_number(coder, n);
}

/* The UTF-8 of a text; odd for one that has none. */
static Said utf8(PyObject *text, const char **raw, Py_ssize_t *size)
{
    if (PyUnicode_IS_COMPACT_ASCII(text)) {
        *size = PyUnicode_GET_LENGTH(text);
        *raw = (const char *)PyUnicode_DATA(text);
        return DONE;
    }
    *raw = PyUnicode_AsUTF8AndSize(text, size);
    if (*raw)
        return DONE;
    if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError))
        return FAILED;
    PyErr_Clear();
    return ODD;
}

static Said put_text(Coder *coder, PyObject *text)
{
    const char *raw;
    Py_ssize_t size;
    Said said = utf8(text, &raw, &size);
    return said == DONE ? put_raw(coder, STR_, raw, (size_t)size) : said;
}

static int64_t days_from_civil(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

Said micros_of(PyObject *time, int64_t *micros)
{
    PyObject *zone = PyDateTime_Check(time) ? PyDateTime_DATE_GET_TZINFO(time) : NULL;
    if (zone != PyDateTime_TimeZone_UTC && zone != Py_None) /* a naive one counts as UTC */
        return ODD;
    int64_t days = days_from_civil(PyDateTime_GET_YEAR(time), PyDateTime_GET_MONTH(time), PyDateTime_GET_DAY(time));
    int64_t seconds = days * 86400 + PyDateTime_DATE_GET_HOUR(time) * 3600 + PyDateTime_DATE_GET_MINUTE(time) * 60 +
                      PyDateTime_DATE_GET_SECOND(time);
    *micros = seconds * 1000000 + PyDateTime_DATE_GET_MICROSECOND(time);
    return DONE;
}

static Said put_time(Coder *coder, PyObject *value)
{
    int64_t micros;
    Said said = micros_of(value, &micros);
    if (said == DONE)
        said = put_byte(coder, TIME_);
    return said == DONE ? put_word(coder, (uint64_t)micros) : said;
}

static Said put_degrees(Coder *coder, PyObject *holder, PyObject *name)
{
    PyObject *value = PyObject_GetAttr(holder, name);
    if (!value)
        return FAILED;
    Said said = PyFloat_CheckExact(value) ? put_double(coder, PyFloat_AS_DOUBLE(value)) : ODD;
    Py_DECREF(value);
    return said;
}

static Said put_geopoint(Coder *coder, PyObject *value)
{
    Said said = put_byte(coder, GEO_);
    if (said == DONE)
        said = put_degrees(coder, value, name_latitude);
    return said == DONE ? put_degrees(coder, value, name_longitude) : said;
}

static Said put_reference(Coder *coder, PyObject *value)
{
    Said said = put_byte(coder, REF_);
    PyObject *names[] = {name_path, name_database};
    for (int n = 0; n < 2 && said == DONE; n++) {
        PyObject *text = PyObject_GetAttr(value, names[n]);
        if (!text)
            return FAILED;
        said = text == Py_None && n ? put_text(coder, no_text) : PyUnicode_Check(text) ? put_text(coder, text) : ODD;
        Py_DECREF(text);
    }
    return said;
}

static Said put_vector(Coder *coder, PyObject *value)
{
    PyObject *values = PyObject_GetAttr(value, name_values);
    if (!values)
        return FAILED;
    Said said = PyTuple_CheckExact(values) ? put_byte(coder, VECTOR_) : ODD;
    Py_ssize_t count = said == DONE ? PyTuple_GET_SIZE(values) : 0;
    if (said == DONE)
        said = put_size(coder, (size_t)count);
    for (Py_ssize_t n = 0; n < count && said == DONE; n++) {
        PyObject *one = PyTuple_GET_ITEM(values, n);
        said = PyFloat_CheckExact(one) ? put_double(coder, PyFloat_AS_DOUBLE(one)) : ODD;
    }
    Py_DECREF(values);
    return said;
}

Said put_tuple(Coder *coder, size_t count) { return put_tagged(coder, TUPLE_, count); }

static Said put_elements(Coder *coder, uint8_t tag, PyObject *value, int depth)
{
    int is_list = PyList_Check(value);
    Said said = depth >= DEPTH ? ODD : put_tagged(coder, tag, (size_t)Py_SIZE(value));
    for (Py_ssize_t n = 0; said == DONE && n < Py_SIZE(value); n++)
        said = put(coder, is_list ? PyList_GET_ITEM(value, n) : PyTuple_GET_ITEM(value, n), depth + 1);
    return said;
}

typedef struct {
    const char *raw;
    Py_ssize_t size;
    PyObject *value;
} Entry;

static int by_name(const void *left, const void *right)
{
    const Entry *a = left, *b = right;
    int order = memcmp(a->raw, b->raw, (size_t)(a->size < b->size ? a->size : b->size));
    return order ? order : (a->size > b->size) - (a->size < b->size);
}

/* UTF-8 sorts as code points do, which is how Python sorts names. */
static Said put_map(Coder *coder, PyObject *value, int depth)
{
    if (depth >= DEPTH)
        return ODD;
    Py_ssize_t count = PyDict_GET_SIZE(value), at = 0, n = 0;
    Entry few[16], *entries = count <= 16 ? few : PyMem_RawMalloc((size_t)count * sizeof(Entry));
    if (!entries)
        return out_of_room();
    PyObject *name, *held;
    Said said = DONE;
    int sorted = 1;
    while (said == DONE && PyDict_Next(value, &at, &name, &held)) {
        said = PyUnicode_Check(name) ? utf8(name, &entries[n].raw, &entries[n].size) : ODD;
        entries[n].value = held;
        sorted = sorted && (!n || (said == DONE && by_name(&entries[n - 1], &entries[n]) < 0));
        n++;
    }
    if (said == DONE && !sorted)
        qsort(entries, (size_t)count, sizeof(Entry), by_name);
    if (said == DONE)
        said = put_tagged(coder, MAP_, (size_t)count);
    for (n = 0; said == DONE && n < count; n++) {
        said = put_raw(coder, STR_, entries[n].raw, (size_t)entries[n].size);
        if (said == DONE)
            said = put(coder, entries[n].value, depth + 1);
    }
    if (entries != few)
        PyMem_RawFree(entries);
    return said;
}

/* A document: a kind of dictionary that nobody changes. */
static Said put_fields(Coder *coder, PyObject *value, int depth)
{
    size_t begin = coder->out.size;
    if (met_copy(coder->met, value, depth, &coder->out))
        return DONE;
    Said said = put_map(coder, value, depth);
    if (said == DONE)
        met_keep(coder->met, value, depth, coder->out.data + begin, coder->out.size - begin);
    return said;
}

Said put(Coder *coder, PyObject *value, int depth)
{
    PyTypeObject *type = Py_TYPE(value);
    if (PyUnicode_Check(value))
        return put_text(coder, value);
    if (value == Py_None)
        return put_byte(coder, NONE_);
    if (PyBool_Check(value))
        return put_byte(coder, value == Py_True ? TRUE_ : FALSE_);
    if (PyLong_Check(value))
        return put_int(coder, value);
    if (PyTuple_Check(value))
        return put_elements(coder, TUPLE_, value, depth);
    if (PyDict_Check(value))
        return coder->met && (PyObject *)type == coder->fields ? put_fields(coder, value, depth) : put_map(coder, value, depth);
    if (PyList_Check(value))
        return put_elements(coder, LIST_, value, depth);
    if (PyFloat_Check(value))
        return put_byte(coder, DOUBLE_) == DONE ? put_double(coder, PyFloat_AS_DOUBLE(value)) : FAILED;
    if (PyBytes_Check(value))
        return put_raw(coder, BYTES_, PyBytes_AS_STRING(value), (size_t)PyBytes_GET_SIZE(value));
    if ((PyObject *)type == coder->reference)
        return put_reference(coder, value);
    if (PyDateTime_Check(value))
        return put_time(coder, value);
    if ((PyObject *)type == coder->geopoint)
        return put_geopoint(coder, value);
    return (PyObject *)type == coder->vector ? put_vector(coder, value) : ODD;
}

/* What comes before the bytes, as the keyword `prefix` or behind the value; NULL: nothing. 0 with an exception set. */
static int prefix_of(PyObject *const *args, Py_ssize_t count, PyObject *names, Py_ssize_t value, PyObject **prefix)
{
    Py_ssize_t named = names ? PyTuple_GET_SIZE(names) : 0;
    *prefix = count + named == value + 2 ? args[value + 1] : NULL;
    if (count > value && count + named <= value + 2 && (!*prefix || PyBytes_Check(*prefix)) &&
        (!named || PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, 0), "prefix") == 0))
        return 1;
    PyErr_SetString(PyExc_TypeError, "a value is wanted, and a prefix of bytes");
    return 0;
}

PyObject *native_encode(PyObject *module, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    enum { GEOPOINT, REFERENCE, VECTOR, OTHERWISE, VALUE };
    PyObject *prefix, *found = NULL;
    if (!prefix_of(args, count, names, VALUE, &prefix))
        return NULL;
    Coder coder = {.geopoint = args[GEOPOINT], .reference = args[REFERENCE], .vector = args[VECTOR]};
    Said said = buffer_reserve(&coder.out, ENOUGH) ? DONE : out_of_room();
    if (said == DONE && prefix)
        said = buffer_add(&coder.out, PyBytes_AS_STRING(prefix), (size_t)PyBytes_GET_SIZE(prefix)) ? DONE : out_of_room();
    if (said == DONE)
        said = put(&coder, args[VALUE], 0);
    if (said == DONE)
        found = PyBytes_FromStringAndSize((const char *)coder.out.data, (Py_ssize_t)coder.out.size);
    else if (said == ODD)
        found = PyObject_CallFunctionObjArgs(args[OTHERWISE], args[VALUE], prefix, NULL);
    buffer_free(&coder.out);
    return found;
}
