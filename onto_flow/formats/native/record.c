/* Records, their keys and their properties; the grammar is that of entity.py, and whatever is unusual is ODD. */
#include "native.h"

/* ---- tables ------------------------------------------------------------------------------------------------------ */

static uint64_t seed;

static uint64_t mixed(uint64_t a, uint64_t b)
{
    a ^= b;
    a *= 0x9E3779B97F4A7C15ULL;
    a ^= a >> 32;
    a *= 0xD6E8FEB86659FD93ULL;
    return a ^ a >> 29;
}

static uint64_t hash_of(Slice raw)
{
    uint64_t hash = seed ^ size_of(raw);
    const uint8_t *p = raw.at;
    for (; raw.end - p >= 8; p += 8)
        hash = mixed(hash, word_at(p));
    uint64_t rest = 0;
    memcpy(&rest, p, (size_t)(raw.end - p));
    return mixed(hash, rest);
}

static Slice raw_of(const void *entry) { return *(const Slice *)entry; }

static void **slot_of(const Table *table, Slice raw)
{
    uint32_t mask = table->room - 1;
    for (uint32_t n = (uint32_t)hash_of(raw) & mask;; n = (n + 1) & mask)
        if (!table->slots[n] || same_bytes(raw_of(table->slots[n]), raw))
            return &table->slots[n];
}

static void *table_get(Table *table, Slice raw)
{
    if (table->last && same_bytes(raw_of(table->last), raw))
        return table->last;
    if (!table->room)
        return NULL;
    void *found = *slot_of(table, raw);
    if (found)
        table->last = found;
    return found;
}

static int table_grow(Table *table)
{
    Table wider = {PyMem_RawCalloc(table->room ? table->room * 2 : 64, sizeof(void *)), table->room ? table->room * 2 : 64};
    if (!wider.slots)
        return 0;
    for (uint32_t n = 0; n < table->room; n++)
        if (table->slots[n])
            *slot_of(&wider, raw_of(table->slots[n])) = table->slots[n];
    wider.count = table->count;
    PyMem_RawFree(table->slots);
    *table = wider;
    return 1;
}

/* A new entry of `size` bytes, zeroed, which begins with its own copy of `raw`. */
static void *table_add(Table *table, Slice raw, size_t size)
{
    if (table->count * 2 >= table->room && !table_grow(table)) {
        PyErr_NoMemory();
        return NULL;
    }
    uint8_t *entry = PyMem_RawCalloc(1, size + size_of(raw) + 8); /* a word may be read where a short name ends */
    if (!entry) {
        PyErr_NoMemory();
        return NULL;
    }
    memcpy(entry + size, raw.at, size_of(raw));
    *(Slice *)entry = (Slice){entry + size, entry + size + size_of(raw)};
    *slot_of(table, raw) = entry;
    table->count++;
    table->last = entry;
    return entry;
}

static void table_clear(Table *table, void (*forget)(void *))
{
    for (uint32_t n = 0; n < table->room; n++)
        if (table->slots[n]) {
            forget(table->slots[n]);
            PyMem_RawFree(table->slots[n]);
        }
    PyMem_RawFree(table->slots);
    memset(table, 0, sizeof *table);
}

static void forget_name(void *name) { Py_XDECREF(((Name *)name)->text); }
static void forget_parent(void *parent) { Py_XDECREF(((Parent *)parent)->path); }
static void forget_database(void *database) { Py_XDECREF(((Database *)database)->name); }

static void clear_sets(Decoder *self)
{
    for (size_t n = 0; n < self->set_count; n++) {
        Py_DECREF(self->sets[n]->names);
        buffer_free(&self->sets[n]->known);
        PyMem_RawFree(self->sets[n]);
    }
    PyMem_RawFree(self->sets);
    self->sets = NULL;
    self->set_count = 0;
}

void decoder_clear(Decoder *self)
{
    table_clear(&self->names, forget_name);
    table_clear(&self->parents, forget_parent);
    table_clear(&self->databases, forget_database);
    self->first = NULL;
    clear_sets(self);
    buffer_free(&self->scratch);
}

void decoder_trim(Decoder *self)
{
    if (!seed)
        seed = (uint64_t)(uintptr_t)self ^ (uint64_t)PyObject_Hash(self->database_of) ^ 0xA0761D6478BD642FULL;
    if (self->names.count > MAX_KEPT || self->parents.count > MAX_KEPT || self->databases.count > MAX_KEPT)
        decoder_clear(self);
}

/* The text of some bytes: FOUND, ODD for what is no text, FAILED. */
static Said text_of(Slice raw, PyObject **text)
{
    *text = PyUnicode_DecodeUTF8((const char *)raw.at, (Py_ssize_t)size_of(raw), NULL);
    if (*text)
        return FOUND;
    if (!PyErr_ExceptionMatches(PyExc_UnicodeDecodeError))
        return FAILED;
    PyErr_Clear();
    return ODD;
}

static Said name_of(Decoder *self, Slice raw, Name **name)
{
    *name = table_get(&self->names, raw);
    if (*name)
        return FOUND;
    PyObject *text;
    Said said = text_of(raw, &text);
    if (said != FOUND)
        return said;
    PyUnicode_InternInPlace(&text);
    *name = table_add(&self->names, raw, sizeof(Name));
    if (!*name) {
        Py_DECREF(text);
        return FAILED;
    }
    (*name)->text = text;
    (*name)->number = self->names.count;
    (*name)->is_type = size_of(raw) == 8 && memcmp(raw.at, "__type__", 8) == 0;
    return FOUND;
}

/* ---- paths ------------------------------------------------------------------------------------------------------- */

typedef struct {
    uint8_t open, kind, name[2], id[2], width, close;
} Tags;

static const Tags KEY_TAGS = {0x0B, 0x12, {0x22}, {0x18}, 1, 0x0C};
static const Tags REFERENCE_TAGS = {0x73, 0x7A, {0x8A, 0x01}, {0x80, 0x01}, 2, 0x74};

static int is_tag(const uint8_t *at, const uint8_t *end, const uint8_t *tag, int width)
{
    return end - at > width && memcmp(at, tag, (size_t)width) == 0;
}

static int is_part(Slice part) { return size_of(part) && !memchr(part.at, '/', size_of(part)); }

/* One element of a path; `kind` is the collection's name. */
static int read_element(const uint8_t **at, const uint8_t *end, const Tags *tags, Slice *kind, Path *path)
{
    const uint8_t *p = *at;
    if (end - p < 2 || p[0] != tags->open || p[1] != tags->kind)
        return 0;
    p += 2;
    if (!read_slice(&p, end, kind) || !is_part(*kind))
        return 0;
    path->named = is_tag(p, end, tags->name, tags->width);
    if (path->named) {
        p += tags->width;
        if (!read_slice(&p, end, &path->id) || !is_part(path->id))
            return 0;
    } else {
        uint64_t number;
        if (!is_tag(p, end, tags->id, tags->width))
            return 0;
        p += tags->width;
        if (!read_varint(&p, end, &number))
            return 0;
        path->number = (int64_t)number;
    }
    if (p >= end || *p != tags->close)
        return 0;
    *at = p + 1;
    return 1;
}

/* The elements from `at` on; what stands behind them is left. */
static int read_elements(const uint8_t **at, const uint8_t *end, const Tags *tags, Path *path)
{
    const uint8_t *begin = *at;
    Slice kind = {NULL, NULL};
    while (*at < end && **at == tags->open)
        if (!read_element(at, end, tags, &kind, path))
            return 0;
    path->parent = (Slice){begin, kind.end};
    path->elements = (Slice){begin, *at};
    return kind.at != NULL;
}

static int read_key(Slice data, Path *path)
{
    const uint8_t *at = data.at;
    Slice key, elements;
    if (at >= data.end || *at++ != 0x6A || !read_slice(&at, data.end, &key))
        return 0;
    path->behind = at;
    at = key.at;
    if (at >= key.end || *at++ != 0x6A || !read_slice(&at, key.end, &path->app))
        return 0;
    if (at >= key.end || *at++ != 0x72 || !read_slice(&at, key.end, &elements))
        return 0;
    path->rest = (Slice){at, key.end};
    at = elements.at;
    return read_elements(&at, elements.end, &KEY_TAGS, path) && at == elements.end;
}

int add_id(Buffer *buffer, const Path *path)
{
    char number[32];
    if (path->named)
        return buffer_add(buffer, path->id.at, size_of(path->id));
    int size = snprintf(number, sizeof number, "__id%lld__", (long long)path->number);
    return buffer_add(buffer, number, (size_t)size);
}

/* Writes the path of elements that were read before; with `parent` of all but the last id. */
static int add_elements(Buffer *buffer, Slice elements, const Tags *tags, int parent)
{
    Path path;
    Slice kind;
    for (const uint8_t *at = elements.at; at < elements.end;) {
        int first = at == elements.at;
        const uint8_t *before = at;
        if (!read_element(&at, elements.end, tags, &kind, &path)) {
            if (!parent)
                return 0;
            before += 2; /* the last one ends with the collection's name */
            if (!read_slice(&before, elements.end, &kind))
                return 0;
            return (first || buffer_add(buffer, "/", 1)) && buffer_add(buffer, kind.at, size_of(kind));
        }
        if ((!first && !buffer_add(buffer, "/", 1)) || !buffer_add(buffer, kind.at, size_of(kind)) ||
            !buffer_add(buffer, "/", 1) || !add_id(buffer, &path))
            return 0;
    }
    return 1;
}

int add_path(Buffer *buffer, Slice elements, int reference)
{
    return add_elements(buffer, elements, reference ? &REFERENCE_TAGS : &KEY_TAGS, 0);
}

/* ---- collections and databases ----------------------------------------------------------------------------------- */

static FieldSet *set_of(Decoder *self, PyObject *names)
{
    for (size_t n = 0; n < self->set_count; n++)
        if (self->sets[n]->names == names)
            return self->sets[n];
    FieldSet **sets = PyMem_RawRealloc(self->sets, (self->set_count + 1) * sizeof *sets);
    FieldSet *set = sets ? PyMem_RawCalloc(1, sizeof *set) : NULL;
    if (sets)
        self->sets = sets;
    if (!set) {
        PyErr_NoMemory();
        return NULL;
    }
    set->names = Py_NewRef(names);
    self->sets[self->set_count++] = set;
    return set;
}

/* Asks whether a collection is wanted, and which of its fields. */
static int ask(Decoder *self, Parent *parent)
{
    parent->wanted = 1;
    if (self->wanted == Py_None)
        return 1;
    PyObject *answer = PyObject_CallOneArg(self->wanted, parent->path);
    PyObject *wants, *fields;
    int good = answer && PyArg_ParseTuple(answer, "OO", &wants, &fields);
    if (good) {
        parent->wanted = PyObject_IsTrue(wants);
        good = parent->wanted >= 0;
    }
    if (good && fields != Py_None)
        good = (parent->fields = set_of(self, fields)) != NULL;
    Py_XDECREF(answer);
    return good;
}

static Said parent_of(Decoder *self, Slice raw, Parent **found)
{
    Parent *parent = *found = table_get(&self->parents, raw);
    if (parent)
        return parent->path ? FOUND : ODD;
    self->scratch.size = 0;
    if (!add_elements(&self->scratch, raw, &KEY_TAGS, 1))
        return ODD;
    PyObject *path;
    Said said = text_of((Slice){self->scratch.data, self->scratch.data + self->scratch.size}, &path);
    if (said == FAILED)
        return FAILED;
    parent = *found = table_add(&self->parents, raw, sizeof *parent);
    if (!parent) {
        if (said == FOUND)
            Py_DECREF(path);
        return FAILED;
    }
    if (said == ODD)
        return ODD;
    parent->path = path;
    parent->utf8 = PyUnicode_AsUTF8AndSize(path, &parent->size);
    if (parent->utf8 && ask(self, parent))
        return FOUND;
    Py_CLEAR(parent->path);
    return FAILED;
}

static Said database_of(Decoder *self, Slice app, Slice rest, Database **found)
{
    self->scratch.size = 0;
    if (!buffer_add(&self->scratch, app.at, size_of(app)) || !buffer_add(&self->scratch, "\0", 1) ||
        !buffer_add(&self->scratch, rest.at, size_of(rest))) {
        PyErr_NoMemory();
        return FAILED;
    }
    Slice raw = {self->scratch.data, self->scratch.data + self->scratch.size};
    Database *database = *found = table_get(&self->databases, raw);
    if (!database) {
        database = *found = table_add(&self->databases, raw, sizeof *database);
        if (!database)
            return FAILED;
        database->app = size_of(app);
        PyObject *answer = PyObject_CallFunction(self->database_of, "y#y#", app.at, (Py_ssize_t)size_of(app), rest.at,
                                                 (Py_ssize_t)size_of(rest));
        if (answer) {
            PyObject *name = PySequence_GetItem(answer, 0);
            Py_DECREF(answer);
            if (!name || !PyUnicode_Check(name)) {
                Py_XDECREF(name);
                return FAILED;
            }
            database->name = name;
        } else if (PyErr_ExceptionMatches(PyExc_ValueError) || PyErr_ExceptionMatches(PyExc_IndexError))
            PyErr_Clear();
        else
            return FAILED;
    }
    if (database->app != size_of(app)) /* the same bytes, parted elsewhere */
        return ODD;
    return database->name ? FOUND : ODD;
}

int same_database(const Database *a, const Database *b)
{
    return a == b || PyUnicode_Compare(a->name, b->name) == 0;
}

/* ---- records ----------------------------------------------------------------------------------------------------- */

/* FOUND; DONE for one that is not wanted; ODD; FAILED. */
Said read_record(Decoder *self, Slice data, Record *record)
{
    if (!read_key(data, &record->path))
        return ODD;
    Said said = parent_of(self, record->path.parent, &record->parent);
    if (said != FOUND)
        return said;
    if (!record->parent->wanted)
        return DONE;
    if (record->path.named && !is_text(record->path.id))
        return ODD;
    record->fields = (Slice){record->path.behind, data.end};
    return database_of(self, record->path.app, record->path.rest, &record->database);
}

static Kind kind_of(uint64_t meaning, uint8_t tag)
{
    switch (meaning) {
    case 0:
        switch (tag) {
        case 0x08: return INTEGER;
        case 0x10: return BOOLEAN;
        case 0x1A: return STRING;
        case 0x21: return DOUBLE;
        case 0x2B: return GEOPOINT;
        case 0x63: return REFERENCE;
        default: return UNKNOWN;
        }
    case 7: return tag == 0x08 ? TIMESTAMP : UNKNOWN;
    case 9: return tag == 0x2B ? GEOPOINT : UNKNOWN;
    case 14: return tag == 0x1A ? BYTES : UNKNOWN;
    case 15: return tag == 0x1A ? STRING : UNKNOWN;
    case 16: return tag == 0x1A ? BYTES : UNKNOWN;
    case 19: return tag == 0x1A ? MAPPING : UNKNOWN;
    case 31: return tag == 0x21 ? VECTOR : UNKNOWN;
    default: return UNKNOWN;
    }
}

/* Whether a value has the form of its kind; leaves its content. */
static int read_value(Property *found)
{
    Slice *value = &found->value;
    const uint8_t *p = ++value->at, *end = value->end;
    switch (found->kind) {
    case STRING:
    case BYTES:
    case MAPPING:
        return read_slice(&p, end, value) && p == end;
    case BOOLEAN: return size_of(*value) == 1 && *p < 2;
    case DOUBLE:
    case VECTOR: return size_of(*value) == 8;
    case GEOPOINT: return size_of(*value) == 19 && p[0] == 0x31 && p[9] == 0x39 && p[18] == 0x2C;
    default: return 1;
    }
}

/* Whether these are the bytes of a name; most names are short, and a call of memcmp for each costs more than the rest. */
static int is_name(const Name *name, Slice raw, const uint8_t *end)
{
    size_t size = size_of(raw);
    if (size != size_of(name->raw))
        return 0;
    if (size > 16 || end - raw.at < 16)
        return memcmp(name->raw.at, raw.at, size) == 0;
    uint64_t first = word_at(name->raw.at) ^ word_at(raw.at);
    if (size < 8)
        return (first & ((1ULL << 8 * size) - 1)) == 0;
    return !first && word_at(name->raw.end - 8) == word_at(raw.end - 8);
}

/* Whether a field is wanted; -1 for an error. */
static int is_wanted(FieldSet *fields, const Name *name)
{
    Buffer *known = &fields->known;
    if (known->size <= name->number) {
        size_t more = name->number + 1 - known->size;
        if (!buffer_reserve(known, more)) {
            PyErr_NoMemory();
            return -1;
        }
        memset(known->data + known->size, 0, more);
        known->size += more;
    }
    if (!known->data[name->number]) {
        int has = PySequence_Contains(fields->names, name->text);
        if (has < 0)
            return -1;
        known->data[name->number] = has ? 1 : 2;
    }
    return known->data[name->number] == 1;
}

/* The next value that is wanted: FOUND; DONE at the end; ODD; FAILED. `guess` is where the next name is expected to be known. */
Said read_property(Decoder *self, const uint8_t **at, const uint8_t *end, Name ***guess, FieldSet *fields, Property *found)
{
    while (*at < end) {
        const uint8_t *p = *at;
        Slice body, raw;
        uint8_t tag = *p++;
        if ((tag | 8) != 0x7A) {
            if (tag == 0x82 && p < end && *p == 0x01)
                p++;
            else if (tag != 0x6A)
                return ODD;
            if (!read_slice(&p, end, &body))
                return ODD;
            *at = p;
            continue;
        }
        if (!read_slice(&p, end, &body))
            return ODD;
        *at = p;
        p = body.at;
        uint64_t meaning = 0;
        if (p < body.end && *p == 0x08) {
            p++;
            if (!read_varint(&p, body.end, &meaning))
                return ODD;
        }
        if (p >= body.end || *p++ != 0x1A || !read_slice(&p, body.end, &raw))
            return ODD;
        Name *name = **guess;
        if (!name || !is_name(name, raw, end)) {
            Said said = name_of(self, raw, &name);
            if (said != FOUND)
                return said;
            **guess = name;
        }
        *guess = &name->next;
        if (fields) {
            int wanted = is_wanted(fields, name);
            if (wanted < 0)
                return FAILED;
            if (!wanted)
                continue;
        }
        if (body.end - p < 4 || p[0] != 0x20 || p[1] > 1 || p[2] != 0x2A)
            return ODD;
        found->multiple = p[1];
        found->name = name;
        p += 3;
        if (!read_slice(&p, body.end, &found->value) || p != body.end)
            return ODD;
        if (found->value.at == found->value.end) {
            found->kind = meaning == 24 ? ARRAY : NULL_;
            return FOUND;
        }
        found->kind = kind_of(meaning, *found->value.at);
        return found->kind != UNKNOWN && read_value(found) ? FOUND : ODD;
    }
    return DONE;
}

int read_integer(Slice value, int64_t *number)
{
    uint64_t bits;
    if (!read_varint(&value.at, value.end, &bits) || value.at != value.end)
        return 0;
    *number = (int64_t)bits;
    return 1;
}

/* Whether these microseconds lie in the years 1 to 9999. */
int is_time(int64_t micros) { return micros >= -62135596800000000LL && micros <= 253402300799999999LL; }

/* Source of the calendar: H. Hinnant's algorithm for civil dates from days. */
int moment_of(int64_t micros, Moment *moment)
{
    if (!is_time(micros))
        return 0;
    const int64_t day_micros = 86400000000LL, march_of_year_0 = 719468;
    int64_t days = micros / day_micros, rest = micros % day_micros;
    if (rest < 0) {
        rest += day_micros;
        days--;
    }
    days += march_of_year_0;
    int64_t era = days / 146097, of_era = days % 146097;
    int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t march = (5 * of_year + 2) / 153;
    int seconds = (int)(rest / 1000000);
    moment->day = (int)(of_year - (153 * march + 2) / 5 + 1);
    moment->month = (int)(march < 10 ? march + 3 : march - 9);
    moment->year = (int)(year_of_era + era * 400 + (moment->month <= 2));
    moment->hour = seconds / 3600;
    moment->minute = seconds / 60 % 60;
    moment->second = seconds % 60;
    moment->micros = (int)(rest % 1000000);
    return 1;
}

Said read_reference(Decoder *self, Slice value, Path *path, Database **database)
{
    const uint8_t *at = value.at, *end = value.end - 1;
    if (size_of(value) < 2 || *at++ != 0x6A || *end != 0x64 || !read_slice(&at, end, &path->app))
        return ODD;
    if (!read_elements(&at, end, &REFERENCE_TAGS, path))
        return ODD;
    path->rest = (Slice){at, end};
    return database_of(self, path->app, path->rest, database);
}

/* ---- the records of a call --------------------------------------------------------------------------------------- */

void records_close(Records *records)
{
    PyBuffer_Release(&records->data);
    PyBuffer_Release(&records->start);
    PyBuffer_Release(&records->stop);
}

int records_open(Records *records, PyObject *args)
{
    if (!PyArg_ParseTuple(args, "y*y*y*", &records->data, &records->start, &records->stop))
        return 0;
    records->count = records->start.len / 8;
    int good = records->start.len == records->stop.len && records->start.len % 8 == 0 && records->data.len < INT32_MAX;
    const int64_t *start = records->start.buf, *stop = records->stop.buf;
    for (Py_ssize_t n = 0; good && n < records->count; n++)
        good = 0 <= start[n] && start[n] <= stop[n] && stop[n] <= records->data.len;
    if (good)
        return 1;
    PyErr_SetString(PyExc_ValueError, "records that lie outside the data");
    records_close(records);
    return 0;
}
