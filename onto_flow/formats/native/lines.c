/* Records -> lines of JSON, as json_lines.line_of writes them: typed values, no objects of Python on the way. */
#include "native.h"

typedef struct {
    Decoder *decoder;
    Database *database;
    Buffer *out;
} Writer;

static Said entity(Writer *writer, Slice data, Name **guess, int depth, FieldSet *wanted);

static int add(Buffer *out, const char *text) { return buffer_add(out, text, strlen(text)); }

static Said said(int good) { return good ? FOUND : FAILED; }

static int is_plain(uint8_t byte) { return byte >= 0x20 && byte != '"' && byte != '\\'; }

/* Text that is known to be UTF-8, as JSON writes it between quotation marks. */
static int add_escaped(Buffer *out, Slice text)
{
    const char *digits = "0123456789abcdef";
    for (const uint8_t *p = text.at; p < text.end;) {
        const uint8_t *plain = p;
        while (p < text.end && is_plain(*p))
            p++;
        if (!buffer_add(out, plain, (size_t)(p - plain)))
            return 0;
        if (p == text.end)
            break;
        const char *known = "\"\\\b\f\n\r\t", *at = strchr(known, *p);
        char escaped[7] = {'\\', 'u', '0', '0', digits[*p >> 4], digits[*p & 15], 0};
        if (*p && at) {
            escaped[1] = "\"\\bfnrt"[at - known];
            escaped[2] = 0;
        }
        if (!add(out, escaped))
            return 0;
        p++;
    }
    return 1;
}

static int add_integer(Buffer *out, int64_t number)
{
    char digits[24];
    char *at = digits + sizeof digits;
    uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    do
        *--at = (char)('0' + rest % 10);
    while (rest /= 10);
    if (number < 0)
        *--at = '-';
    return buffer_add(out, at, (size_t)(digits + sizeof digits - at));
}

static int add_double(Buffer *out, double value)
{
    if (value != value)
        return add(out, "\"NaN\"");
    if (value - value != 0)
        return add(out, value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
    char *text = PyOS_double_to_string(value, 'r', 0, Py_DTSF_ADD_DOT_0, NULL);
    int good = text && add(out, text);
    PyMem_Free(text);
    return good;
}

/* A number with leading zeros. */
static void put_digits(char *at, int width, int number)
{
    while (width--) {
        at[width] = (char)('0' + number % 10);
        number /= 10;
    }
}

static int add_time(Buffer *out, const Moment *time)
{
    char text[] = "0000-00-00T00:00:00.000000Z";
    put_digits(text, 4, time->year);
    put_digits(text + 5, 2, time->month);
    put_digits(text + 8, 2, time->day);
    put_digits(text + 11, 2, time->hour);
    put_digits(text + 14, 2, time->minute);
    put_digits(text + 17, 2, time->second);
    put_digits(text + 20, 6, time->micros);
    size_t size = !time->micros ? 19 : time->micros % 1000 ? 26 : 23;
    return buffer_add(out, text, size) && add(out, "Z");
}

static int add_base64(Buffer *out, Slice bytes)
{
    const char *letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (!buffer_reserve(out, (size_of(bytes) + 2) / 3 * 4))
        return 0;
    for (const uint8_t *p = bytes.at; p < bytes.end; p += 3) {
        int left = (int)(bytes.end - p < 3 ? bytes.end - p : 3);
        uint32_t bits = (uint32_t)p[0] << 16 | (left > 1 ? (uint32_t)p[1] << 8 : 0) | (left > 2 ? p[2] : 0);
        char four[4];
        for (int n = 0; n < 4; n++)
            four[n] = n <= left ? letters[bits >> (18 - 6 * n) & 63] : '=';
        if (!buffer_add(out, four, 4))
            return 0;
    }
    return 1;
}

static Said add_reference(Writer *writer, Slice value)
{
    Path path;
    Database *database;
    Buffer *scratch = &writer->decoder->scratch;
    Said found = read_reference(writer->decoder, value, &path, &database);
    if (found != FOUND)
        return found;
    scratch->size = 0;
    if (!same_database(database, writer->database)) {
        Py_ssize_t size;
        const char *name = PyUnicode_AsUTF8AndSize(database->name, &size);
        if (!name || !buffer_add(scratch, name, (size_t)size) || !add(scratch, "/documents/"))
            return FAILED;
    }
    if (!add_path(scratch, path.elements, 1))
        return FAILED;
    Slice text = {scratch->data, scratch->data + scratch->size};
    if (!is_text(text))
        return ODD;
    return said(add(writer->out, "{\"referenceValue\": \"") && add_escaped(writer->out, text) && add(writer->out, "\"}"));
}

static Said add_map(Writer *writer, Name *name, Slice value, int depth)
{
    if (depth >= MAX_DEPTH)
        return ODD;
    Buffer *out = writer->out;
    size_t begin = out->size;
    if (!add(out, "{\"mapValue\": {\"fields\": {"))
        return FAILED;
    size_t inside = out->size;
    Said found = entity(writer, value, &name->inside, depth + 1, NULL);
    if (found != FOUND)
        return found;
    if (out->size > inside)
        return said(add(out, "}}}"));
    out->size = begin;
    return said(add(out, "{\"mapValue\": {}}"));
}

static Said add_value(Writer *writer, const Property *property, int depth)
{
    Buffer *out = writer->out;
    Slice value = property->value;
    int64_t number;
    Moment moment;
    switch (property->kind) {
    case NULL_: return said(add(out, "{\"nullValue\": null}"));
    case BOOLEAN: return said(add(out, *value.at ? "{\"booleanValue\": true}" : "{\"booleanValue\": false}"));
    case INTEGER:
        if (!read_integer(value, &number))
            return ODD;
        return said(add(out, "{\"integerValue\": \"") && add_integer(out, number) && add(out, "\"}"));
    case DOUBLE:
    case VECTOR: return said(add(out, "{\"doubleValue\": ") && add_double(out, double_at(value.at)) && add(out, "}"));
    case TIMESTAMP:
        if (!read_integer(value, &number) || !moment_of(number, &moment))
            return ODD;
        return said(add(out, "{\"timestampValue\": \"") && add_time(out, &moment) && add(out, "\"}"));
    case STRING:
        if (!is_text(value))
            return ODD;
        return said(add(out, "{\"stringValue\": \"") && add_escaped(out, value) && add(out, "\"}"));
    case BYTES: return said(add(out, "{\"bytesValue\": \"") && add_base64(out, value) && add(out, "\"}"));
    case REFERENCE: return add_reference(writer, value);
    case GEOPOINT:
        return said(add(out, "{\"geoPointValue\": {\"latitude\": ") && add_double(out, double_at(value.at + 1)) &&
                    add(out, ", \"longitude\": ") && add_double(out, double_at(value.at + 10)) && add(out, "}}"));
    case MAPPING: return add_map(writer, property->name, value, depth);
    case ARRAY: return property->multiple ? ODD : said(add(out, "{\"arrayValue\": {}}"));
    default: return ODD;
    }
}

static const char *const ARRAY_ENDS[2] = {"]}}", "]}}}}}"};
static const char *const ARRAY_BEGINS[2] = {
    "{\"arrayValue\": {\"values\": [",
    "{\"mapValue\": {\"fields\": {\"__type__\": {\"stringValue\": \"__vector__\"}, \"value\": {\"arrayValue\": {\"values\": [",
};

static int begin_field(Buffer *out, const Name *name, int first)
{
    return (first || add(out, ", ")) && add(out, "\"") && add_escaped(out, name->raw) && add(out, "\": ");
}

/* The fields of a document or a map, with commas between them: FOUND, ODD or FAILED. A vector in an array is a map that begins
   with its type; in another order it may have to be written in this one. */
static Said entity(Writer *writer, Slice data, Name **guess, int depth, FieldSet *wanted)
{
    uint64_t serial = ++writer->decoder->entities;
    Buffer *out = writer->out;
    Name *open = NULL; /* of an array whose elements go on */
    int is_vector = 0, first = 1;
    Property property;
    Said found;
    while ((found = read_property(writer->decoder, &data.at, data.end, &guess, wanted, &property)) == FOUND) {
        Name *name = property.name;
        int goes_on = property.multiple && open == name, vector = property.kind == VECTOR;
        if ((name->is_type && !first) || (vector && depth >= MAX_DEPTH) ||
            (goes_on ? vector != is_vector : name->seen[depth] == serial || (vector && !property.multiple)))
            return ODD;
        int good = 1;
        if (goes_on)
            good = add(out, ", ");
        else {
            good = (!open || add(out, ARRAY_ENDS[is_vector])) && begin_field(out, name, first);
            open = property.multiple ? name : NULL;
            is_vector = vector;
            good = good && (!open || add(out, ARRAY_BEGINS[is_vector]));
        }
        first = 0;
        name->seen[depth] = serial;
        found = good ? add_value(writer, &property, depth) : FAILED;
        if (found != FOUND)
            return found;
    }
    if (found == DONE)
        return said(!open || add(out, ARRAY_ENDS[is_vector]));
    return found;
}

static Said line(Writer *writer, Slice data)
{
    Record record;
    Buffer *out = writer->out;
    Said found = read_record(writer->decoder, data, &record);
    if (found != FOUND)
        return found;
    writer->database = record.database;
    Buffer *scratch = &writer->decoder->scratch;
    scratch->size = 0;
    if (!buffer_add(scratch, record.parent->utf8, (size_t)record.parent->size) || !add(scratch, "/") ||
        !add_id(scratch, &record.path))
        return FAILED;
    if (!add(out, "{\"path\": \"") || !add_escaped(out, (Slice){scratch->data, scratch->data + scratch->size}) ||
        !add(out, "\", \"fields\": {"))
        return FAILED;
    found = entity(writer, record.fields, &writer->decoder->first, 0, record.parent->fields);
    return found == FOUND ? said(add(out, "}}\n")) : found;
}

static int append(PyObject *list, PyObject *item)
{
    int failed = !item || PyList_Append(list, item) < 0;
    Py_XDECREF(item);
    return !failed;
}

PyObject *decoder_lines(Decoder *self, PyObject *args)
{
    Records records;
    if (!records_open(&records, args))
        return NULL;
    decoder_trim(self);
    Buffer out = {NULL, 0, 0};
    Writer writer = {self, NULL, &out};
    PyObject *lists[3] = {PyList_New(0), PyList_New(0), PyList_New(0)}; /* lines, rows, odd */
    int good = lists[0] && lists[1] && lists[2];
    for (Py_ssize_t row = 0; good && row < records.count; row++) {
        out.size = 0;
        Said found = line(&writer, record_at(&records, row));
        if (found == FOUND)
            good = append(lists[0], PyBytes_FromStringAndSize((char *)out.data, (Py_ssize_t)out.size)) &&
                   append(lists[1], PyLong_FromSsize_t(row));
        else if (found == ODD)
            good = append(lists[2], PyLong_FromSsize_t(row));
        else
            good = found != FAILED;
    }
    buffer_free(&out);
    records_close(&records);
    if (good)
        return Py_BuildValue("(NNN)", lists[0], lists[1], lists[2]);
    for (int n = 0; n < 3; n++)
        Py_XDECREF(lists[n]);
    return PyErr_Occurred() ? NULL : PyErr_NoMemory();
}
