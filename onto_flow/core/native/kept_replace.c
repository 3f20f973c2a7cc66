/* model.kept.KeptView.replace: a document has a new version. */
#include "core.h"

static Py_ssize_t view_program, view_slots, view_dirty, view_hits, program_makers;

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

/* The object of a document, made by its model's maker, into a slot that holds the document; 0, or -1. */
static int replace_at(PyObject *view, PyObject *at, PyObject *path, PyObject *fields)
{
    Py_ssize_t slot = PyLong_AsSsize_t(at);
    PyObject *slots = SLOT(view, view_slots), *makers = SLOT(SLOT(view, view_program), program_makers);
    if (slot < 0 || slot >= PyList_GET_SIZE(slots) || slot >= PyTuple_GET_SIZE(makers)) {
        PyErr_SetString(PyExc_IndexError, "no such slot");
        return -1;
    }
    PyObject *documents = PyList_GET_ITEM(slots, slot);
    core_ahead_of_view(view, 2);
    int there = map_contains(documents, path);
    if (there != 1)
        return there;
    core_ahead_of_view(view, 3);
    PyObject *given[] = {path, fields}, *made = PyObject_Vectorcall(PyTuple_GET_ITEM(makers, slot), given, 2, NULL);
    PyObject *bit = NULL, *dirty = NULL, *hit = NULL;
    int done = -1;
    if (made && PyObject_IS_GC(made) && (!Py_TYPE(made)->tp_dictoffset || Py_TYPE(documents) == &PocketType))
        PyObject_GC_UnTrack(made); /* core.compact.unseen: nobody can put anything into it, or it is seen when it leaves */
    if (made && map_set(documents, path, made) == 0 && (bit = PyLong_FromLongLong(1LL << slot)) &&
        (dirty = PyNumber_Or(SLOT(view, view_dirty), bit)) && (hit = PyTuple_Pack(2, at, path)) &&
        add_hit(view, hit) == 0) {
        Py_SETREF(SLOT(view, view_dirty), Py_NewRef(dirty));
        done = 0;
    }
    Py_XDECREF(made);
    Py_XDECREF(bit);
    Py_XDECREF(dirty);
    Py_XDECREF(hit);
    return done;
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

static PyMethodDef replace_method = {"replace", (PyCFunction)(void (*)(void))replace, METH_FASTCALL,
                                     "(slots, path, fields) -> see plan.evaluator.Kept."};

PyObject *native_kept_replace(PyObject *module, PyObject *args)
{
    PyObject *view, *program;
    if (!PyArg_ParseTuple(args, "O!O", &PyType_Type, &view, &program))
        return NULL;
    Slot slots[] = {
        {&view_program, view, "_program"},          {&view_slots, view, "_slots"}, {&view_dirty, view, "_dirty"},
        {&view_hits, view, "_hits"},                {&program_makers, program, "makers"},
        {NULL},
    };
    return slots_of(slots) ? PyDescr_NewMethod((PyTypeObject *)view, &replace_method) : NULL;
}
