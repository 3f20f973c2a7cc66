/* assemble of a drained engine: new versions of documents with the same join keys go into what is kept of a root. */
#include "core.h"

enum { RECORD, TOLD, FIELDS, VIEW_CHANGE };
#define TYPE(n) PyTuple_GET_ITEM(types, n)

/* drain(queue, states, code, view, generation, outputs, give) */
enum { QUEUE, STATES, CODE, VIEW, GENERATION, OUTPUTS, GIVE };

/* 1: taken, or older than what is there; 0: left to the step; -1: failed. */
static int replace_one(PyObject *types, PyObject *reg, PyObject *kept, PyObject *message, PyObject *code)
{
    if ((PyObject *)Py_TYPE(message) != TYPE(TOLD))
        return 0;
    PyObject *path = PyTuple_GET_ITEM(message, 0), *doc = PyTuple_GET_ITEM(message, 1), *held, *joined = NULL;
    if (value_of(reg, path, &held) < 0)
        return -1;
    if (!held)
        return 0;
    int taken = PyTuple_Check(held) && PyTuple_GET_SIZE(held) == 3
                    ? same_keys(PyTuple_GET_ITEM(held, 1), PyTuple_GET_ITEM(doc, 1), TYPE(FIELDS), &joined)
                    : 0;
    int newer = taken == 1 ? is_newer(PyTuple_GET_ITEM(doc, 0), PyTuple_GET_ITEM(held, 0)) : 0;
    if (newer == 1) {
        PyObject *slots = PyObject_GetItem(PyTuple_GET_ITEM(joined, 0), code);
        PyObject *said = !slots || PyObject_SetItem(reg, path, doc) < 0
                             ? NULL
                             : PyObject_CallMethodObjArgs(kept, name_replace, slots, path, PyTuple_GET_ITEM(doc, 1), NULL);
        Py_XDECREF(slots);
        newer = said ? 1 : -1;
        Py_XDECREF(said);
    }
    Py_DECREF(held);
    Py_XDECREF(joined);
    return newer < 0 ? -1 : taken;
}

static int replaced(PyObject *types, PyObject *record, PyObject *kept, PyObject *messages, PyObject *code)
{
    PyObject *reg = PyObject_GetAttr(record, name_reg);
    int taken = !reg ? -1 : PyList_CheckExact(messages);
    for (Py_ssize_t n = 0; taken == 1 && n < PyList_GET_SIZE(messages); n++)
        taken = replace_one(types, reg, kept, PyList_GET_ITEM(messages, n), code);
    Py_XDECREF(reg);
    return taken;
}

/* The number of the emission that begins now. */
static PyObject *next_seq(PyObject *record)
{
    PyObject *seq = PyObject_GetAttr(record, name_seq), *one = seq ? PyLong_FromLong(1) : NULL;
    PyObject *next = one ? PyNumber_Add(seq, one) : NULL;
    Py_XDECREF(seq);
    Py_XDECREF(one);
    if (next && PyObject_SetAttr(record, name_seq, next) < 0)
        Py_CLEAR(next);
    return next;
}

static int emit(PyObject *types, PyObject *const *given, PyObject *output, PyObject *last, PyObject *shown, PyObject *version)
{
    PyObject *old, *new = NULL, *change = NULL;
    if (value_of(last, output, &old) == 0 && value_of(shown, output, &new) == 0) {
        PyObject *parts[] = {given[VIEW], output, old ? old : Py_None, new ? new : Py_None, version, Py_False};
        change = record_of(TYPE(VIEW_CHANGE), 6, parts);
    }
    int done = change ? PyList_Append(given[OUTPUTS], change) : -1;
    Py_XDECREF(old);
    Py_XDECREF(new);
    Py_XDECREF(change);
    return done;
}

static int give(PyObject *types, PyObject *const *given, PyObject *record, PyObject *last, PyObject *shown, PyObject *changed)
{
    PyObject *seq = PyObject_SetAttr(record, name_last, shown) < 0 ? NULL : next_seq(record);
    PyObject *zero = seq ? PyLong_FromLong(0) : NULL, *each = zero ? PySequence_Fast(changed, "outputs") : NULL;
    PyObject *version = each ? PyTuple_Pack(3, given[GENERATION], zero, seq) : NULL;
    int done = version ? 0 : -1;
    for (Py_ssize_t n = 0; !done && n < PySequence_Fast_GET_SIZE(each); n++)
        done = emit(types, given, PySequence_Fast_GET_ITEM(each, n), last, shown, version);
    Py_XDECREF(seq);
    Py_XDECREF(zero);
    Py_XDECREF(each);
    Py_XDECREF(version);
    return done;
}

/* Asks what is shown now; 0: the view's code raised, and the step finds all anew. */
static int show(PyObject *types, PyObject *const *given, PyObject *key, PyObject *record, PyObject *kept)
{
    PyObject *last = PyObject_GetAttr(record, name_last);
    if (!last)
        return -1;
    PyObject *said = PyObject_CallMethodObjArgs(kept, name_shown, last, NULL);
    int done = -1;
    if (!said) {
        if (PyErr_ExceptionMatches(PyExc_Exception)) {
            PyErr_Clear();
            done = PyObject_SetAttr(record, name_kept, Py_None);
        }
    } else if (!PyTuple_Check(said) || PyTuple_GET_SIZE(said) != 2) {
        PyErr_SetString(PyExc_TypeError, "shown gives two values");
    } else {
        PyObject *shown = PyTuple_GET_ITEM(said, 0), *changed = PyTuple_GET_ITEM(said, 1);
        int some = PyObject_IsTrue(changed);
        if (some == 1 && given[GIVE] != Py_None) {
            PyObject *given_on = PyObject_CallFunctionObjArgs(given[GIVE], record, key, shown, changed, NULL);
            some = given_on ? 1 : -1;
            Py_XDECREF(given_on);
        } else if (some == 1) {
            some = give(types, given, record, last, shown, changed);
        }
        done = some < 0 ? -1 : 1;
    }
    Py_XDECREF(said);
    Py_DECREF(last);
    return done;
}

/* 1: evaluated, 0: left to the step, with `nothing` for messages where they were taken. */
static int take(PyObject *types, PyObject *const *given, PyObject *key, PyObject *messages, PyObject *rest)
{
    PyObject *cells = PyDict_GetItemWithError(given[STATES], key), *record = NULL, *kept = NULL;
    if (!cells && PyErr_Occurred())
        return -1;
    int taken = 0;
    if (cells) {
        Py_INCREF(cells);
        taken = cell_of(cells, name_record, &record);
        Py_DECREF(cells);
    }
    if (record && (PyObject *)Py_TYPE(record) == TYPE(RECORD)) {
        kept = PyObject_GetAttr(record, name_kept);
        taken = !kept ? -1 : kept == Py_None ? 0 : replaced(types, record, kept, messages, given[CODE]);
    }
    if (taken == 0 && leave_to_step(rest, key, messages) < 0)
        taken = -1;
    if (taken == 1) {
        taken = show(types, given, key, record, kept);
        if (!taken) {
            PyObject *nothing = PyTuple_New(0);
            if (!nothing || leave_to_step(rest, key, nothing) < 0)
                taken = -1;
            Py_XDECREF(nothing);
        }
    }
    Py_XDECREF(record);
    Py_XDECREF(kept);
    return taken;
}

static PyObject *drain(PyObject *types, PyObject *const *given, Py_ssize_t count)
{
    if (!takes(given, count, 7))
        return NULL;
    PyObject *key, *messages, *rest = PyList_New(0);
    Py_ssize_t at = 0, evaluated = 0;
    while (rest && PyDict_Next(given[QUEUE], &at, &key, &messages)) {
        int taken = take(types, given, key, messages, rest);
        if (taken < 0)
            Py_CLEAR(rest);
        evaluated += taken;
    }
    return rest ? Py_BuildValue("Nn", rest, evaluated) : NULL;
}

static PyMethodDef drain_method = {"drain", (PyCFunction)(void (*)(void))drain, METH_FASTCALL,
                                   "(queue, states, code, view, generation, outputs, give) -> ([(key, messages)], evaluated)."};

PyObject *native_assemble(PyObject *module, PyObject *types) { return with_types(&drain_method, types, 4); }
