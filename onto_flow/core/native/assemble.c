/* assemble of a drained engine: new versions of documents with the same join keys go into what is kept of a root. */
#include "core.h"

/* show(touched, view, generation, outputs, give) */
enum { TOUCHED, VIEW, GENERATION, OUTPUTS, GIVE };

int touch(PyObject *types, PyObject *stage, PyObject *root, PyObject *path, PyObject *doc)
{
    PyObject *cells = PyDict_GetItemWithError(PyTuple_GET_ITEM(stage, S_STATES), root);
    if (!cells)
        return PyErr_Occurred() ? -1 : 0;
    Py_INCREF(cells);
    PyObject *record = NULL, *kept = NULL, *reg = NULL, *held = NULL, *joined = NULL;
    int taken = cell_of(cells, name_record, &record);
    if (taken < 0 || !record || (PyObject *)Py_TYPE(record) != TYPE(T_RECORD))
        goto done;
    kept = Py_NewRef(SLOT(record, record_kept));
    reg = Py_NewRef(SLOT(record, record_reg));
    AHEAD_OF(kept);
    AHEAD_OF(SLOT(record, record_last));
    taken = kept == Py_None ? 0 : value_of(reg, path, &held);
    core_ahead_of_view(kept, 0);
    if (taken < 0 || !held || !PyTuple_Check(held) || PyTuple_GET_SIZE(held) != 3)
        goto done;
    taken = same_keys(PyTuple_GET_ITEM(held, 1), PyTuple_GET_ITEM(doc, 1), TYPE(T_FIELDS), &joined);
    int newer = taken == 1 ? is_newer(PyTuple_GET_ITEM(doc, 0), PyTuple_GET_ITEM(held, 0)) : 0;
    if (newer == 1 && note(PyTuple_GET_ITEM(stage, S_CHANGED), root) == 0) {
        PyObject *slots = PyObject_GetItem(PyTuple_GET_ITEM(joined, 0), PyTuple_GET_ITEM(stage, S_HOW));
        PyObject *held_path = map_key(reg, path), *said = NULL;
        core_ahead_of_view(kept, 1);
        if (slots && map_set(reg, held_path, doc) == 0)
            said = PyObject_CallMethodObjArgs(kept, name_replace, slots, held_path, PyTuple_GET_ITEM(doc, 1), NULL);
        Py_DECREF(held_path);
        Py_XDECREF(slots);
        newer = said && PyDict_SetItem(PyTuple_GET_ITEM(stage, S_TOUCHED), root, record) == 0 ? 1 : -1;
        Py_XDECREF(said);
    } else if (newer == 1) {
        newer = -1;
    }
    if (newer < 0)
        taken = -1;
done:
    Py_DECREF(cells);
    Py_XDECREF(record);
    Py_XDECREF(kept);
    Py_XDECREF(reg);
    Py_XDECREF(held);
    Py_XDECREF(joined);
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
        change = record_of(PyTuple_GET_ITEM(types, 0), 6, parts);
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
static int show_one(PyObject *types, PyObject *const *given, PyObject *key, PyObject *record, PyObject *kept)
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

static PyObject *show(PyObject *types, PyObject *const *given, Py_ssize_t count)
{
    if (count != 5 || !PyDict_Check(given[TOUCHED])) {
        PyErr_SetString(PyExc_TypeError, "show takes touched roots, the view, generation, outputs and give");
        return NULL;
    }
    PyObject *key, *record, *failed = PyList_New(0);
    Py_ssize_t at = 0;
    while (failed && PyDict_Next(given[TOUCHED], &at, &key, &record)) {
        PyObject *kept = PyObject_GetAttr(record, name_kept);
        int done = !kept ? -1 : show_one(types, given, key, record, kept);
        Py_XDECREF(kept);
        if (done < 0 || (!done && PyList_Append(failed, key) < 0))
            Py_CLEAR(failed);
    }
    return failed;
}

static PyMethodDef show_method = {"show", (PyCFunction)(void (*)(void))show, METH_FASTCALL,
                                  "(touched, view, generation, outputs, give) -> the roots whose code raised."};

PyObject *native_show(PyObject *module, PyObject *types) { return with_types(&show_method, types, 1); }
