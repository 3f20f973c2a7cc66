/* What the files of this extension share. */
#ifndef ONTO_FLOW_CORE_H
#define ONTO_FLOW_CORE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "maps.h"

/* What a slot of an object holds, by the slot's offset (`slot_of`). */
#define SLOT(object, offset) (*(PyObject **)((char *)(object) + (offset)))

typedef struct {
    Py_ssize_t *offset; /* NULL: the end of a table */
    PyObject *cls;
    const char *name;
} Slot;

typedef struct {
    PyObject **text; /* NULL: the end of a table */
    const char *name;
} Name;

/* The offset of a `__slots__` entry of a class; -1: an exception is set. */
Py_ssize_t slot_of(PyObject *cls, const char *name);

/* The offsets of a table, and the interned texts of one: 1, or 0 with an exception set. */
int slots_of(const Slot *slots);
int names_of(const Name *names);

/* Asks for the memory of an object, and what the collector has before it, while something else is done: a large state is met at
   random, and what is asked for together comes together. */
#define AHEAD_OF(object) (__builtin_prefetch((char *)(object) - 16), __builtin_prefetch((char *)(object) + 48))

/* 1: the same, 0: not, -1: an exception is set. `equality` must have been called before. */
int core_same(PyObject *left, PyObject *right);

/* Names of attributes and cells. */
extern PyObject *name_joined, *name_made, *name_document, *name_docs, *name_subs, *name_round, *name_record, *name_reg,
    *name_kept, *name_last, *name_seq, *name_replace, *name_shown, *name_ingest, *name_database, *name_path, *name_left;
int core_names(void);

/* What the drained stages share; each gives -1 or NULL with an exception set. */
int cell_of(PyObject *cells, PyObject *name, PyObject **found);         /* a new reference, or NULL where it is empty */
int value_of(PyObject *map, PyObject *key, PyObject **found);           /* the same, of any map */
PyObject *record_of(PyObject *type, Py_ssize_t size, PyObject **parts); /* a named tuple; the parts are borrowed */
int send_to(PyObject *queue, PyObject *key, PyObject *message);
int send_to_operator(PyObject *queues, PyObject *operator, PyObject *key, PyObject *message);
int note(PyObject *changed, PyObject *key); /* `changed`: a set, or None where nobody wants to know */
int cell_set(PyObject *cells, PyObject *name, PyObject *value);
int triple_of(PyObject *cells, PyObject *name, PyObject *parts[3]); /* 1: new references to the parts of a tuple of three */
int is_newer(PyObject *version, PyObject *than);
PyObject *subscription(PyObject *type, PyObject *root, long weight); /* a Subscribe for one root */
/* Whether two versions of a document are `Fields` whose join keys are one object; `joined`: a new reference to it, if wanted. */
int same_keys(PyObject *before, PyObject *after, PyObject *fields_type, PyObject **joined);
/* A function of the arguments that are positional, with a tuple of types for it. */
PyObject *with_types(PyMethodDef *method, PyObject *types, Py_ssize_t count);

/* Where the slots of `Fields` and of `Record` are; 1, or 0 with an exception set. */
extern Py_ssize_t fields_joined, fields_made, record_reg, record_kept, record_last;
int core_state_slots(PyObject *fields, PyObject *record);

/* The types that following takes. */
enum { T_EVENT, T_FIELDS, T_DOC, T_TOLD, T_RECORD, T_SUBSCRIBE };
#define TYPE(n) PyTuple_GET_ITEM(types, n)

/* What is known of an operator: of match, the name of its assemble and the size of a page; of assemble None, the code of
   its slots in what travels with documents, and the roots that were touched. */
enum { S_STATES, S_CHANGED, S_ASSEMBLE, S_HOW, S_TOUCHED };

/* What is known of a collection: (its layout, fields that decide keys, fields that are read or None, views, makers of keys); a
   view is (where its own keys stand in `joined` or 0, ((operator, slot or None for the document's own path, what it asks for:
   ((operator, where the keys stand), ...)), ...)). Without makers keys that change are left to the step. */
enum { LAYOUT, DECIDING, WANTED, VIEWS, MAKERS };

/* The keys of a version, worked out anew: an equal one's own object. */
PyObject *keys_of(PyObject *known, PyObject *path, PyObject *after, PyObject *before);
/* Tells one view that the keys of a document have changed, which were `joined`. */
int tell_moved(PyObject *types, PyObject *queues, PyObject *view, PyObject *path, PyObject *version, PyObject *joined,
               PyObject *after);

/* A new version of a document to one key of match, or to one root; 1: taken, 0: left to the step, -1: failed. */
int pass_on(PyObject *types, PyObject *stage, PyObject *stages, PyObject *queues, PyObject *key, PyObject *path,
            PyObject *doc, PyObject **told);
int touch(PyObject *types, PyObject *stage, PyObject *root, PyObject *path, PyObject *doc);
/* Makes `told`, once, and sends it; 1 or -1. */
int tell_by_message(PyObject *types, PyObject *queues, PyObject *operator, PyObject *key, PyObject *path, PyObject *doc,
                    PyObject **told);

/* `Pocket` and `Cells`; what they find is a new reference, or NULL. */
extern PyTypeObject PocketType, CellsType;
int pocket_get(PyObject *map, PyObject *key, PyObject **found);
PyObject *pocket_key(PyObject *map, PyObject *key); /* borrowed: the key as it is in the map, which has it */
int pocket_set(PyObject *map, PyObject *key, PyObject *value);
int pocket_next(PyObject *map, Py_ssize_t *at, PyObject **key, PyObject **value);
Py_ssize_t pocket_size(PyObject *map);
const void *pocket_behind(PyObject *map); /* where what it holds is, where that is not in it */
int pocket_delete(PyObject *map, PyObject *key);
int cells_get(PyObject *cells, PyObject *name, PyObject **found);
int cells_set(PyObject *cells, PyObject *name, PyObject *value);
int cells_held(PyObject *cells, PyObject *held[3]); /* borrowed: what is in it itself; how many */
int cells_triple(PyObject *cells, PyObject *name, PyObject *parts[3]); /* as `triple_of` */

/* The same of a pocket or a dict, or of what is derived from it. */
int is_map(PyObject *map);
int map_set(PyObject *map, PyObject *key, PyObject *value);
int map_next(PyObject *map, Py_ssize_t *at, PyObject **key, PyObject **value);
Py_ssize_t map_size(PyObject *map);
int map_delete(PyObject *map, PyObject *key);
int map_contains(PyObject *map, PyObject *key);
/* A new reference to the key as a map has it, which it does: what is known to be the same object need not be looked at. */
PyObject *map_key(PyObject *map, PyObject *key);
PyObject *map_of_one(PyObject *key, PyObject *value);

/* A new dictionary of a type with the entries of another, which share its names where that one's are shared. */
PyObject *core_shaped(PyObject *type, PyObject *like);
PyObject *native_fields_of(PyObject *module, PyObject *args);

PyObject *native_reading(PyObject *module, PyObject *parts);
PyObject *native_unseen(PyObject *module, PyObject *value);

void core_large_blocks(void); /* from now on large blocks lie in large pages, too */
PyObject *native_large_pages(PyObject *module, PyObject *none);
PyObject *native_trim(PyObject *module, PyObject *none);
PyObject *native_equality(PyObject *module, PyObject *args);
PyObject *native_plain_order(PyObject *module, PyObject *none);
PyObject *native_maker(PyObject *module, PyObject *parts);
PyObject *native_odd_values(PyObject *module, PyObject *args);
PyObject *native_references(PyObject *module, PyObject *parts);
PyObject *native_follow(PyObject *module, PyObject *types);
PyObject *native_show(PyObject *module, PyObject *types);
PyObject *native_match_steps(PyObject *module, PyObject *types);
PyObject *native_place(PyObject *module, PyObject *types);

/* Whether paths are in the order of Firestore when they are in that of their characters (core.values.is_plain_order). 1, 0, -1. */
int core_plain_order(PyObject *paths);

/* Whether two lasting values are alike (model.lasting). 1, 0, -1. */
int core_alike(PyObject *one, PyObject *other);

/* Asks for what the next change of a KeptView will meet, one step farther each time (0 to 3); of another object nothing. */
void core_ahead_of_view(PyObject *kept, int step);
void core_ahead_of_rows(PyObject *rows, int step);
void pocket_ahead(PyObject *map); /* of the row of a pocket, which is at hand itself */

/* What is stored of the elements of a getter (model.lasting.Elements): a new list. */
PyObject *core_stored(PyObject *elements, PyObject *values);

/* KeptRows.change: 0, or -1 with an exception set. */
int core_change_rows(PyObject *rows, PyObject *slots, PyObject *changed, int *moved, int *stored);

/* Which rows looked documents up: `path` looked up what is in `now`, and before that `before` (a path, paths, or NULL). */
int core_note_readers(PyObject *readers, PyObject *path, PyObject *before, PyObject *now);

/* All elements of KeptRows as they are (borrowed), and as they are stored. */
PyObject *core_row_elements(PyObject *rows);
PyObject *core_row_stored(PyObject *rows);
PyObject *core_row_program(PyObject *rows);

/* All elements of KeptRows, as a new list. */
PyObject *core_row_values(PyObject *rows);

/* A view as getters see it that read slots alone: made when the first one is called. */
typedef struct {
    PyObject *self, *store; /* owned */
    long long has;          /* the slots that are set, a bit each */
} Reading;

/* What a UDF, or a getter that reads slots alone, gives; NULL without an exception: it must be worked out in a scope. */
PyObject *core_udf(PyObject *view, PyObject *attribute);
PyObject *core_getter(Reading *reading, PyObject *view, PyObject *attribute);
void core_has_read(Reading *reading);

/* Whether a view has a document at all: 1, 0, -1 with an exception set, or that a filter must be asked in a scope. */
enum { ASKS_A_SCOPE = 2 };
int core_passes(PyObject *view, long long dirty);
int core_called(PyObject *view, PyObject *program, PyObject *attribute, PyObject *rows, PyObject *many);

PyObject *native_lasting(PyObject *module, PyObject *args);
PyObject *native_lookup(PyObject *module, PyObject *args);
PyObject *native_kept_documents(PyObject *module, PyObject *args);
PyObject *native_kept_rows(PyObject *module, PyObject *args);
PyObject *native_kept_view(PyObject *module, PyObject *args);

#endif
