/* A newer version of a document that is there, with the same join keys, goes through all stages at once (operators.drained.follow). */
#include "core.h"

/* follow(events, ingest, stages, queues, now); `ingest`: (states, changed or None, known, floor). */
enum { EVENTS, INGEST, STAGES, QUEUES, NOW };
enum { STATES, CHANGED, KNOWN, FLOOR };

/* `after`, a copy of the version before, gets the values that differ; names, and values that are equal, stay those of the version
   before. `changed`: whether any differs. */
static int copied(PyObject *before, PyObject *after, PyObject *fields, PyObject *wanted, int *changed)
{
    Py_ssize_t at = 0;
    PyObject *name, *old, *new;
    while (PyDict_Next(before, &at, &name, &old)) {
        if (!(new = PyDict_GetItemWithError(fields, name))) {
            if (PyErr_Occurred() || PyDict_DelItem(after, name) < 0)
                return -1;
            *changed = 1;
            continue;
        }
        Py_INCREF(old);
        Py_INCREF(new);
        int same = old == new ? 1 : core_same(old, new);
        *changed |= !same;
        if (same == 0 && PyDict_SetItem(after, name, new) < 0)
            same = -1;
        Py_DECREF(old);
        Py_DECREF(new);
        if (same < 0)
            return -1;
    }
    for (at = 0; PyDict_GET_SIZE(after) < PyDict_GET_SIZE(fields) && PyDict_Next(fields, &at, &name, &new);) {
        int reads = PyDict_Contains(before, name) ? 0 : wanted == Py_None ? 1 : PySet_Contains(wanted, name);
        if (PyErr_Occurred() || (reads && PyDict_SetItem(after, name, new) < 0))
            return -1;
        *changed |= reads;
    }
    return 0;
}

/* Whether the values that decide keys are those of the version before. */
static int keys_stay(PyObject *names, PyObject *before, PyObject *after)
{
    for (Py_ssize_t n = 0; n < PyTuple_GET_SIZE(names); n++) {
        PyObject *name = PyTuple_GET_ITEM(names, n), *old = PyDict_GetItemWithError(before, name);
        if (!old && PyErr_Occurred())
            return -1;
        if (PyDict_GetItemWithError(after, name) != old)
            return PyErr_Occurred() ? -1 : 0;
    }
    return 1;
}

/* Set to the fields as they travel, or NULL where they are left to the step. */
static int carried(PyObject *types, PyObject *known, PyObject *path, PyObject *before, PyObject *fields, PyObject **given,
                   int *changed)
{
    *given = NULL;
    PyObject *joined = Py_XNewRef(SLOT(before, fields_joined));
    if (!joined || !PyTuple_Check(joined) || !PyTuple_GET_SIZE(joined) || PyTuple_GET_ITEM(joined, 0) != PyTuple_GET_ITEM(known, LAYOUT)) {
        Py_XDECREF(joined);
        return 0;
    }
    PyObject *after = core_shaped(TYPE(T_FIELDS), before);
    int same = !after || copied(before, after, fields, PyTuple_GET_ITEM(known, WANTED), changed) < 0
                   ? -1
                   : keys_stay(PyTuple_GET_ITEM(known, DECIDING), before, after);
    if (same >= 0 && (PyObject_SetAttr(after, name_joined, Py_None) < 0 || PyObject_SetAttr(after, name_made, Py_None) < 0))
        same = -1;
    if (same == 0 && PyTuple_GET_ITEM(known, MAKERS) != Py_None) {
        Py_SETREF(joined, keys_of(known, path, after, joined));
        same = joined ? 1 : -1;
    }
    if (same == 1 && PyObject_SetAttr(after, name_joined, joined) < 0)
        same = -1;
    Py_XDECREF(joined);
    if (same == 1)
        *given = after;
    else
        Py_XDECREF(after);
    return same < 0 ? -1 : 0;
}

/* Whom one operator's key is told of: passed on at once where that can be, else by a message. */
static int tell_one(PyObject *types, PyObject *const *given, PyObject *operator, PyObject *key, PyObject *path, PyObject *doc,
                    PyObject **told)
{
    PyObject *stage = PyDict_GetItemWithError(given[STAGES], operator);
    if (!stage && PyErr_Occurred())
        return -1;
    int taken = 0;
    if (stage)
        taken = PyTuple_GET_ITEM(stage, S_ASSEMBLE) == Py_None
                    ? touch(types, stage, key, path, doc)
                    : pass_on(types, stage, given[STAGES], given[QUEUES], key, path, doc, told);
    return taken ? taken : tell_by_message(types, given[QUEUES], operator, key, path, doc, told);
}

static int tell_view(PyObject *types, PyObject *const *given, PyObject *view, PyObject *path, PyObject *version, PyObject *after)
{
    PyObject *joined = Py_NewRef(SLOT(after, fields_joined));
    Py_ssize_t own = PyLong_AsSsize_t(PyTuple_GET_ITEM(view, 0));
    PyObject *keys = own > 0 ? Py_NewRef(PyTuple_GET_ITEM(joined, own)) : PyTuple_New(0), *targets = PyTuple_GET_ITEM(view, 1);
    Py_DECREF(joined);
    PyObject *doc = keys ? record_of(TYPE(T_DOC), 3, (PyObject *[]){version, after, keys}) : NULL, *told = NULL;
    int done = doc ? 1 : -1;
    if (doc)
        PyObject_GC_UnTrack(doc); /* core.compact.unseen */
    for (Py_ssize_t n = 0; n < PyTuple_GET_SIZE(targets) && done >= 0; n++) {
        PyObject *target = PyTuple_GET_ITEM(targets, n), *operator = PyTuple_GET_ITEM(target, 0), *slot = PyTuple_GET_ITEM(target, 1);
        if (slot == Py_None) {
            done = tell_one(types, given, operator, path, path, doc, &told);
            continue;
        }
        for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(keys) && done >= 0; k++) {
            PyObject *key = PyTuple_GET_ITEM(keys, k);
            int mine = PyObject_RichCompareBool(PyTuple_GET_ITEM(key, 0), slot, Py_EQ);
            done = mine == 1 ? tell_one(types, given, operator, PyTuple_GET_ITEM(key, 1), path, doc, &told) : mine;
        }
    }
    Py_XDECREF(keys);
    Py_XDECREF(doc);
    Py_XDECREF(told);
    return done < 0 ? -1 : 0;
}

static PyObject *collection_of(PyObject *path)
{
    Py_ssize_t size = PyUnicode_GET_LENGTH(path), at = PyUnicode_FindChar(path, '/', 0, size, -1);
    return at == -2 ? NULL : PyUnicode_Substring(path, 0, at < 0 ? 0 : at);
}

/* 1: taken, 0: left to the step, -1: failed. */
static int take(PyObject *types, PyObject *const *given, PyObject *key, PyObject *event, PyObject *cells)
{
    PyObject *ingest = given[INGEST];
    if (!PyUnicode_CheckExact(key) || (PyObject *)Py_TYPE(event) != TYPE(T_EVENT))
        return 0;
    PyObject *version = PyTuple_GET_ITEM(event, 0), *fields = PyTuple_GET_ITEM(event, 1);
    if (!PyDict_Check(fields) || PyTuple_GET_ITEM(event, 3) != Py_None)
        return 0;
    PyObject *state[3] = {NULL}, *known = NULL, *after = NULL, *next = NULL, *collection = collection_of(key);
    int changed = 0;
    int taken = collection ? value_of(PyTuple_GET_ITEM(ingest, KNOWN), collection, &known) : -1;
    Py_XDECREF(collection);
    if (taken < 0 || !known || known == Py_None)
        goto done;
    taken = triple_of(cells, name_document, state);
    if (taken != 1)
        goto done;
    AHEAD_OF(state[0]);
    AHEAD_OF(state[1]);
    taken = 0;
    PyObject *before = state[1];
    if ((PyObject *)Py_TYPE(before) != TYPE(T_FIELDS))
        goto done;
    taken = is_newer(version, state[0]);
    if (taken == 1)
        taken = is_newer(version, PyTuple_GET_ITEM(ingest, FLOOR));
    if (taken != 1)
        goto done;
    taken = carried(types, known, key, before, fields, &after, &changed);
    if (taken < 0 || !after)
        goto done;
    next = PyTuple_Pack(3, version, after, given[NOW]);
    taken = !next || note(PyTuple_GET_ITEM(ingest, CHANGED), key) < 0 || cell_set(cells, name_document, next) < 0 ? -1 : 1;
    if (changed) {
        PyObject *views = PyTuple_GET_ITEM(known, VIEWS), *joined = NULL;
        int stay = same_keys(before, after, TYPE(T_FIELDS), NULL);
        if (stay < 0 || (!stay && !(joined = PyObject_GetAttr(before, name_joined))))
            taken = -1;
        for (Py_ssize_t n = 0; n < PyTuple_GET_SIZE(views) && taken == 1; n++) {
            PyObject *view = PyTuple_GET_ITEM(views, n);
            int told = stay ? tell_view(types, given, view, key, version, after)
                            : tell_moved(types, given[QUEUES], view, key, version, joined, after);
            taken = told < 0 ? -1 : 1;
        }
        Py_XDECREF(joined);
        /* Whoever reads a document refers to its fields: without this only the collector would free the two. */
        if (taken == 1 && PyObject_SetAttr(before, name_made, Py_None) < 0)
            taken = -1;
    }
done:
    for (int part = 0; part < 3; part++)
        Py_XDECREF(state[part]);
    Py_XDECREF(known);
    Py_XDECREF(after);
    Py_XDECREF(next);
    return taken;
}

static int follow_one(PyObject *types, PyObject *const *given, PyObject *item)
{
    if (!PyTuple_Check(item) || PyTuple_GET_SIZE(item) != 2) {
        PyErr_SetString(PyExc_TypeError, "a path and an event are followed");
        return -1;
    }
    PyObject *key = PyTuple_GET_ITEM(item, 0), *event = PyTuple_GET_ITEM(item, 1);
    PyObject *cells = PyDict_GetItemWithError(PyTuple_GET_ITEM(given[INGEST], STATES), key);
    if (!cells && PyErr_Occurred())
        return -1;
    Py_XINCREF(cells);
    int taken = cells ? take(types, given, key, event, cells) : 0;
    Py_XDECREF(cells);
    return taken ? taken : send_to_operator(given[QUEUES], name_ingest, key, event);
}

static PyObject *follow(PyObject *types, PyObject *const *given, Py_ssize_t count)
{
    if (count != 5 || !PyTuple_Check(given[INGEST]) || PyTuple_GET_SIZE(given[INGEST]) != 4 ||
        !PyDict_Check(PyTuple_GET_ITEM(given[INGEST], STATES)) || !PyDict_Check(given[STAGES]) || !PyDict_Check(given[QUEUES])) {
        PyErr_SetString(PyExc_TypeError, "follow takes events, ingest, stages, queues and the time");
        return NULL;
    }
    PyObject *events = PyObject_GetIter(given[EVENTS]), *item;
    if (!events)
        return NULL;
    int done = 0;
    while (done >= 0 && (item = PyIter_Next(events))) {
        done = follow_one(types, given, item);
        Py_DECREF(item);
    }
    Py_DECREF(events);
    if (done < 0 || PyErr_Occurred())
        return NULL;
    Py_RETURN_NONE;
}

static PyMethodDef follow_method = {"follow", (PyCFunction)(void (*)(void))follow, METH_FASTCALL,
                                    "(events, ingest, stages, queues, now): what cannot be taken at once is queued."};

PyObject *native_follow(PyObject *module, PyObject *types)
{
    PyObject *made = with_types(&follow_method, types, 6);
    if (made && !core_state_slots(TYPE(T_FIELDS), TYPE(T_RECORD)))
        Py_CLEAR(made);
    return made;
}
