/* ingest of a drained engine: a newer version of a document that is there, with the same join keys, goes on at once. */
#include "core.h"

enum { EVENT, FIELDS, DOC, TOLD };
#define TYPE(n) PyTuple_GET_ITEM(types, n)

/* What is known of a collection: (its layout, fields that decide keys, fields that are read or None, views); a view is
   (where its own keys stand in `joined` or 0, ((operator, slot or -1 for the document's own path), ...)). */
enum { LAYOUT, DECIDING, WANTED, VIEWS };

/* The values that decide keys, and are equal, become those of the version before; 0: one is not. */
static int takes_over(PyObject *names, PyObject *before, PyObject *after)
{
    for (Py_ssize_t n = 0; n < PyTuple_GET_SIZE(names); n++) {
        PyObject *name = PyTuple_GET_ITEM(names, n);
        PyObject *old = PyDict_GetItemWithError(before, name), *new = old || !PyErr_Occurred() ? PyDict_GetItemWithError(after, name) : NULL;
        if (PyErr_Occurred())
            return -1;
        if (old == new)
            continue;
        if (!old || !new)
            return 0;
        Py_INCREF(old);
        Py_INCREF(new);
        int same = core_same(old, new);
        if (same == 1 && PyDict_SetItem(after, name, old) < 0)
            same = -1;
        Py_DECREF(old);
        Py_DECREF(new);
        if (same != 1)
            return same;
    }
    return 1;
}

/* The fields that are read, in the order in which they came. */
static int copied(PyObject *after, PyObject *fields, PyObject *wanted)
{
    if (wanted == Py_None)
        return PyDict_Update(after, fields);
    Py_ssize_t at = 0;
    PyObject *name, *value;
    while (PyDict_Next(fields, &at, &name, &value)) {
        int reads = PySet_Contains(wanted, name);
        if (reads < 0 || (reads && PyDict_SetItem(after, name, value) < 0))
            return -1;
    }
    return 0;
}

/* Set to the fields as they travel, or NULL where keys may have changed. */
static int carried(PyObject *types, PyObject *known, PyObject *before, PyObject *fields, PyObject **given)
{
    *given = NULL;
    PyObject *joined = PyObject_GetAttr(before, name_joined);
    if (!joined)
        return -1;
    if (!PyTuple_Check(joined) || !PyTuple_GET_SIZE(joined) || PyTuple_GET_ITEM(joined, 0) != PyTuple_GET_ITEM(known, LAYOUT)) {
        Py_DECREF(joined);
        return 0;
    }
    PyObject *after = PyObject_CallNoArgs(TYPE(FIELDS));
    int same = !after || copied(after, fields, PyTuple_GET_ITEM(known, WANTED)) < 0
                   ? -1
                   : takes_over(PyTuple_GET_ITEM(known, DECIDING), before, after);
    if (same == 1 &&
        (PyObject_SetAttr(after, name_joined, joined) < 0 || PyObject_SetAttr(after, name_made, Py_None) < 0))
        same = -1;
    Py_DECREF(joined);
    if (same == 1)
        *given = after;
    else
        Py_XDECREF(after);
    return same < 0 ? -1 : 0;
}

static int tell_view(PyObject *types, PyObject *view, PyObject *queues, PyObject *path, PyObject *version, PyObject *after)
{
    PyObject *joined = PyObject_GetAttr(after, name_joined);
    if (!joined)
        return -1;
    Py_ssize_t own = PyLong_AsSsize_t(PyTuple_GET_ITEM(view, 0));
    PyObject *keys = own > 0 ? Py_NewRef(PyTuple_GET_ITEM(joined, own)) : PyTuple_New(0), *targets = PyTuple_GET_ITEM(view, 1);
    Py_DECREF(joined);
    PyObject *doc = keys ? record_of(TYPE(DOC), 3, (PyObject *[]){version, after, keys}) : NULL;
    PyObject *told = doc ? record_of(TYPE(TOLD), 2, (PyObject *[]){path, doc}) : NULL;
    int done = told ? 0 : -1;
    for (Py_ssize_t n = 0; n < PyTuple_GET_SIZE(targets) && !done; n++) {
        PyObject *target = PyTuple_GET_ITEM(targets, n), *queue = PyDict_GetItemWithError(queues, PyTuple_GET_ITEM(target, 0));
        PyObject *slot = PyTuple_GET_ITEM(target, 1);
        if (!queue) {
            if (!PyErr_Occurred())
                PyErr_SetObject(PyExc_KeyError, PyTuple_GET_ITEM(target, 0));
            done = -1;
        } else if (slot == Py_None) {
            done = send_to(queue, path, told);
        } else {
            for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(keys) && !done; k++) {
                PyObject *key = PyTuple_GET_ITEM(keys, k);
                int mine = PyObject_RichCompareBool(PyTuple_GET_ITEM(key, 0), slot, Py_EQ);
                done = mine < 0 ? -1 : mine ? send_to(queue, PyTuple_GET_ITEM(key, 1), told) : 0;
            }
        }
    }
    Py_XDECREF(keys);
    Py_XDECREF(doc);
    Py_XDECREF(told);
    return done;
}

static PyObject *collection_of(PyObject *path)
{
    Py_ssize_t size = PyUnicode_GET_LENGTH(path), at = PyUnicode_FindChar(path, '/', 0, size, -1);
    return at == -2 ? NULL : PyUnicode_Substring(path, 0, at < 0 ? 0 : at);
}

/* 1: taken, 0: left to the step, -1: failed. */
static int take(PyObject *types, PyObject *const *given, PyObject *key, PyObject *messages, PyObject *cells)
{
    PyObject *plain = given[2], *queues = given[3], *floor = given[4], *now = given[5];
    if (!PyUnicode_CheckExact(key) || !PyList_CheckExact(messages) || PyList_GET_SIZE(messages) != 1)
        return 0;
    PyObject *event = PyList_GET_ITEM(messages, 0);
    if ((PyObject *)Py_TYPE(event) != TYPE(EVENT))
        return 0;
    PyObject *version = PyTuple_GET_ITEM(event, 0), *fields = PyTuple_GET_ITEM(event, 1);
    if (!PyDict_Check(fields) || PyTuple_GET_ITEM(event, 3) != Py_None)
        return 0;
    PyObject *state = NULL, *known = NULL, *after = NULL, *next = NULL, *collection = collection_of(key);
    int taken = collection ? value_of(plain, collection, &known) : -1;
    Py_XDECREF(collection);
    if (taken < 0 || !known || known == Py_None)
        goto done;
    taken = cell_of(cells, name_document, &state);
    if (taken < 0 || !state || !PyTuple_CheckExact(state) || PyTuple_GET_SIZE(state) != 3)
        goto done;
    PyObject *before = PyTuple_GET_ITEM(state, 1);
    if ((PyObject *)Py_TYPE(before) != TYPE(FIELDS))
        goto done;
    taken = is_newer(version, PyTuple_GET_ITEM(state, 0));
    if (taken == 1)
        taken = is_newer(version, floor);
    if (taken != 1)
        goto done;
    taken = carried(types, known, before, fields, &after);
    if (taken < 0 || !after)
        goto done;
    next = PyTuple_Pack(3, version, after, now);
    taken = next ? PyObject_SetItem(cells, name_document, next) : -1;
    int same = taken < 0 ? -1 : core_same(before, after);
    taken = same < 0 ? -1 : 1;
    if (!same) {
        PyObject *views = PyTuple_GET_ITEM(known, VIEWS);
        for (Py_ssize_t n = 0; n < PyTuple_GET_SIZE(views) && taken == 1; n++)
            taken = tell_view(types, PyTuple_GET_ITEM(views, n), queues, key, version, after) < 0 ? -1 : 1;
    }
done:
    Py_XDECREF(state);
    Py_XDECREF(known);
    Py_XDECREF(after);
    Py_XDECREF(next);
    return taken;
}

static PyObject *drain(PyObject *types, PyObject *const *given, Py_ssize_t count)
{
    if (!takes(given, count, 6))
        return NULL;
    PyObject *queue = given[0], *states = given[1], *key, *messages, *rest = PyList_New(0);
    Py_ssize_t at = 0;
    while (rest && PyDict_Next(queue, &at, &key, &messages)) {
        PyObject *cells = PyDict_GetItemWithError(states, key);
        Py_XINCREF(cells);
        int taken = cells ? take(types, given, key, messages, cells) : PyErr_Occurred() ? -1 : 0;
        Py_XDECREF(cells);
        if (taken < 0 || (!taken && leave_to_step(rest, key, messages) < 0))
            Py_CLEAR(rest);
    }
    return rest;
}

static PyMethodDef drain_method = {"drain", (PyCFunction)(void (*)(void))drain, METH_FASTCALL,
                                   "(queue, states, plain, queues, floor, now) -> [(key, messages)] for the step."};

PyObject *native_ingest(PyObject *module, PyObject *types) { return with_types(&drain_method, types, 4); }
