/* The bytes of state: of maps, of records, and of what changed of a record. Every `put` is as that of coder.h. */
#ifndef ONTO_FLOW_STATE_H
#define ONTO_FLOW_STATE_H

#include "coder.h"

#include "../../core/native/maps.h"

extern const Maps *maps; /* NULL where the other extension is not there */
void maps_begin(void);

/* Where a record (operators.record) has its parts. */
typedef struct {
    PyObject *of;
    Py_ssize_t reg, due, open, last, seq, failed, behind, written, asked, kept, awaited, layout;
} Parts;

extern Parts parts;
int parts_begin(PyObject *record_type); /* 1, or 0 with an exception set */
#define PART(record, name) (*(PyObject **)((char *)(record) + parts.name))

/* The entries of a map: of a dict or pocket itself, else a list of pairs. */
typedef struct {
    PyObject *map, *pairs;
    Py_ssize_t at, count;
    int (*next)(PyObject *, Py_ssize_t *, PyObject **, PyObject **);
} Each;

int each_here(Each *each, PyObject *map); /* 1: without a list, which need not be freed then */
int each_begin(Each *each, PyObject *map);
int each_next(Each *each, PyObject **key, PyObject **value);

Said put_pair(Coder *coder, PyObject *key, PyObject *value);
Said put_pairs(Coder *coder, PyObject *map);
Said put_document(Coder *coder, PyObject *path, PyObject *doc); /* a path and its document, which is a tuple of three */
Said put_flags(Coder *coder, PyObject *record);
Said put_record(Coder *coder, PyObject *record); /* operators.record.Record.pack */

/* operators.written.difference; ODD where there is none. */
Said put_difference(Coder *coder, PyObject *record, int *again); /* `again`: what is written is in the same order still */
int mark_again(PyObject *record);       /* what it has written becomes what operators.written.mark makes */
PyObject *mark_of(PyObject *record);    /* what operators.written.mark makes */

/* Of a list how many first and last elements stay. */
void list_ends(PyObject *before, PyObject *now, Py_ssize_t *head, Py_ssize_t *tail);

Met *met_of(PyObject *capsule); /* NULL with an exception set */

/* Fetches what the cells of some keys hold into the processor's cache; NULL: a key that has none. */
enum { TOGETHER = 8 };
void fetch_ahead(PyObject *const *cells, int count, PyObject *reference_type, int differs);

#endif
