/* How many bytes Firestore counts for a document of usual values: the compiled form of `database.limits`, which takes the rest. */
#include "native.h"
#include <datetime.h>

enum { MAX_NAME_BYTES = 1500 };

int size_begin(void)
{
    PyDateTime_IMPORT;
    return PyDateTimeAPI != NULL;
}

/* The bytes of a text in UTF-8 and one more; -1 for what is no Unicode text. */
static Py_ssize_t text_size(PyObject *text)
{
    Py_ssize_t count = PyUnicode_GET_LENGTH(text), size = count + 1;
    if (PyUnicode_IS_ASCII(text))
        return size;
    int kind = PyUnicode_KIND(text);
    const void *data = PyUnicode_DATA(text);
    for (Py_ssize_t n = 0; n < count; n++) {
        Py_UCS4 c = PyUnicode_READ(kind, data, n);
        if (Py_UNICODE_IS_SURROGATE(c))
            return -1;
        size += (c > 0x7F) + (c > 0x7FF) + (c > 0xFFFF);
    }
    return size;
}

static Py_ssize_t name_size(PyObject *name)
{
    if (!PyUnicode_CheckExact(name))
        return -1;
    Py_ssize_t count = PyUnicode_GET_LENGTH(name);
    if (!count || (count > 1 && PyUnicode_READ_CHAR(name, 0) == '_' && PyUnicode_READ_CHAR(name, 1) == '_'))
        return -1;
    Py_ssize_t size = text_size(name);
    return size > MAX_NAME_BYTES + 1 ? -1 : size;
}

static Py_ssize_t map_size(PyObject *map, int depth);

static Py_ssize_t value_size(PyObject *value, int depth, int in_array)
{
    if (PyUnicode_CheckExact(value))
        return text_size(value);
    if (value == Py_None || PyBool_Check(value))
        return 1;
    if (PyLong_CheckExact(value)) {
        int overflow;
        PyLong_AsLongLongAndOverflow(value, &overflow);
        return overflow ? -1 : 8;
    }
    if (PyFloat_CheckExact(value))
        return 8;
    if (PyDict_CheckExact(value))
        return depth < MAX_DEPTH ? map_size(value, depth + 1) : -1;
    if (PyList_CheckExact(value)) {
        if (in_array || depth >= MAX_DEPTH)
            return -1;
        Py_ssize_t size = 0;
        for (Py_ssize_t n = 0; n < PyList_GET_SIZE(value); n++) {
            Py_ssize_t one = value_size(PyList_GET_ITEM(value, n), depth + 1, 1);
            if (one < 0)
                return -1;
            size += one;
        }
        return size;
    }
    int is_utc = PyDateTime_CheckExact(value) && PyDateTime_DATE_GET_TZINFO(value) == PyDateTime_TimeZone_UTC;
    return is_utc ? 8 : -1;
}

static Py_ssize_t map_size(PyObject *map, int depth)
{
    PyObject *name, *value;
    Py_ssize_t at = 0, size = 0;
    while (PyDict_Next(map, &at, &name, &value)) {
        Py_ssize_t named = name_size(name), valued = named < 0 ? -1 : value_size(value, depth, 0);
        if (valued < 0)
            return -1;
        size += named + valued;
    }
    return size;
}

PyObject *native_document_size(PyObject *module, PyObject *fields)
{
    (void)module;
    Py_ssize_t size = PyDict_CheckExact(fields) ? map_size(fields, 0) : -1;
    if (size < 0)
        Py_RETURN_NONE;
    return PyLong_FromSsize_t(size);
}
