/* match of a drained engine: a new version of a member, with the same join keys, is passed on as it came. */
#include "core.h"

enum { TOLD, DOC, FIELDS };
#define TYPE(n) PyTuple_GET_ITEM(types, n)

static int tell(PyObject *told_to, PyObject *subs, PyObject *message)
{
    Py_ssize_t at = 0;
    PyObject *root, *weight;
    while (map_next(subs, &at, &root, &weight)) {
        long sum = PyLong_AsLong(weight);
        if ((sum == -1 && PyErr_Occurred()) || (sum > 0 && send_to(told_to, root, message) < 0))
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

/* 1: taken, 0: left to the step, -1: failed. */
static int take(PyObject *types, PyObject *messages, PyObject *cells, PyObject *told_to, Py_ssize_t most)
{
    if (!PyList_CheckExact(messages) || PyList_GET_SIZE(messages) != 1)
        return 0;
    PyObject *message = PyList_GET_ITEM(messages, 0);
    if ((PyObject *)Py_TYPE(message) != TYPE(TOLD))
        return 0;
    PyObject *path = PyTuple_GET_ITEM(message, 0), *doc = PyTuple_GET_ITEM(message, 1);
    PyObject *docs = NULL, *subs = NULL, *held = NULL, *joined = NULL;
    int taken = cell_of(cells, name_docs, &docs);
    if (taken < 0 || !docs || !is_map(docs))
        goto done;
    taken = value_of(docs, path, &held);
    if (taken < 0 || !held || (PyObject *)Py_TYPE(held) != TYPE(DOC))
        goto done;
    taken = is_newer(PyTuple_GET_ITEM(doc, 0), PyTuple_GET_ITEM(held, 0));
    if (taken != 1)
        goto done;
    taken = same_keys(PyTuple_GET_ITEM(held, 1), PyTuple_GET_ITEM(doc, 1), TYPE(FIELDS), &joined);
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
    taken = map_set(docs, path, doc) < 0 || (subs && tell(told_to, subs, message) < 0) ? -1 : 1;
done:
    Py_XDECREF(docs);
    Py_XDECREF(subs);
    Py_XDECREF(held);
    Py_XDECREF(joined);
    return taken;
}

static PyObject *drain(PyObject *types, PyObject *const *given, Py_ssize_t count)
{
    if (!takes(given, count, 4))
        return NULL;
    PyObject *queue = given[0], *states = given[1], *key, *messages;
    Py_ssize_t at = 0, most = PyLong_AsSsize_t(given[3]);
    if (most == -1 && PyErr_Occurred())
        return NULL;
    PyObject *rest = PyList_New(0);
    while (rest && PyDict_Next(queue, &at, &key, &messages)) {
        PyObject *cells = PyDict_GetItemWithError(states, key);
        Py_XINCREF(cells);
        int taken = cells ? take(types, messages, cells, given[2], most) : PyErr_Occurred() ? -1 : 0;
        Py_XDECREF(cells);
        if (taken < 0 || (!taken && leave_to_step(rest, key, messages) < 0))
            Py_CLEAR(rest);
    }
    return rest;
}

static PyMethodDef drain_method = {"drain", (PyCFunction)(void (*)(void))drain, METH_FASTCALL,
                                   "(queue, states, told_to, most) -> [(key, messages)] for the step."};

PyObject *native_match(PyObject *module, PyObject *types) { return with_types(&drain_method, types, 3); }
