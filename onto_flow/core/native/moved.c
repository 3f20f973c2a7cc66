/* A newer version of a document whose join keys have changed: its keys, and whom that concerns (operators.routes.Difference). */
#include "core.h"

PyObject *keys_of(PyObject *known, PyObject *path, PyObject *after, PyObject *before)
{
    PyObject *makers = PyTuple_GET_ITEM(known, MAKERS), *made = PyTuple_New(PyTuple_GET_SIZE(makers) + 1);
    if (!made)
        return NULL;
    PyTuple_SET_ITEM(made, 0, Py_NewRef(PyTuple_GET_ITEM(known, LAYOUT)));
    for (Py_ssize_t n = 0; n < PyTuple_GET_SIZE(makers); n++) {
        PyObject *given[] = {path, after}, *keys = PyObject_Vectorcall(PyTuple_GET_ITEM(makers, n), given, 2, NULL);
        if (!keys) {
            Py_DECREF(made);
            return NULL;
        }
        PyTuple_SET_ITEM(made, n + 1, keys);
    }
    int same = PyObject_RichCompareBool(made, before, Py_EQ);
    if (same)
        Py_SETREF(made, same < 0 ? NULL : Py_NewRef(before));
    return made;
}

/* Subscribes a root to what a document asks for that some keys do not hold, or ends it. */
static int subscribe(PyObject *types, PyObject *queues, PyObject *operator, PyObject *root, PyObject *keys, PyObject *others,
                     long weight)
{
    PyObject *known = PySet_New(others), *seen = known ? PySet_New(NULL) : NULL, *message = NULL;
    int done = seen ? 0 : -1;
    for (Py_ssize_t n = 0; done == 0 && n < PyTuple_GET_SIZE(keys); n++) {
        PyObject *key = PyTuple_GET_ITEM(keys, n);
        int there = PySet_Contains(known, key);
        there = there ? there : PySet_Contains(seen, key);
        if (there == 1)
            continue;
        if (there < 0 || PySet_Add(seen, key) < 0 || (!message && !(message = subscription(TYPE(T_SUBSCRIBE), root, weight))))
            done = -1;
        else
            done = send_to_operator(queues, operator, key, message);
    }
    Py_XDECREF(known);
    Py_XDECREF(seen);
    Py_XDECREF(message);
    return done;
}

/* Adds the keys of one slot to a dict. */
static int add_keys(PyObject *found, PyObject *keys, PyObject *slot)
{
    for (Py_ssize_t n = 0; n < PyTuple_GET_SIZE(keys); n++) {
        PyObject *key = PyTuple_GET_ITEM(keys, n);
        int mine = PyObject_RichCompareBool(PyTuple_GET_ITEM(key, 0), slot, Py_EQ);
        if (mine < 0 || (mine && PyDict_SetItem(found, PyTuple_GET_ITEM(key, 1), Py_None) < 0))
            return -1;
    }
    return 0;
}

int tell_moved(PyObject *types, PyObject *queues, PyObject *view, PyObject *path, PyObject *version, PyObject *joined,
               PyObject *after)
{
    PyObject *now = PyObject_GetAttr(after, name_joined);
    if (!now)
        return -1;
    Py_ssize_t own = PyLong_AsSsize_t(PyTuple_GET_ITEM(view, 0));
    PyObject *none = PyTuple_New(0), *lost = own > 0 ? PyTuple_GET_ITEM(joined, own) : none;
    PyObject *keys = own > 0 ? PyTuple_GET_ITEM(now, own) : none, *targets = PyTuple_GET_ITEM(view, 1);
    PyObject *doc = none ? record_of(TYPE(T_DOC), 3, (PyObject *[]){version, after, keys}) : NULL, *told = NULL, *at, *held;
    int done = doc ? 0 : -1;
    for (Py_ssize_t n = 0; n < PyTuple_GET_SIZE(targets) && done >= 0; n++) {
        PyObject *target = PyTuple_GET_ITEM(targets, n), *operator = PyTuple_GET_ITEM(target, 0);
        PyObject *slot = PyTuple_GET_ITEM(target, 1), *asks = PyTuple_GET_ITEM(target, 2);
        if (slot == Py_None) {
            done = tell_by_message(types, queues, operator, path, path, doc, &told);
        } else {
            PyObject *found = PyDict_New();
            done = found && add_keys(found, lost, slot) == 0 ? add_keys(found, keys, slot) : -1;
            for (Py_ssize_t next = 0; done >= 0 && PyDict_Next(found, &next, &at, &held);)
                done = tell_by_message(types, queues, operator, at, path, doc, &told);
            Py_XDECREF(found);
        }
        for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(asks) && done >= 0; k++) {
            PyObject *asked = PyTuple_GET_ITEM(asks, k), *child = PyTuple_GET_ITEM(asked, 0);
            Py_ssize_t place = PyLong_AsSsize_t(PyTuple_GET_ITEM(asked, 1));
            PyObject *old = PyTuple_GET_ITEM(joined, place), *new = PyTuple_GET_ITEM(now, place);
            done = old == new ? 0 : subscribe(types, queues, child, path, old, new, -1);
            if (done >= 0 && old != new)
                done = subscribe(types, queues, child, path, new, old, 1);
        }
    }
    Py_DECREF(now);
    Py_XDECREF(none);
    Py_XDECREF(doc);
    Py_XDECREF(told);
    return done < 0 ? -1 : 0;
}
