/* What the files of this extension share: names, collections, databases, keys and properties. */
#ifndef ONTO_FLOW_NATIVE_H
#define ONTO_FLOW_NATIVE_H

#include "wire.h"

enum { MAX_DEPTH = 20, MAX_KEPT = 20000 };

/* The kinds of values. The order is that of WORDS in columns.py. */
typedef enum {
    NULL_,
    BOOLEAN,
    INTEGER,
    DOUBLE,
    TIMESTAMP,
    STRING,
    BYTES,
    REFERENCE,
    GEOPOINT,
    MAPPING,
    ARRAY, /* as the kind of a value: one without elements */
    VECTOR, /* as the kind of a value: one element */
    KINDS,
    UNKNOWN,
} Kind;

/* The name of a field. */
typedef struct Name {
    Slice raw;
    PyObject *text;
    uint32_t number;
    int is_type; /* whether it is __type__, which makes a map a vector */
    struct Name *next;   /* the name that stood behind it last time */
    struct Name *inside; /* the first name in its maps, last time */
    uint64_t seen[MAX_DEPTH + 1]; /* the last entity of each depth whose line has it */
} Name;

/* Which fields of some collections are wanted. */
typedef struct {
    PyObject *names; /* a collection of texts */
    Buffer known;    /* by the number of a name: 0 not asked yet, 1 wanted, 2 not */
} FieldSet;

/* A collection: where the documents of a batch lie. */
typedef struct {
    Slice raw;
    PyObject *path; /* NULL for one whose path cannot be read */
    const char *utf8;
    Py_ssize_t size;
    int wanted;
    FieldSet *fields; /* NULL: all */
} Parent;

typedef struct {
    Slice raw; /* the app, then what stands behind the path */
    size_t app;
    PyObject *name; /* NULL for one that cannot be read */
} Database;

/* A table from bytes to things, which it owns. */
typedef struct {
    void **slots;
    uint32_t room, count;
    void *last;
} Table;

typedef struct {
    PyObject_HEAD
    PyObject *wanted, *database_of, *vector_of_map, *geopoint, *reference, *vector;
    Table names, parents, databases;
    Name *first; /* the first name of a document, last time */
    FieldSet **sets;
    size_t set_count;
    Buffer scratch;
    uint64_t entities; /* whose lines were made */
} Decoder;

/* The key of a record, or a reference. */
typedef struct {
    Slice app, parent, id, rest;
    Slice elements; /* the whole path */
    int named;
    int64_t number;
    const uint8_t *behind;
} Path;

/* One value of a field, or one element of its array. */
typedef struct {
    Name *name;
    Kind kind;
    int multiple;
    Slice value; /* of a text, bytes or a map: its content; elsewhere what stands behind the tag */
} Property;

/* A record and what its key says. */
typedef struct {
    Parent *parent;
    Database *database;
    Path path;
    Slice fields;
} Record;

extern PyTypeObject ColumnsType;

void frames_begin(void);
int documents_begin(void);
int events_begin(void);
int values_begin(void);
int state_rows_begin(void);
int size_begin(void);
Said make_timestamp(int64_t micros, PyObject **found);
PyObject *native_typed_fields(PyObject *module, PyObject *args);
PyObject *native_event_fields(PyObject *module, PyObject *args);
PyObject *native_encode(PyObject *module, PyObject *const *args, Py_ssize_t count, PyObject *names);
PyObject *native_decode(PyObject *module, PyObject *const *args, Py_ssize_t count);
PyObject *native_keyed_event(PyObject *module, PyObject *const *args, Py_ssize_t count);
PyObject *native_net_change(PyObject *module, PyObject *const *args, Py_ssize_t count);
PyObject *native_view_change(PyObject *module, PyObject *const *args, Py_ssize_t count);
PyObject *native_plain_event(PyObject *module, PyObject *const *args, Py_ssize_t count);
PyObject *native_plain_member(PyObject *module, PyObject *const *args, Py_ssize_t count);
PyObject *native_plain_register(PyObject *module, PyObject *const *args, Py_ssize_t count);
PyObject *native_plain_root(PyObject *module, PyObject *const *args, Py_ssize_t count);
PyObject *native_plain_shown(PyObject *module, PyObject *const *args, Py_ssize_t count);
PyObject *native_simple_event(PyObject *module, PyObject *args);
PyObject *native_simple_member(PyObject *module, PyObject *args);
PyObject *native_simple_deletion(PyObject *module, PyObject *args);
PyObject *native_simple_weight(PyObject *module, PyObject *args);
PyObject *native_followed_record(PyObject *module, PyObject *const *given, Py_ssize_t count);
PyObject *native_simple_answer(PyObject *module, PyObject *args);
PyObject *native_active(PyObject *module, PyObject *subs);
PyObject *native_met(PyObject *module, PyObject *args);
PyObject *native_said(PyObject *module, PyObject *args);
PyObject *native_wholes(PyObject *module, PyObject *args);
PyObject *native_places(PyObject *module, PyObject *args);
PyObject *native_document_size(PyObject *module, PyObject *fields);
PyObject *native_crc32c(PyObject *module, PyObject *args);
PyObject *native_fragments(PyObject *module, PyObject *args);
PyObject *decoder_documents(Decoder *self, PyObject *args);
PyObject *decoder_lines(Decoder *self, PyObject *args);
PyObject *decoder_path(Decoder *self, PyObject *args);
PyObject *decoder_fields(Decoder *self, PyObject *args);
PyObject *decoder_columns(Decoder *self, PyObject *args);

/* The records of a call: bytes, and where each begins and ends. */
typedef struct {
    Py_buffer data, start, stop;
    Py_ssize_t count;
} Records;

int records_open(Records *records, PyObject *args);
void records_close(Records *records);
static inline Slice record_at(const Records *records, Py_ssize_t row)
{
    const uint8_t *data = records->data.buf;
    return (Slice){data + ((const int64_t *)records->start.buf)[row], data + ((const int64_t *)records->stop.buf)[row]};
}

void decoder_trim(Decoder *self);
void decoder_clear(Decoder *self);
Said read_record(Decoder *self, Slice data, Record *record);
Said read_property(Decoder *self, const uint8_t **at, const uint8_t *end, Name ***guess, FieldSet *fields, Property *found);
int read_integer(Slice value, int64_t *number);
int is_time(int64_t micros);

/* A moment of UTC. */
typedef struct {
    int year, month, day, hour, minute, second, micros;
} Moment;

int moment_of(int64_t micros, Moment *moment);
Said read_reference(Decoder *self, Slice value, Path *path, Database **database);
int add_path(Buffer *buffer, Slice elements, int reference);
int add_id(Buffer *buffer, const Path *path);
int same_database(const Database *a, const Database *b);

#endif
