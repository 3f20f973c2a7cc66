/* model.kept.KeptView: documents have new versions, come and go. */
#include "core.h"

static Py_ssize_t view_program, view_slots, view_dirty, view_hits, view_unordered, program_makers;
static PyObject *name_order;

static int add_hit(PyObject *view, PyObject *hit)
{
    PyObject *hits = SLOT(view, view_hits);
    if (hits != Py_None)
        return PyList_Append(hits, hit);
    if (!(hits = PyList_New(1)))
        return -1;
    PyList_SET_ITEM(hits, 0, Py_NewRef(hit));
    Py_SETREF(SLOT(view, view_hits), hits);
    return 0;
}

/* The documents of a slot; NULL: there is no such slot. */
static PyObject *documents_of(PyObject *view, Py_ssize_t slot)
{
    PyObject *slots = SLOT(view, view_slots);
    if (slot >= 0 && slot < PyList_GET_SIZE(slots) && slot < PyTuple_GET_SIZE(SLOT(SLOT(view, view_program), program_makers)))
        return PyList_GET_ITEM(slots, slot);
    if (!PyErr_Occurred())
        PyErr_SetString(PyExc_IndexError, "no such slot");
    return NULL;
}

/* A number with the bit of a slot, instead of itself. */
static int add_bit(PyObject **number, Py_ssize_t slot)
{
    PyObject *bit = PyLong_FromLongLong(1LL << slot), *now = bit ? PyNumber_Or(*number, bit) : NULL;
    Py_XDECREF(bit);
    if (!now)
        return -1;
    Py_SETREF(*number, now);
    return 0;
}

static int hit(PyObject *view, PyObject *at, Py_ssize_t slot, PyObject *path)
{
    PyObject *one = PyTuple_Pack(2, at, path);
    int done = one && add_hit(view, one) == 0 ? add_bit(&SLOT(view, view_dirty), slot) : -1;
    Py_XDECREF(one);
    return done;
}

/* core.compact.unseen: nobody can put anything into such an object, or it is seen again when it leaves. */
static void hide(PyObject *made, PyObject *documents)
{
    if (PyObject_IS_GC(made) && (!Py_TYPE(made)->tp_dictoffset || Py_TYPE(documents) == &PocketType))
        PyObject_GC_UnTrack(made);
}

/* The object of a document, made by its model's maker, into a slot; 0, or -1. */
static int place(PyObject *view, PyObject *at, PyObject *path, PyObject *fields)
{
    Py_ssize_t slot = PyLong_AsSsize_t(at);
    PyObject *documents = Py_NewRef(PyList_GET_ITEM(SLOT(view, view_slots), slot)), *given[] = {path, fields};
    PyObject *maker = PyTuple_GET_ITEM(SLOT(SLOT(view, view_program), program_makers), slot);
    PyObject *made = PyObject_Vectorcall(maker, given, 2, NULL);
    if (made)
        hide(made, documents);
    int done = made ? map_set(documents, path, made) : -1;
    Py_XDECREF(made);
    Py_DECREF(documents);
    return done < 0 ? -1 : hit(view, at, slot, path);
}

/* A new version of a document into a slot that holds it; 0, or -1. */
static int replace_at(PyObject *view, PyObject *at, PyObject *path, PyObject *fields)
{
    PyObject *documents = documents_of(view, PyLong_AsSsize_t(at));
    if (!documents)
        return -1;
    core_ahead_of_view(view, 2);
    int there = map_contains(documents, path);
    if (there != 1)
        return there;
    core_ahead_of_view(view, 3);
    return place(view, at, path, fields);
}

static PyObject *replace(PyObject *self, PyObject *const *given, Py_ssize_t count)
{
    if (count != 3 || !PyTuple_CheckExact(given[0])) {
        PyErr_SetString(PyExc_TypeError, "replace takes slots, a path and fields");
        return NULL;
    }
    for (Py_ssize_t n = 0; n < PyTuple_GET_SIZE(given[0]); n++)
        if (replace_at(self, PyTuple_GET_ITEM(given[0], n), given[1], given[2]) < 0)
            return NULL;
    Py_RETURN_NONE;
}

/* The documents of the slot that is given first; NULL: it is not, or not so many others. */
static PyObject *first_of(PyObject *view, PyObject *const *given, Py_ssize_t count, Py_ssize_t wanted)
{
    if (count == wanted)
        return documents_of(view, PyLong_AsSsize_t(given[0]));
    PyErr_SetString(PyExc_TypeError, "a slot, and what belongs to it, are wanted");
    return NULL;
}

static PyObject *put(PyObject *self, PyObject *const *given, Py_ssize_t count)
{
    PyObject *documents = first_of(self, given, count, 3);
    int there = documents ? map_contains(documents, given[1]) : -1;
    if (there < 0 || (!there && map_size(documents) && add_bit(&SLOT(self, view_unordered), PyLong_AsSsize_t(given[0])) < 0) ||
        place(self, given[0], given[1], given[2]) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *drop(PyObject *self, PyObject *const *given, Py_ssize_t count)
{
    PyObject *documents = first_of(self, given, count, 2);
    int there = documents ? map_contains(documents, given[1]) : -1;
    if (there < 0 || (there && (map_delete(documents, given[1]) < 0 ||
                                hit(self, given[0], PyLong_AsSsize_t(given[0]), given[1]) < 0)))
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *holds(PyObject *self, PyObject *const *given, Py_ssize_t count)
{
    PyObject *documents = first_of(self, given, count, 2);
    int there = documents ? map_contains(documents, given[1]) : -1;
    return there < 0 ? NULL : PyBool_FromLong(there);
}

static PyObject *paths(PyObject *self, PyObject *slot)
{
    PyObject *documents = documents_of(self, PyLong_AsSsize_t(slot)), *found = documents ? PyList_New(0) : NULL, *path, *document;
    for (Py_ssize_t at = 0; found && map_next(documents, &at, &path, &document);)
        if (PyList_Append(found, path) < 0)
            Py_CLEAR(found);
    return found;
}

typedef struct {
    PyObject *path, *document; /* borrowed */
} Entry;

static int by_path(const void *one, const void *other)
{
    return PyUnicode_Compare(((const Entry *)one)->path, ((const Entry *)other)->path);
}

/* Documents in the order of their paths, as another map; NULL without an exception: their order is not that of texts. */
static PyObject *in_order(PyObject *documents)
{
    if (core_plain_order(documents) < 1)
        return NULL;
    Py_ssize_t count = map_size(documents), n = 0;
    Entry *entries = PyMem_New(Entry, count);
    if (!entries)
        return PyErr_NoMemory();
    for (Py_ssize_t at = 0; n < count && map_next(documents, &at, &entries[n].path, &entries[n].document);)
        n++;
    qsort(entries, (size_t)n, sizeof(Entry), by_path);
    PyObject *found = PyObject_CallNoArgs((PyObject *)&PocketType);
    for (Py_ssize_t at = 0; found && at < n; at++)
        if (map_set(found, entries[at].path, entries[at].document) < 0)
            Py_CLEAR(found);
    PyMem_Free(entries);
    return found;
}

static int order(PyObject *view, Py_ssize_t slot)
{
    PyObject *documents = documents_of(view, slot), *now = documents ? in_order(documents) : NULL, *path, *document;
    if (!now && !PyErr_Occurred()) {
        PyObject *at = PyLong_FromSsize_t(slot), *said = at ? PyObject_CallMethodOneArg(view, name_order, at) : NULL;
        Py_XDECREF(at);
        Py_XDECREF(said);
        return said ? 0 : -1;
    }
    if (!now || PyList_SetItem(SLOT(view, view_slots), slot, Py_NewRef(now)) < 0) {
        Py_XDECREF(now);
        return -1;
    }
    for (Py_ssize_t at = 0; map_next(now, &at, &path, &document);)
        hide(document, now); /* the other map let it go */
    Py_DECREF(now);
    return 0;
}

static PyObject *settle(PyObject *self, PyObject *none)
{
    long long unordered = PyLong_AsLongLong(SLOT(self, view_unordered));
    if (unordered == -1 && PyErr_Occurred())
        return NULL;
    if (unordered)
        Py_SETREF(SLOT(self, view_unordered), PyLong_FromLong(0));
    for (Py_ssize_t slot = 0; unordered >> slot; slot++)
        if (unordered >> slot & 1 && order(self, slot) < 0)
            return NULL;
    Py_RETURN_NONE;
}

#define FAST(function) (PyCFunction)(void (*)(void))function, METH_FASTCALL

static PyMethodDef methods[] = {
    {"replace", FAST(replace), "(slots, path, fields) -> see plan.evaluator.Kept."},
    {"put", FAST(put), "(slot, path, fields) -> see plan.evaluator.Kept."},
    {"drop", FAST(drop), "(slot, path) -> see plan.evaluator.Kept."},
    {"holds", FAST(holds), "(slot, path) -> see plan.evaluator.Kept."},
    {"paths", paths, METH_O, "(slot) -> see plan.evaluator.Kept."},
    {"settle", settle, METH_NOARGS, "() -> see plan.evaluator.Kept."},
    {NULL},
};

PyObject *native_kept_documents(PyObject *module, PyObject *args)
{
    PyObject *view, *program;
    if (!PyArg_ParseTuple(args, "O!O", &PyType_Type, &view, &program))
        return NULL;
    Slot slots[] = {
        {&view_program, view, "_program"},
        {&view_slots, view, "_slots"},
        {&view_dirty, view, "_dirty"},
        {&view_hits, view, "_hits"},
        {&view_unordered, view, "_unordered"},
        {&program_makers, program, "makers"},
        {NULL},
    };
    Name names[] = {{&name_order, "_order"}, {NULL}};
    PyObject *found = slots_of(slots) && names_of(names) ? PyDict_New() : NULL;
    for (PyMethodDef *method = methods; found && method->ml_name; method++) {
        PyObject *one = PyDescr_NewMethod((PyTypeObject *)view, method);
        if (!one || PyDict_SetItemString(found, method->ml_name, one) < 0)
            Py_CLEAR(found);
        Py_XDECREF(one);
    }
    return found;
}
