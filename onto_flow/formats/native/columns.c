/* Records -> the values of each field by their kinds, and from these the buffers of Arrow's columns.

   A tree of fields grows while records are read. A field keeps, for each kind, its values one behind the other and the
   slot of each: its document; in an array, the number of the element. Fields of a map share the slots of the map. So memory
   follows the values, however many fields there are; the gaps come in when buffers are asked for. */
#include "native.h"

typedef struct {
    Buffer slots;      /* int32, rising */
    Buffer data;       /* 8 bytes for numbers, 16 for points, 1 for booleans, int32 lengths of arrays, bytes of texts */
    Buffer ends;       /* int32, of texts */
    Buffer other;      /* of references: the databases' names; of vectors: doubles */
    Buffer other_ends; /* int32, of references; the same end twice: their own database */
} Values;

typedef struct Field {
    PyObject *text;
    Name *name;              /* while the columns are built */
    struct Field *counter;   /* the array whose elements number the slots; NULL: the documents */
    struct Field *next;      /* the field that came behind it last time */
    struct Field *inside;    /* the first field in its maps, last time */
    struct Field *element;   /* what its arrays hold */
    struct Field **children; /* of its maps, by name: a table with open addresses */
    uint32_t room, child_count, number;
    int32_t elements;        /* of all its arrays */
    int32_t last;            /* the last slot; -1 for none */
    int64_t stamp;           /* the last record that has it */
    Values *values[KINDS];
} Field;

typedef struct {
    PyObject_HEAD
    Decoder *decoder; /* while the columns are built */
    Database *database;
    Field *root;
    Buffer fields;  /* all of them */
    Buffer touched; /* those of the record that is read, those above first */
    Buffer rows, odd, path_ends, paths;
    int32_t documents;
    int64_t stamp;
} Columns;

static int32_t last_number(const Buffer *buffer)
{
    int32_t number = 0;
    if (buffer->size)
        memcpy(&number, buffer->data + buffer->size - 4, 4);
    return number;
}

static int add_number(Buffer *buffer, int32_t number) { return buffer_add(buffer, &number, 4); }

static int32_t *numbers(const Buffer *buffer) { return (int32_t *)buffer->data; }

/* ---- the tree ---------------------------------------------------------------------------------------------------- */

static Field *new_field(Columns *self, Name *name, Field *counter)
{
    Field *field = PyMem_RawCalloc(1, sizeof *field);
    if (!field || !buffer_add(&self->fields, &field, sizeof field)) {
        PyMem_RawFree(field);
        PyErr_NoMemory();
        return NULL;
    }
    field->number = (uint32_t)(self->fields.size / sizeof field - 1);
    field->text = name ? Py_NewRef(name->text) : NULL;
    field->name = name;
    field->counter = counter;
    field->last = -1;
    field->stamp = -1;
    return field;
}

static Field **child_slot(Field **children, uint32_t room, const Name *name)
{
    uint32_t mask = room - 1;
    for (uint32_t n = name->number * 2654435769u & mask;; n = (n + 1) & mask)
        if (!children[n] || children[n]->name == name)
            return &children[n];
}

static Field *add_child(Columns *self, Field *parent, Name *name)
{
    if (parent->child_count * 2 >= parent->room) {
        uint32_t room = parent->room ? parent->room * 2 : 16;
        Field **children = PyMem_RawCalloc(room, sizeof *children);
        if (!children) {
            PyErr_NoMemory();
            return NULL;
        }
        for (uint32_t n = 0; n < parent->room; n++)
            if (parent->children[n])
                *child_slot(children, room, parent->children[n]->name) = parent->children[n];
        PyMem_RawFree(parent->children);
        parent->children = children;
        parent->room = room;
    }
    Field *child = new_field(self, name, parent->counter);
    if (child) {
        *child_slot(parent->children, parent->room, name) = child;
        parent->child_count++;
    }
    return child;
}

static Field *child_of(Columns *self, Field *parent, Name *name, Field ***guess)
{
    Field *child = **guess;
    if (!child || child->name != name) {
        child = parent->room ? *child_slot(parent->children, parent->room, name) : NULL;
        if (!child)
            child = add_child(self, parent, name);
        if (!child)
            return NULL;
        **guess = child;
    }
    *guess = &child->next;
    return child;
}

static int touch(Columns *self, Field *field)
{
    if (field->stamp == self->stamp)
        return 1;
    field->stamp = self->stamp;
    return buffer_add(&self->touched, &field, sizeof field);
}

static Values *values_of(Field *field, Kind kind)
{
    if (!field->values[kind])
        field->values[kind] = PyMem_RawCalloc(1, sizeof(Values));
    return field->values[kind];
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static Said maps(Columns *self, Field *field, const Property *property, int32_t slot, int depth);

static Said add_reference(Columns *self, Values *values, Slice value)
{
    Path path;
    Database *database;
    Said said = read_reference(self->decoder, value, &path, &database);
    if (said != FOUND)
        return said;
    size_t begin = values->data.size;
    int good = add_path(&values->data, path.elements, 1);
    if (good && !is_text((Slice){values->data.data + begin, values->data.data + values->data.size})) {
        values->data.size = begin;
        return ODD;
    }
    if (good && !same_database(database, self->database)) {
        Py_ssize_t size;
        const char *name = PyUnicode_AsUTF8AndSize(database->name, &size);
        if (!name)
            return FAILED;
        good = buffer_add(&values->other, name, (size_t)size);
    }
    return good && add_number(&values->ends, (int32_t)values->data.size) &&
                   add_number(&values->other_ends, (int32_t)values->other.size)
               ? FOUND
               : FAILED;
}

static Said add_content(Columns *self, Values *values, const Property *property)
{
    int64_t number;
    int good = 1;
    Slice value = property->value;
    switch (property->kind) {
    case NULL_:
    case MAPPING: break;
    case BOOLEAN: good = buffer_add(&values->data, value.at, 1); break;
    case TIMESTAMP:
    case INTEGER:
        if (!read_integer(value, &number) || (property->kind == TIMESTAMP && !is_time(number)))
            return ODD;
        good = buffer_add(&values->data, &number, 8);
        break;
    case DOUBLE: good = buffer_add(&values->data, value.at, 8); break;
    case GEOPOINT: good = buffer_add(&values->data, value.at + 1, 8) && buffer_add(&values->data, value.at + 10, 8); break;
    case STRING:
        if (!is_text(value))
            return ODD;
        /* fall through */
    case BYTES:
        good = buffer_add(&values->data, value.at, size_of(value)) &&
               add_number(&values->ends, (int32_t)values->data.size);
        break;
    case REFERENCE: return add_reference(self, values, value);
    case ARRAY: good = add_number(&values->data, 0); break;
    default: return ODD;
    }
    return good ? FOUND : FAILED;
}

static Said add_value(Columns *self, Field *field, const Property *property, int32_t slot, int depth)
{
    Values *values = values_of(field, property->kind);
    if (!values || !touch(self, field))
        return FAILED;
    Said said = add_content(self, values, property);
    if (said != FOUND)
        return said;
    if (!add_number(&values->slots, slot))
        return FAILED;
    return property->kind == MAPPING ? maps(self, field, property, slot, depth) : FOUND;
}

/* One more element of an array, or of a vector, that was begun. */
static Said add_element(Columns *self, Field *field, const Property *property, int depth)
{
    Values *values = field->values[property->kind == VECTOR ? VECTOR : ARRAY];
    numbers(&values->data)[values->data.size / 4 - 1]++;
    if (property->kind == VECTOR)
        return buffer_add(&values->other, property->value.at, 8) ? FOUND : FAILED;
    if (property->kind == ARRAY)
        return ODD;
    if (!field->element && !(field->element = new_field(self, NULL, field)))
        return FAILED;
    return add_value(self, field->element, property, field->elements++, depth);
}

static Said begin_array(Columns *self, Field *field, Kind kind, int32_t slot)
{
    Values *values = values_of(field, kind);
    if (!values || !touch(self, field))
        return FAILED;
    return add_number(&values->slots, slot) && add_number(&values->data, 0) ? FOUND : FAILED;
}

static Said entity(Columns *self, Field *parent, Slice data, Name **guess, int depth, FieldSet *wanted, int32_t slot)
{
    Field **expected = &parent->inside, *open = NULL;
    Kind open_kind = ARRAY;
    Property property;
    Said said;
    while ((said = read_property(self->decoder, &data.at, data.end, &guess, wanted, &property)) == FOUND) {
        Field *field = child_of(self, parent, property.name, &expected);
        if (!field)
            return FAILED;
        Kind kind = property.kind == VECTOR ? VECTOR : ARRAY;
        if (property.name->is_type || (open == field ? !property.multiple || kind != open_kind : field->last == slot) ||
            (property.kind == VECTOR && !property.multiple))
            return ODD;
        field->last = slot;
        if (!property.multiple) {
            open = NULL;
            said = add_value(self, field, &property, slot, depth);
        } else {
            said = FOUND;
            if (open != field)
                said = begin_array(self, field, open_kind = kind, slot);
            open = field;
            if (said == FOUND)
                said = add_element(self, field, &property, depth);
        }
        if (said != FOUND)
            return said;
    }
    return said;
}

static Said maps(Columns *self, Field *field, const Property *property, int32_t slot, int depth)
{
    if (depth >= MAX_DEPTH)
        return ODD;
    Said said = entity(self, field, property->value, &property->name->inside, depth + 1, NULL, slot);
    return said == DONE ? FOUND : said;
}

/* Takes the last value back. */
static void drop_last(Field *field, Kind kind)
{
    Values *values = field->values[kind];
    values->slots.size -= 4;
    switch (kind) {
    case BOOLEAN: values->data.size -= 1; break;
    case INTEGER:
    case DOUBLE:
    case TIMESTAMP: values->data.size -= 8; break;
    case GEOPOINT: values->data.size -= 16; break;
    case REFERENCE:
        values->other_ends.size -= 4;
        values->other.size = (size_t)last_number(&values->other_ends);
        /* fall through */
    case STRING:
    case BYTES:
        values->ends.size -= 4;
        values->data.size = (size_t)last_number(&values->ends);
        break;
    case ARRAY: field->elements -= last_number(&values->data); values->data.size -= 4; break;
    case VECTOR: values->other.size -= (size_t)last_number(&values->data) * 8; values->data.size -= 4; break;
    default: break;
    }
}

/* Takes back what a record that turned out to be odd has left, also a value that has no slot yet. */
static void take_back(Columns *self)
{
    Field **touched = (Field **)self->touched.data;
    for (size_t n = 0; n < self->touched.size / sizeof *touched; n++) {
        Field *field = touched[n];
        int32_t first = field->counter ? field->counter->elements : self->documents;
        for (int kind = 0; kind < KINDS; kind++)
            while (field->values[kind] && field->values[kind]->slots.size && last_number(&field->values[kind]->slots) >= first)
                drop_last(field, kind);
        field->last = -1;
    }
}

static Said add_record(Columns *self, Slice data)
{
    Record record;
    Said said = read_record(self->decoder, data, &record);
    if (said != FOUND)
        return said;
    self->database = record.database;
    self->stamp++;
    self->touched.size = 0;
    said = entity(self, self->root, record.fields, &self->decoder->first, 0, record.parent->fields, self->documents);
    if (said != DONE) {
        take_back(self);
        return said;
    }
    return buffer_add(&self->paths, record.parent->utf8, (size_t)record.parent->size) && buffer_add(&self->paths, "/", 1) &&
                   add_id(&self->paths, &record.path) && add_number(&self->path_ends, (int32_t)self->paths.size)
               ? FOUND
               : FAILED;
}

static int build(Columns *self, const Records *records)
{
    for (int64_t row = 0; row < records->count; row++) {
        Said said = add_record(self, record_at(records, row));
        if (said == FAILED || (said == FOUND && !buffer_add(&self->rows, &row, 8)) ||
            (said == ODD && !buffer_add(&self->odd, &row, 8))) {
            if (!PyErr_Occurred())
                PyErr_NoMemory();
            return 0;
        }
        self->documents += said == FOUND;
    }
    return 1;
}

PyObject *decoder_columns(Decoder *decoder, PyObject *args)
{
    Records records;
    if (!records_open(&records, args))
        return NULL;
    decoder_trim(decoder);
    Columns *self = PyObject_New(Columns, &ColumnsType);
    if (self) {
        memset((char *)self + sizeof(PyObject), 0, sizeof *self - sizeof(PyObject));
        self->decoder = decoder;
        self->root = new_field(self, NULL, NULL);
        if (!self->root || !build(self, &records))
            Py_CLEAR(self);
    }
    records_close(&records);
    return (PyObject *)self;
}

static void columns_free(Columns *self)
{
    Field **fields = (Field **)self->fields.data;
    for (size_t n = 0; n < self->fields.size / sizeof *fields; n++) {
        for (int kind = 0; kind < KINDS; kind++)
            if (fields[n]->values[kind]) {
                Values *values = fields[n]->values[kind];
                Buffer *buffers[] = {&values->slots, &values->data, &values->ends, &values->other, &values->other_ends};
                for (int b = 0; b < 5; b++)
                    buffer_free(buffers[b]);
                PyMem_RawFree(values);
            }
        Py_XDECREF(fields[n]->text);
        PyMem_RawFree(fields[n]->children);
        PyMem_RawFree(fields[n]);
    }
    Buffer *buffers[] = {&self->fields, &self->touched, &self->rows, &self->odd, &self->path_ends, &self->paths};
    for (int b = 0; b < 6; b++)
        buffer_free(buffers[b]);
    PyObject_Free(self);
}

/* ---- what Python asks -------------------------------------------------------------------------------------------- */

static PyObject *as_bytes(const void *data, size_t size) { return PyBytes_FromStringAndSize(data, (Py_ssize_t)size); }

static PyObject *rows(Columns *self, PyObject *none) { return as_bytes(self->rows.data, self->rows.size); }

static PyObject *odd(Columns *self, PyObject *none) { return as_bytes(self->odd.data, self->odd.size); }

static unsigned kinds_of(const Field *field)
{
    unsigned kinds = 0;
    for (int kind = 0; field && kind < KINDS; kind++)
        if (field->values[kind] && field->values[kind]->slots.size)
            kinds |= 1u << kind;
    return kinds;
}

static PyObject *children_of(const Field *field)
{
    PyObject *children = PyDict_New();
    for (uint32_t n = 0; children && n < field->room; n++) {
        const Field *child = field->children[n];
        if (!child || !kinds_of(child))
            continue;
        PyObject *number = PyLong_FromUnsignedLong(child->number);
        if (!number || PyDict_SetItem(children, child->text, number) < 0)
            Py_CLEAR(children);
        Py_XDECREF(number);
    }
    return children;
}

static PyObject *tree(Columns *self, PyObject *none)
{
    size_t count = self->fields.size / sizeof(Field *);
    PyObject *found = PyList_New((Py_ssize_t)count);
    for (size_t n = 0; found && n < count; n++) {
        const Field *field = ((Field **)self->fields.data)[n];
        PyObject *children = children_of(field);
        PyObject *one = children ? Py_BuildValue("(IiiN)", kinds_of(field), field->element ? (int)field->element->number : -1,
                                                 field->elements, children)
                                 : NULL;
        if (!one)
            Py_CLEAR(found);
        else
            PyList_SET_ITEM(found, (Py_ssize_t)n, one);
    }
    return found;
}

/* Room for a buffer, zeroed. */
static PyObject *room(size_t size, void *data)
{
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)size);
    if (bytes) {
        *(char **)data = PyBytes_AS_STRING(bytes);
        memset(PyBytes_AS_STRING(bytes), 0, size);
    }
    return bytes;
}

static size_t count_of(const Values *values) { return values->slots.size / 4; }

static void set_bit(uint8_t *bits, int32_t n) { bits[n >> 3] |= (uint8_t)(1 << (n & 7)); }

/* Which slots have a value; None: all. */
static PyObject *validity(const Values *values, Py_ssize_t size)
{
    if (count_of(values) == (size_t)size)
        return Py_NewRef(Py_None);
    uint8_t *bits;
    PyObject *found = room(((size_t)size + 7) / 8, &bits);
    for (size_t n = 0; found && n < count_of(values); n++)
        set_bit(bits, numbers(&values->slots)[n]);
    return found;
}

/* 8 bytes of each value in its slot; `step` of them lie between two values. */
static PyObject *spread(const Values *values, size_t from, size_t step, Py_ssize_t size)
{
    uint8_t *data;
    if (count_of(values) == (size_t)size && step == 8)
        return as_bytes(values->data.data, values->data.size);
    PyObject *found = room((size_t)size * 8, &data);
    for (size_t n = 0; found && n < count_of(values); n++)
        memcpy(data + 8 * (size_t)numbers(&values->slots)[n], values->data.data + n * step + from, 8);
    return found;
}

static PyObject *bits_of(const Values *values, Py_ssize_t size)
{
    uint8_t *bits;
    PyObject *found = room(((size_t)size + 7) / 8, &bits);
    for (size_t n = 0; found && n < count_of(values); n++)
        if (values->data.data[n])
            set_bit(bits, numbers(&values->slots)[n]);
    return found;
}

/* Offsets for all slots, from the ends of values (`sums`: from their lengths). */
static PyObject *offsets(const Values *values, const Buffer *ends, int sums, Py_ssize_t size)
{
    int32_t *data, end = 0;
    PyObject *found = room(((size_t)size + 1) * 4, &data);
    if (!found)
        return NULL;
    int32_t at = 0;
    for (size_t n = 0; n < count_of(values); n++) {
        int32_t slot = numbers(&values->slots)[n];
        while (at <= slot)
            data[at++] = end;
        end = sums ? end + numbers(ends)[n] : numbers(ends)[n];
    }
    while (at <= (int32_t)size)
        data[at++] = end;
    return found;
}

static PyObject *databases(const Values *values, Py_ssize_t size)
{
    uint8_t *bits;
    PyObject *found = room(((size_t)size + 7) / 8, &bits);
    int32_t before = 0;
    for (size_t n = 0; found && n < count_of(values); n++) {
        int32_t end = numbers(&values->other_ends)[n];
        if (end > before)
            set_bit(bits, numbers(&values->slots)[n]);
        before = end;
    }
    return found;
}

static PyObject *built(const Values *values, Kind kind, Py_ssize_t size)
{
    PyObject *valid = validity(values, size);
    if (!valid)
        return NULL;
    switch (kind) {
    case BOOLEAN: return Py_BuildValue("(NN)", valid, bits_of(values, size));
    case INTEGER:
    case DOUBLE:
    case TIMESTAMP: return Py_BuildValue("(NN)", valid, spread(values, 0, 8, size));
    case GEOPOINT: return Py_BuildValue("(NNN)", valid, spread(values, 0, 16, size), spread(values, 8, 16, size));
    case STRING:
    case BYTES:
        return Py_BuildValue("(NNN)", valid, offsets(values, &values->ends, 0, size),
                             as_bytes(values->data.data, values->data.size));
    case REFERENCE:
        return Py_BuildValue("(NNNNNN)", valid, offsets(values, &values->ends, 0, size),
                             as_bytes(values->data.data, values->data.size), databases(values, size),
                             offsets(values, &values->other_ends, 0, size),
                             as_bytes(values->other.data, values->other.size));
    case ARRAY: return Py_BuildValue("(NN)", valid, offsets(values, &values->data, 1, size));
    case VECTOR:
        return Py_BuildValue("(NNN)", valid, offsets(values, &values->data, 1, size),
                             as_bytes(values->other.data, values->other.size));
    default: return Py_BuildValue("(N)", valid);
    }
}

static PyObject *buffers(Columns *self, PyObject *args)
{
    Py_ssize_t number, size;
    int kind;
    if (!PyArg_ParseTuple(args, "nin", &number, &kind, &size))
        return NULL;
    Field *field = NULL;
    if (number >= 0 && (size_t)number < self->fields.size / sizeof field && kind >= 0 && kind < KINDS && size < INT32_MAX)
        field = ((Field **)self->fields.data)[number];
    if (!field || !field->values[kind] || !count_of(field->values[kind]) ||
        last_number(&field->values[kind]->slots) >= size) {
        PyErr_SetString(PyExc_ValueError, "there are no such values, or more of them");
        return NULL;
    }
    return built(field->values[kind], kind, size);
}

static PyObject *paths(Columns *self, PyObject *none)
{
    int32_t *data;
    PyObject *ends = room(self->path_ends.size + 4, &data);
    if (!ends)
        return NULL;
    if (self->path_ends.size)
        memcpy(data + 1, self->path_ends.data, self->path_ends.size);
    return Py_BuildValue("(NN)", ends, as_bytes(self->paths.data, self->paths.size));
}

static PyMethodDef methods[] = {
    {"rows", (PyCFunction)rows, METH_NOARGS, "The numbers of the records that have a row, as int64."},
    {"odd", (PyCFunction)odd, METH_NOARGS, "The numbers of the records that are odd, as int64."},
    {"paths", (PyCFunction)paths, METH_NOARGS, "Offsets (int32) and bytes of the paths."},
    {"tree", (PyCFunction)tree, METH_NOARGS, "Each field: kinds as bits, its element or -1, how many elements, its children."},
    {"buffers", (PyCFunction)buffers, METH_VARARGS, "The Arrow buffers of a field's values of a kind, spread over so many slots."},
    {NULL},
};

PyTypeObject ColumnsType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "onto_flow.formats.native._native.Columns",
    .tp_basicsize = sizeof(Columns),
    .tp_dealloc = (destructor)columns_free,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_methods = methods,
    .tp_doc = "The values of a batch of records, by field and kind.",
};
