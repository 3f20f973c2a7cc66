/* Records -> dicts of Python values. */
#include "native.h"

#include <datetime.h>

int documents_begin(void)
{
    PyDateTime_IMPORT;
    return PyDateTimeAPI != NULL;
}

/* An array of values of one name that stand together. */
typedef struct {
    Name *name;
    PyObject *list; /* borrowed from the dict */
    int is_vector;
} Run;

typedef struct {
    Decoder *decoder;
    Database *database;
} Context;

static Said entity(Context *context, Slice data, Name **guess, int depth, FieldSet *fields, PyObject **found);

static Said made(PyObject *value, PyObject **found)
{
    *found = value;
    return value ? FOUND : FAILED;
}

static Said text(Slice raw, PyObject **found)
{
    *found = PyUnicode_DecodeUTF8((const char *)raw.at, (Py_ssize_t)size_of(raw), NULL);
    if (*found)
        return FOUND;
    if (!PyErr_ExceptionMatches(PyExc_UnicodeDecodeError))
        return FAILED;
    PyErr_Clear();
    return ODD;
}

Said make_timestamp(int64_t micros, PyObject **found)
{
    Moment at;
    if (!moment_of(micros, &at))
        return ODD;
    return made(PyDateTimeAPI->DateTime_FromDateAndTime(at.year, at.month, at.day, at.hour, at.minute, at.second, at.micros,
                                                        PyDateTime_TimeZone_UTC, PyDateTimeAPI->DateTimeType),
                found);
}

static Said geopoint(Context *context, Slice value, PyObject **found)
{
    return made(PyObject_CallFunction(context->decoder->geopoint, "dd", double_at(value.at + 1), double_at(value.at + 10)),
                found);
}

static Said reference(Context *context, Slice value, PyObject **found)
{
    Path path;
    Database *database;
    Decoder *self = context->decoder;
    Said said = read_reference(self, value, &path, &database);
    if (said != FOUND)
        return said;
    self->scratch.size = 0;
    if (!add_path(&self->scratch, path.elements, 1)) {
        PyErr_NoMemory();
        return FAILED;
    }
    PyObject *where;
    said = text((Slice){self->scratch.data, self->scratch.data + self->scratch.size}, &where);
    if (said != FOUND)
        return said;
    PyObject *other = same_database(database, context->database) ? Py_None : database->name;
    said = made(PyObject_CallFunctionObjArgs(self->reference, where, other, NULL), found);
    Py_DECREF(where);
    return said;
}

static Said map(Context *context, Name *name, Slice value, int depth, PyObject **found)
{
    if (depth >= MAX_DEPTH)
        return ODD;
    Said said = entity(context, value, &name->inside, depth + 1, NULL, found);
    if (said != FOUND || PyDict_GET_SIZE(*found) != 2)
        return said;
    PyObject *fields = *found;
    said = made(PyObject_CallOneArg(context->decoder->vector_of_map, fields), found);
    Py_DECREF(fields);
    return said;
}

static Said value_of(Context *context, const Property *property, int depth, PyObject **found)
{
    int64_t number;
    Slice value = property->value;
    switch (property->kind) {
    case NULL_: return made(Py_NewRef(Py_None), found);
    case BOOLEAN: return made(PyBool_FromLong(*value.at), found);
    case INTEGER: return read_integer(value, &number) ? made(PyLong_FromLongLong(number), found) : ODD;
    case TIMESTAMP: return read_integer(value, &number) ? make_timestamp(number, found) : ODD;
    case DOUBLE:
    case VECTOR: return made(PyFloat_FromDouble(double_at(value.at)), found);
    case STRING: return text(value, found);
    case BYTES: return made(PyBytes_FromStringAndSize((const char *)value.at, (Py_ssize_t)size_of(value)), found);
    case REFERENCE: return reference(context, value, found);
    case GEOPOINT: return geopoint(context, value, found);
    case MAPPING: return map(context, property->name, value, depth, found);
    case ARRAY: return property->multiple ? ODD : made(PyList_New(0), found);
    default: return ODD;
    }
}

/* A run of a vector's elements becomes the vector. */
static Said finish(Context *context, PyObject *fields, Run *run)
{
    if (!run->name || !run->is_vector)
        return FOUND;
    PyObject *values = PyList_AsTuple(run->list);
    PyObject *vector = values ? PyObject_CallOneArg(context->decoder->vector, values) : NULL;
    int failed = !vector || PyDict_SetItem(fields, run->name->text, vector) < 0;
    Py_XDECREF(values);
    Py_XDECREF(vector);
    run->name = NULL;
    return failed ? FAILED : FOUND;
}

/* Puts a value where it belongs; it takes the value. A name that is there already is ODD. */
static Said put(PyObject *fields, const Property *property, Run *run, PyObject *value)
{
    int failed;
    if (run->name == property->name && property->multiple) {
        failed = PyList_Append(run->list, value) < 0;
        Py_DECREF(value);
        return failed ? FAILED : FOUND;
    }
    run->name = NULL;
    if (property->multiple) {
        PyObject *list = PyList_New(1);
        if (!list) {
            Py_DECREF(value);
            return FAILED;
        }
        PyList_SET_ITEM(list, 0, value);
        *run = (Run){property->name, list, property->kind == VECTOR};
        value = list;
    }
    Py_ssize_t before = PyDict_GET_SIZE(fields);
    failed = PyDict_SetItem(fields, property->name->text, value) < 0;
    Py_DECREF(value);
    return failed ? FAILED : PyDict_GET_SIZE(fields) > before ? FOUND : ODD;
}

static Said entity(Context *context, Slice data, Name **guess, int depth, FieldSet *wanted, PyObject **found)
{
    PyObject *fields = PyDict_New();
    Run run = {NULL, NULL, 0};
    Property property;
    Said said = fields ? FOUND : FAILED;
    while (said == FOUND) {
        said = read_property(context->decoder, &data.at, data.end, &guess, wanted, &property);
        if (said != FOUND)
            break;
        int goes_on = property.multiple && run.name == property.name;
        if ((property.kind == VECTOR) != (goes_on ? run.is_vector : property.multiple && property.kind == VECTOR)) {
            said = ODD;
            break;
        }
        PyObject *value;
        said = value_of(context, &property, depth, &value);
        if (said == FOUND && !goes_on) {
            said = finish(context, fields, &run);
            if (said != FOUND)
                Py_DECREF(value);
        }
        if (said == FOUND)
            said = put(fields, &property, &run, value);
    }
    if (said == DONE)
        said = finish(context, fields, &run);
    if (said != FOUND)
        Py_CLEAR(fields);
    *found = fields;
    return said;
}

static PyObject *path_text(Decoder *self, const Record *record)
{
    self->scratch.size = 0;
    if (!buffer_add(&self->scratch, record->parent->utf8, (size_t)record->parent->size) ||
        !buffer_add(&self->scratch, "/", 1) || !add_id(&self->scratch, &record->path))
        return PyErr_NoMemory();
    return PyUnicode_DecodeUTF8((const char *)self->scratch.data, (Py_ssize_t)self->scratch.size, NULL);
}

static Said document(Decoder *self, Slice data, PyObject **path, PyObject **fields)
{
    Record record;
    Said said = read_record(self, data, &record);
    if (said != FOUND)
        return said;
    Context context = {self, record.database};
    said = entity(&context, record.fields, &self->first, 0, record.parent->fields, fields);
    if (said != FOUND)
        return said;
    *path = path_text(self, &record);
    if (*path)
        return FOUND;
    Py_CLEAR(*fields);
    return FAILED;
}

/* (record) -> path, or None for a record that is not wanted; the number 0 for an odd one. */
PyObject *decoder_path(Decoder *self, PyObject *args)
{
    Py_buffer data;
    if (!PyArg_ParseTuple(args, "y*", &data))
        return NULL;
    decoder_trim(self);
    Record record;
    Said said = read_record(self, (Slice){data.buf, (const uint8_t *)data.buf + data.len}, &record);
    PyObject *path = said == FOUND ? path_text(self, &record) : said == DONE ? Py_NewRef(Py_None) : NULL;
    PyBuffer_Release(&data);
    return said == ODD ? PyLong_FromLong(0) : path;
}

/* (record) -> fields, or None for an odd record and one that is not wanted. */
PyObject *decoder_fields(Decoder *self, PyObject *args)
{
    Py_buffer data;
    if (!PyArg_ParseTuple(args, "y*", &data))
        return NULL;
    decoder_trim(self);
    PyObject *path, *fields = NULL;
    Said said = document(self, (Slice){data.buf, (const uint8_t *)data.buf + data.len}, &path, &fields);
    if (said == FOUND)
        Py_DECREF(path);
    PyBuffer_Release(&data);
    return said == FOUND || said == FAILED ? fields : Py_NewRef(Py_None);
}

static int append(PyObject *list, PyObject *item)
{
    int failed = !item || PyList_Append(list, item) < 0;
    Py_XDECREF(item);
    return !failed;
}

PyObject *decoder_documents(Decoder *self, PyObject *args)
{
    Records records;
    if (!records_open(&records, args))
        return NULL;
    decoder_trim(self);
    PyObject *lists[4] = {PyList_New(0), PyList_New(0), PyList_New(0), PyList_New(0)}; /* paths, fields, rows, odd */
    int good = lists[0] && lists[1] && lists[2] && lists[3];
    for (Py_ssize_t row = 0; good && row < records.count; row++) {
        PyObject *path, *fields;
        Said said = document(self, record_at(&records, row), &path, &fields);
        if (said == FOUND) {
            int added = append(lists[0], path);
            good = append(lists[1], fields) && added && append(lists[2], PyLong_FromSsize_t(row));
        } else if (said == ODD)
            good = append(lists[3], PyLong_FromSsize_t(row));
        else
            good = said != FAILED;
    }
    records_close(&records);
    if (good)
        return Py_BuildValue("(NNNN)", lists[0], lists[1], lists[2], lists[3]);
    for (int n = 0; n < 4; n++)
        Py_XDECREF(lists[n]);
    return NULL;
}
