/* match of a drained engine: a new version of a member, with the same join keys, is passed on as it came. */
#include "core.h"

/* Tells the roots that ask for a key. */
static int tell(PyObject *types, PyObject *stage, PyObject *stages, PyObject *queues, PyObject *subs, PyObject *path,
                PyObject *doc, PyObject **told)
{
    PyObject *assemble = PyTuple_GET_ITEM(stage, S_ASSEMBLE), *next = PyDict_GetItemWithError(stages, assemble), *root, *weight;
    if (!next && PyErr_Occurred())
        return -1;
    Py_ssize_t at = 0;
    while (map_next(subs, &at, &root, &weight))
        AHEAD_OF(root);
    for (at = 0; map_next(subs, &at, &root, &weight);) {
        long sum = PyLong_AsLong(weight);
        if (sum == -1 && PyErr_Occurred())
            return -1;
        if (sum <= 0)
            continue;
        int taken = next ? touch(types, next, root, path, doc) : 0;
        if (taken < 0 || (!taken && tell_by_message(types, queues, assemble, root, path, doc, told) < 0))
            return -1;
    }
    return 0;
}

/* Whether a change is told in pages, now or because one before it still is. */
static int in_pages(PyObject *cells, PyObject *subs, Py_ssize_t most)
{
    PyObject *under_way;
    if (!most)
        return 0;
    if (subs && map_size(subs) > most)
        return 1;
    if (cell_of(cells, name_round, &under_way) < 0)
        return -1;
    int is = under_way ? PyObject_IsTrue(under_way) : 0;
    Py_XDECREF(under_way);
    return is;
}

int pass_on(PyObject *types, PyObject *stage, PyObject *stages, PyObject *queues, PyObject *key, PyObject *path,
            PyObject *doc, PyObject **told)
{
    Py_ssize_t most = PyLong_AsSsize_t(PyTuple_GET_ITEM(stage, S_HOW));
    if (most == -1 && PyErr_Occurred())
        return -1;
    PyObject *cells = PyDict_GetItemWithError(PyTuple_GET_ITEM(stage, S_STATES), key);
    if (!cells)
        return PyErr_Occurred() ? -1 : 0;
    Py_INCREF(cells);
    PyObject *docs = NULL, *subs = NULL, *held = NULL, *joined = NULL, *held_path = NULL;
    int taken = cell_of(cells, name_docs, &docs);
    if (taken < 0 || !docs || !is_map(docs))
        goto done;
    taken = value_of(docs, path, &held);
    if (taken < 0 || !held || (PyObject *)Py_TYPE(held) != TYPE(T_DOC))
        goto done;
    taken = is_newer(PyTuple_GET_ITEM(doc, 0), PyTuple_GET_ITEM(held, 0));
    if (taken != 1)
        goto done;
    taken = same_keys(PyTuple_GET_ITEM(held, 1), PyTuple_GET_ITEM(doc, 1), TYPE(T_FIELDS), &joined);
    if (taken != 1)
        goto done;
    taken = cell_of(cells, name_subs, &subs);
    if (taken < 0 || (subs && !is_map(subs)))
        goto done;
    taken = in_pages(cells, subs, most);
    if (taken) {
        taken = taken < 0 ? -1 : 0;
        goto done;
    }
    held_path = map_key(docs, path);
    taken = note(PyTuple_GET_ITEM(stage, S_CHANGED), key) < 0 || map_set(docs, held_path, doc) < 0 ||
                    (subs && tell(types, stage, stages, queues, subs, held_path, doc, told) < 0)
                ? -1
                : 1;
done:
    Py_DECREF(cells);
    Py_XDECREF(docs);
    Py_XDECREF(subs);
    Py_XDECREF(held);
    Py_XDECREF(joined);
    Py_XDECREF(held_path);
    return taken;
}
