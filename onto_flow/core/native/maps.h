/* How another extension looks into `Cells` and `Pocket` without making dictionaries of them. */
#ifndef ONTO_FLOW_MAPS_H
#define ONTO_FLOW_MAPS_H

#define MAPS_NAME "onto_flow.core.native._native.maps"

enum { MAPS_VERSION = 2 };

typedef struct {
    int version;
    PyTypeObject *cells, *pocket;
    int (*cells_get)(PyObject *cells, PyObject *name, PyObject **found); /* a new reference, or NULL; -1: failed */
    int (*pocket_next)(PyObject *map, Py_ssize_t *at, PyObject **key, PyObject **value); /* as PyDict_Next */
    Py_ssize_t (*pocket_size)(PyObject *map);
    int (*cells_held)(PyObject *cells, PyObject *held[3]); /* borrowed: what is in it itself */
    const void *(*pocket_behind)(PyObject *map);           /* where what it holds is, where that is not in it */
} Maps;

#endif
