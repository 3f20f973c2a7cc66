/* What the files of this extension share. */
#ifndef ONTO_FLOW_CORE_H
#define ONTO_FLOW_CORE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* 1: the same, 0: not, -1: an exception is set. `equality` must have been called before. */
int core_same(PyObject *left, PyObject *right);

/* Names of attributes and cells. */
extern PyObject *name_joined, *name_made, *name_document, *name_docs, *name_subs, *name_round, *name_record, *name_reg,
    *name_kept, *name_last, *name_seq, *name_replace, *name_shown, *name_database, *name_path;
int core_names(void);

/* What the drained stages share; each gives -1 or NULL with an exception set. */
int cell_of(PyObject *cells, PyObject *name, PyObject **found);         /* a new reference, or NULL where it is empty */
int value_of(PyObject *map, PyObject *key, PyObject **found);           /* the same, of any map */
PyObject *record_of(PyObject *type, Py_ssize_t size, PyObject **parts); /* a named tuple; the parts are borrowed */
int send_to(PyObject *queue, PyObject *key, PyObject *message);
int leave_to_step(PyObject *rest, PyObject *key, PyObject *messages);
int is_newer(PyObject *version, PyObject *than);
/* Whether two versions of a document are `Fields` whose join keys are one object; `joined`: a new reference to it. */
int same_keys(PyObject *before, PyObject *after, PyObject *fields_type, PyObject **joined);
/* A function of the arguments that are positional, with a tuple of types for it. */
PyObject *with_types(PyMethodDef *method, PyObject *types, Py_ssize_t count);
/* Whether so many arguments were given, the first two (queue and states) as dicts. */
int takes(PyObject *const *given, Py_ssize_t count, Py_ssize_t wanted);

/* `Pocket` and `Cells`; what they find is a new reference, or NULL. */
extern PyTypeObject PocketType, CellsType;
int pocket_get(PyObject *map, PyObject *key, PyObject **found);
int pocket_set(PyObject *map, PyObject *key, PyObject *value);
int pocket_next(PyObject *map, Py_ssize_t *at, PyObject **key, PyObject **value);
Py_ssize_t pocket_size(PyObject *map);
int cells_get(PyObject *cells, PyObject *name, PyObject **found);
int cells_set(PyObject *cells, PyObject *name, PyObject *value);

/* The same of a pocket or a dict, or of what is derived from it. */
int is_map(PyObject *map);
int map_set(PyObject *map, PyObject *key, PyObject *value);
int map_next(PyObject *map, Py_ssize_t *at, PyObject **key, PyObject **value);
Py_ssize_t map_size(PyObject *map);

PyObject *native_equality(PyObject *module, PyObject *args);
PyObject *native_ingest(PyObject *module, PyObject *types);
PyObject *native_match(PyObject *module, PyObject *types);
PyObject *native_assemble(PyObject *module, PyObject *types);
PyObject *native_maker(PyObject *module, PyObject *parts);
PyObject *native_references(PyObject *module, PyObject *parts);

#endif
