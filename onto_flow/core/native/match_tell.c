/* What a step of match sends: to the roots, and for them to what its documents ask for. */
#include "match_step.h"

PyObject *match_asked(const Step *step, PyObject *doc, PyObject *child)
{
    PyObject *fields = FIELDS_OF(doc);
    if ((PyObject *)Py_TYPE(fields) != PyTuple_GET_ITEM(step->types, T_OF_FIELDS))
        return NULL;
    PyObject *joined = PyObject_GetAttr(fields, name_joined), *keys = NULL;
    if (joined && PyTuple_Check(joined) && PyTuple_GET_SIZE(joined)) {
        PyObject *at = PyDict_GetItemWithError(PyTuple_GET_ITEM(joined, 0), PyTuple_GET_ITEM(child, 0));
        keys = at ? PyTuple_GET_ITEM(joined, PyLong_AsSsize_t(at)) : NULL;
    }
    Py_XDECREF(joined); /* the fields hold it */
    return keys;
}

PyObject *match_child(const Step *step, Py_ssize_t n) { return PyTuple_GET_ITEM(OF_STAGE(CHILDREN), n); }
Py_ssize_t match_children(const Step *step) { return PyTuple_GET_SIZE(OF_STAGE(CHILDREN)); }

/* A Subscribe of several roots with one weight. */
static PyObject *subscriptions(const Step *step, PyObject *roots, long weight)
{
    PyObject *pairs = PyTuple_New(PyList_GET_SIZE(roots));
    for (Py_ssize_t n = 0; pairs && n < PyList_GET_SIZE(roots); n++) {
        PyObject *pair = Py_BuildValue("Ol", PyList_GET_ITEM(roots, n), weight);
        if (pair)
            PyTuple_SET_ITEM(pairs, n, pair);
        else
            Py_CLEAR(pairs);
    }
    PyObject *made = pairs ? record_of(PyTuple_GET_ITEM(step->types, T_OF_SUBSCRIBE), 1, &pairs) : NULL;
    Py_XDECREF(pairs);
    return made;
}

/* Sends what a document asks for and `others` does not, to all children. */
static int ask(const Step *step, PyObject *doc, PyObject *others, PyObject *roots, long weight)
{
    if (!doc || FIELDS_OF(doc) == Py_None || !match_children(step) || !PyList_GET_SIZE(roots))
        return 0;
    PyObject *message = subscriptions(step, roots, weight);
    int done = message ? 0 : -1;
    for (Py_ssize_t n = 0; done == 0 && n < match_children(step); n++) {
        PyObject *child = match_child(step, n), *keys = match_asked(step, doc, child);
        PyObject *held = others && FIELDS_OF(others) != Py_None ? match_asked(step, others, child) : NULL, *known = NULL;
        if (held == keys || (held && !(known = PySet_New(held)))) {
            done = held == keys ? 0 : -1;
            continue;
        }
        for (Py_ssize_t k = 0; done == 0 && k < PyTuple_GET_SIZE(keys); k++) {
            int there = known ? PySet_Contains(known, PyTuple_GET_ITEM(keys, k)) : 0;
            done = there ? (there < 0 ? -1 : 0)
                         : send_to_operator(step->queues, PyTuple_GET_ITEM(child, 1), PyTuple_GET_ITEM(keys, k), message);
        }
        Py_XDECREF(known);
    }
    Py_XDECREF(message);
    return done;
}

int match_tell(Step *step)
{
    PyObject *root, *weight, *roots = step->subs ? PyList_New(0) : NULL;
    Py_ssize_t at = 0;
    if (!step->subs)
        return 0;
    int done = roots ? 0 : -1;
    while (done == 0 && map_next(step->subs, &at, &root, &weight)) {
        int out = PySequence_Contains(step->came, root);
        done = out < 0 ? -1 : !out && PyLong_AsLongLong(weight) > 0 ? PyList_Append(roots, root) : 0;
    }
    PyObject *now = step->is_member ? step->doc : NULL;
    if (done == 0)
        done = ask(step, step->before, now, roots, -1) < 0 ? -1 : ask(step, now, step->before, roots, 1);
    for (Py_ssize_t n = 0; done == 0 && n < PyList_GET_SIZE(roots); n++)
        done = send_to_operator(step->queues, OF_STAGE(ASSEMBLE), PyList_GET_ITEM(roots, n), step->told);
    Py_XDECREF(roots);
    return done;
}

/* The documents of the key as an answer has them. */
static PyObject *members(const Step *step)
{
    PyObject *path, *doc;
    Py_ssize_t at = 0, count = step->docs ? map_size(step->docs) : 0;
    if (!count && OF_STAGE(IS_VIA) == Py_True)
        return Py_BuildValue("((OO))", step->key, OF_STAGE(NOWHERE));
    PyObject *made = PyTuple_New(count);
    for (Py_ssize_t n = 0; made && n < count && map_next(step->docs, &at, &path, &doc); n++) {
        PyObject *pair = PyTuple_Pack(2, path, doc);
        if (pair)
            PyTuple_SET_ITEM(made, n, pair);
        else
            Py_CLEAR(made);
    }
    return made;
}

int match_answer(const Step *step, PyObject *roots, long weight)
{
    if (!PyList_GET_SIZE(roots))
        return 0;
    PyObject *said = weight > 0 ? members(step) : PyTuple_New(0), *none = PyTuple_New(0), *sum = PyLong_FromLong(weight);
    PyObject *parts[] = {OF_STAGE(SLOT_INDEX), step->key, sum, said, none}, *message = NULL, *path, *doc;
    if (said && none && sum)
        message = record_of(PyTuple_GET_ITEM(step->types, T_OF_ANSWER), 5, parts);
    int done = message ? 0 : -1;
    for (Py_ssize_t n = 0; done == 0 && n < PyList_GET_SIZE(roots); n++)
        done = send_to_operator(step->queues, OF_STAGE(ASSEMBLE), PyList_GET_ITEM(roots, n), message);
    for (Py_ssize_t at = 0; done == 0 && step->docs && map_next(step->docs, &at, &path, &doc);) {
        int is_changed = weight < 0 && step->is_news ? PyObject_RichCompareBool(path, step->path, Py_EQ) : 0;
        done = is_changed < 0 ? -1 : ask(step, is_changed ? step->before : doc, NULL, roots, weight);
    }
    Py_XDECREF(said);
    Py_XDECREF(none);
    Py_XDECREF(sum);
    Py_XDECREF(message);
    return done;
}
