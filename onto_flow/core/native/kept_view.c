/* model.kept.KeptView.shown where the document was shown before and some slots have changed; the rest is Python's. */
#include "core.h"

typedef long long Mask;

static Py_ssize_t view_program, view_path, view_slots, view_rows, view_dirty, view_hits, view_declined;
static Py_ssize_t program_decisive, program_attributes, program_by_rows;
static Py_ssize_t attribute_stored, attribute_source, attribute_mask, attribute_needs, attribute_rows,
    attribute_place, attribute_single;
static Py_ssize_t rows_rest, rows_around;
static PyObject *not_lasting, *name_in_python, *name_wanted, *name_by_rows, *name_scope, *name_with_rows, *name_stored, *name_give_up, *zero;

enum { PLACES = 60 };

/* One evaluation. What is not owned is held by the view or by the caller. */
typedef struct {
    PyObject *view, *program, *document;
    PyObject *hits;    /* owned */
    PyObject *now;     /* owned: the document with what has changed; NULL for nothing yet */
    PyObject *scope;   /* owned; NULL: not made yet */
    int has_rows;      /* whether the scope has the rows that are kept */
    Reading reading;
    Mask dirty, known, moved; /* of the places of rows: those that were changed, and whether an element may be another */
} Showing;

static PyObject *view_type;

void core_ahead_of_view(PyObject *kept, int step)
{
    if ((PyObject *)Py_TYPE(kept) != view_type)
        return;
    PyObject *lists[] = {SLOT(kept, view_slots), SLOT(kept, view_rows)};
    for (int n = 0; n < 2; n++) {
        Py_ssize_t size = step < 2 ? 0 : PyList_GET_SIZE(lists[n]);
        if (step == 0)
            AHEAD_OF(lists[n]);
        else if (step == 1)
            __builtin_prefetch(((PyListObject *)lists[n])->ob_item);
        for (Py_ssize_t at = 0; at < size; at++) {
            PyObject *one = PyList_GET_ITEM(lists[n], at);
            if (step == 2)
                AHEAD_OF(one);
            else if (n == 0)
                pocket_ahead(one);
            else if (one != Py_None)
                core_ahead_of_rows(one, 0);
        }
    }
}

static Mask mask_of(PyObject *attribute, Py_ssize_t offset) { return PyLong_AsLongLong(SLOT(attribute, offset)); }

static int compare(Showing *showing, PyObject *attribute, PyObject *now)
{
    PyObject *name = SLOT(attribute, attribute_stored), *before = PyDict_GetItemWithError(showing->document, name);
    if (!before) {
        if (!PyErr_Occurred())
            PyErr_SetObject(PyExc_KeyError, name);
        return -1;
    }
    Py_INCREF(before);
    int same = core_same(before, now);
    Py_DECREF(before);
    if (same)
        return same < 0 ? -1 : 0;
    if (!showing->now && !(showing->now = PyDict_Copy(showing->document)))
        return -1;
    return PyDict_SetItem(showing->now, name, now);
}

static int is_stored_as_it_is(PyObject *value)
{
    if (value == Py_None || PyBool_Check(value) || (PyUnicode_CheckExact(value) && PyUnicode_IS_ASCII(value)))
        return 1;
    if (!PyLong_CheckExact(value))
        return 0;
    int overflow;
    long long n = PyLong_AsLongLongAndOverflow(value, &overflow);
    return !overflow && -(1LL << 62) < n && n < 1LL << 62;
}

/* Compares what is stored of a value, which it takes. */
static int compare_value(Showing *showing, PyObject *attribute, PyObject *value)
{
    if (value && !is_stored_as_it_is(value))
        Py_SETREF(value, PyObject_CallMethodObjArgs(showing->program, name_stored, attribute, value, NULL));
    int done = value ? compare(showing, attribute, value) : -1;
    Py_XDECREF(value);
    return done;
}

/* The value of a getter that has more than its rows. */
static PyObject *around_rows(Showing *showing, PyObject *program, PyObject *rows)
{
    PyObject *around = SLOT(program, rows_around), *slots = SLOT(showing->view, view_slots), *found = NULL;
    PyObject *arguments = PyTuple_New(PyTuple_GET_SIZE(around) + 1), *elements = core_row_values(rows);
    if (!arguments || !elements)
        goto done;
    PyTuple_SET_ITEM(arguments, 0, Py_NewRef(elements));
    for (Py_ssize_t n = 0; n < PyTuple_GET_SIZE(around); n++) {
        Py_ssize_t at = PyLong_AsSsize_t(PyTuple_GET_ITEM(around, n)), first = 0;
        PyObject *path, *document = Py_None;
        map_next(PyList_GET_ITEM(slots, at), &first, &path, &document);
        PyTuple_SET_ITEM(arguments, n + 1, Py_NewRef(document));
    }
    found = PyObject_Call(SLOT(program, rows_rest), arguments, NULL);
done:
    Py_XDECREF(arguments);
    Py_XDECREF(elements);
    return found;
}

/* The rows of an attribute, where they are kept and need not all be made again. */
static int change_rows(Showing *showing, PyObject *attribute, PyObject *rows, PyObject *program)
{
    int moved, stored;
    if (core_change_rows(rows, SLOT(showing->view, view_slots), showing->hits, &moved, &stored) < 0)
        return -1;
    if (SLOT(program, rows_rest) != Py_None) {
        PyObject *value = moved ? around_rows(showing, program, rows) : NULL;
        if (moved && (!value || compare_value(showing, attribute, value) < 0))
            return -1;
    } else if (stored && compare(showing, attribute, core_row_stored(rows)) < 0) {
        return -1;
    }
    Mask bit = (Mask)1 << PyLong_AsLong(SLOT(attribute, attribute_place));
    showing->known |= bit;
    showing->moved |= moved ? bit : 0;
    return 0;
}

/* Whether a row that raises is reached at all, and which error counts, the getter itself decides: it is called whole. */
static int forget_rows(Showing *showing, PyObject *attribute, Py_ssize_t place)
{
    if (!PyErr_ExceptionMatches(PyExc_Exception))
        return -1;
    int gives_up = PyErr_ExceptionMatches(not_lasting);
    PyErr_Clear();
    PyList_SetItem(SLOT(showing->view, view_rows), place, Py_NewRef(Py_None));
    PyObject *said = gives_up ? PyObject_CallMethodOneArg(showing->program, name_give_up, attribute) : Py_NewRef(Py_None);
    Py_XDECREF(said);
    return said ? 0 : -1;
}

static int set_all(Showing *showing, PyObject *changed)
{
    if (!PyDict_GET_SIZE(changed))
        return 0;
    if (!showing->now && !(showing->now = PyDict_Copy(showing->document)))
        return -1;
    return PyDict_Update(showing->now, changed);
}

/* KeptView._by_rows: all rows are made. */
static int make_rows(Showing *showing, PyObject *attribute, Py_ssize_t place)
{
    PyObject *moved = PyDict_New(), *changed = PyDict_New(), *dirty = moved && changed ? PyLong_FromLongLong(showing->dirty) : NULL, *at = NULL, *moves;
    PyObject *said = dirty ? PyObject_CallMethodObjArgs(showing->view, name_by_rows, attribute, dirty, showing->hits,
                                                        showing->document, changed, moved, NULL)
                           : NULL;
    int result = said && (at = PyLong_FromSsize_t(place)) ? set_all(showing, changed) : -1;
    if (result == 0 && (moves = PyDict_GetItemWithError(moved, at))) {
        showing->known |= (Mask)1 << place;
        showing->moved |= PyObject_IsTrue(moves) == 1 ? (Mask)1 << place : 0;
    }
    Py_XDECREF(moved);
    Py_XDECREF(changed);
    Py_XDECREF(dirty);
    Py_XDECREF(said);
    Py_XDECREF(at);
    return result;
}

static int by_rows(Showing *showing)
{
    PyObject *attributes = Py_NewRef(SLOT(showing->program, program_by_rows));
    int result = 0;
    for (Py_ssize_t n = 0; result == 0 && n < PyList_GET_SIZE(attributes); n++) {
        PyObject *attribute = PyList_GET_ITEM(attributes, n);
        if (!(mask_of(attribute, attribute_mask) & showing->dirty))
            continue;
        Py_ssize_t place = PyLong_AsSsize_t(SLOT(attribute, attribute_place));
        PyObject *rows = PyList_GET_ITEM(SLOT(showing->view, view_rows), place);
        if (rows == Py_None || mask_of(attribute, attribute_single) & showing->dirty) {
            result = make_rows(showing, attribute, place);
        } else {
            PyObject *program = Py_NewRef(SLOT(attribute, attribute_rows));
            Py_INCREF(rows);
            if (change_rows(showing, attribute, rows, program) < 0)
                result = forget_rows(showing, attribute, place);
            Py_DECREF(rows);
            Py_DECREF(program);
        }
    }
    Py_DECREF(attributes);
    return result;
}

/* Whether anything that a UDF is computed from has changed. */
static int any_moved(Showing *showing, PyObject *needs)
{
    for (Py_ssize_t n = 0; n < PyTuple_GET_SIZE(needs); n++) {
        PyObject *need = PyTuple_GET_ITEM(needs, n);
        long place = PyLong_AsLong(PyTuple_GET_ITEM(need, 1));
        if (place >= 0 && showing->known >> place & 1 ? showing->moved >> place & 1
                                                      : PyLong_AsLongLong(PyTuple_GET_ITEM(need, 0)) & showing->dirty)
            return 1;
    }
    return 0;
}

static PyObject *in_scope(Showing *showing, PyObject *attribute)
{
    if (!showing->scope && !(showing->scope = PyObject_CallMethodNoArgs(showing->view, name_scope)))
        return NULL;
    PyObject *said = showing->has_rows ? NULL : PyObject_CallMethodOneArg(showing->view, name_with_rows, showing->scope);
    if (!said && !showing->has_rows)
        return NULL;
    showing->has_rows = 1;
    Py_XDECREF(said);
    return PyObject_GetItem(showing->scope, SLOT(attribute, attribute_source));
}

static int all_others(Showing *showing)
{
    PyObject *attributes = SLOT(showing->program, program_attributes);
    for (Py_ssize_t n = 0; n < PyList_GET_SIZE(attributes); n++) {
        PyObject *attribute = PyList_GET_ITEM(attributes, n);
        if (!(mask_of(attribute, attribute_mask) & showing->dirty))
            continue;
        long place = PyLong_AsLong(SLOT(attribute, attribute_place));
        if (place >= 0 && showing->known >> place & 1)
            continue;
        PyObject *needs = SLOT(attribute, attribute_needs);
        if (PyTuple_GET_SIZE(needs) && !any_moved(showing, needs))
            continue;
        PyObject *value = PyTuple_GET_SIZE(needs) ? core_udf(showing->view, attribute)
                                                  : core_getter(&showing->reading, showing->view, attribute);
        if (!value && !PyErr_Occurred())
            value = in_scope(showing, attribute);
        if (!value || compare_value(showing, attribute, value) < 0)
            return -1;
    }
    return 0;
}

/* What is shown, and the outputs that may differ; it takes both. */
static PyObject *shown_as(PyObject *documents, PyObject *outputs)
{
    PyObject *result = documents && outputs ? PyTuple_New(2) : NULL;
    if (!result) {
        Py_XDECREF(documents);
        Py_XDECREF(outputs);
        return NULL;
    }
    PyTuple_SET_ITEM(result, 0, documents);
    PyTuple_SET_ITEM(result, 1, outputs);
    return result;
}

/* Whether there is a document at all: 1, 0, -1. */
static int is_wanted(Showing *showing)
{
    if (!(PyLong_AsLongLong(SLOT(showing->program, program_decisive)) & showing->dirty))
        return 1;
    int passes = core_passes(showing->view, showing->dirty);
    if (passes != ASKS_A_SCOPE)
        return passes;
    PyObject *dirty = PyLong_FromLongLong(showing->dirty);
    PyObject *said = dirty ? PyObject_CallMethodOneArg(showing->view, name_wanted, dirty) : NULL;
    Py_XDECREF(dirty);
    int wanted = said ? said != Py_False : -1;
    if (said && !PyBool_Check(said))
        showing->scope = Py_NewRef(said);
    Py_XDECREF(said);
    return wanted;
}

static PyObject *evaluated(Showing *showing, PyObject *last)
{
    PyObject *path = SLOT(showing->view, view_path);
    int wanted = is_wanted(showing);
    if (wanted < 0)
        return NULL;
    if (!wanted) {
        Py_SETREF(SLOT(showing->view, view_declined), Py_NewRef(Py_True));
        return shown_as(PyDict_New(), PyTuple_Pack(1, path));
    }
    if (by_rows(showing) < 0 || all_others(showing) < 0)
        return NULL;
    if (!showing->now)
        return shown_as(Py_NewRef(last), PyTuple_New(0));
    PyObject_GC_UnTrack(showing->now); /* core.compact.unseen */
    return shown_as(map_of_one(path, showing->now), PyTuple_Pack(1, path));
}

/* Nothing is shown, and nothing was: it is asked for again only where a document that decides about that has changed. */
static PyObject *still_declined(PyObject *self, Mask dirty, PyObject *last)
{
    if (PyLong_AsLongLong(SLOT(SLOT(self, view_program), program_decisive)) & dirty)
        return PyObject_CallMethodOneArg(self, name_in_python, last);
    Py_SETREF(SLOT(self, view_hits), Py_NewRef(Py_None));
    Py_SETREF(SLOT(self, view_dirty), Py_NewRef(zero));
    return shown_as(Py_NewRef(last), PyTuple_New(0));
}

static PyObject *shown(PyObject *self, PyObject *last)
{
    PyObject *path = SLOT(self, view_path), *rows = SLOT(self, view_rows), *document = NULL;
    int overflow;
    Mask dirty = PyLong_AsLongLongAndOverflow(SLOT(self, view_dirty), &overflow);
    if (SLOT(self, view_declined) == Py_True && !overflow && dirty >= 0 && is_map(last) && !map_size(last))
        return still_declined(self, dirty, last);
    if (overflow || dirty < 0 || !is_map(last) || map_size(last) != 1 || PyList_GET_SIZE(rows) > PLACES ||
        value_of(last, path, &document) < 0 || !document || !PyDict_CheckExact(document)) {
        Py_XDECREF(document);
        return PyErr_Occurred() ? NULL : PyObject_CallMethodOneArg(self, name_in_python, last);
    }
    PyObject *hits = SLOT(self, view_hits) == Py_None ? PyList_New(0) : Py_NewRef(SLOT(self, view_hits));
    if (!hits) {
        Py_DECREF(document);
        return NULL;
    }
    AHEAD_OF(document);
    for (Py_ssize_t n = 0; n < PyList_GET_SIZE(rows); n++)
        if (PyList_GET_ITEM(rows, n) != Py_None)
            core_ahead_of_rows(PyList_GET_ITEM(rows, n), 1);
    Showing showing = {self, SLOT(self, view_program), document, hits, NULL, NULL, 0, {NULL, NULL, 0}, dirty, 0, 0};
    Py_SETREF(SLOT(self, view_hits), Py_NewRef(Py_None));
    Py_SETREF(SLOT(self, view_dirty), Py_NewRef(zero));
    PyObject *result = evaluated(&showing, last);
    Py_DECREF(showing.document);
    Py_DECREF(showing.hits);
    Py_XDECREF(showing.now);
    Py_XDECREF(showing.scope);
    core_has_read(&showing.reading);
    return result;
}

static PyMethodDef shown_method = {"shown", shown, METH_O, "(last) -> what the root shows, and the outputs that may differ."};

PyObject *native_kept_view(PyObject *module, PyObject *args)
{
    PyObject *view, *program, *attribute, *rows, *many, *error;
    if (!PyArg_ParseTuple(args, "O!OOOOO", &PyType_Type, &view, &program, &attribute, &rows, &many, &error))
        return NULL;
    Slot slots[] = {
        {&view_program, view, "_program"},
        {&view_path, view, "_path"},
        {&view_slots, view, "_slots"},
        {&view_rows, view, "_rows"},
        {&view_dirty, view, "_dirty"},
        {&view_hits, view, "_hits"},
        {&view_declined, view, "_declined"},
        {&program_decisive, program, "decisive"},
        {&program_attributes, program, "attributes"},
        {&program_by_rows, program, "by_rows"},
        {&attribute_stored, attribute, "stored"},
        {&attribute_source, attribute, "source"},
        {&attribute_mask, attribute, "mask"},
        {&attribute_needs, attribute, "needs"},
        {&attribute_rows, attribute, "rows"},
        {&attribute_place, attribute, "place"},
        {&attribute_single, attribute, "single"},
        {&rows_rest, rows, "rest"},
        {&rows_around, rows, "around"},
        {NULL},
    };
    Name names[] = {
        {&name_in_python, "_in_python"}, {&name_wanted, "_wanted"}, {&name_by_rows, "_by_rows"},
        {&name_scope, "_scope"},         {&name_with_rows, "_with_rows"},         {&name_stored, "stored"},  {&name_give_up, "give_up_rows"},
        {NULL},
    };
    if (!slots_of(slots) || !names_of(names) || !core_called(view, program, attribute, rows, many))
        return NULL;
    if (!zero && !(zero = PyLong_FromLong(0)))
        return NULL;
    Py_XSETREF(not_lasting, Py_NewRef(error));
    Py_XSETREF(view_type, Py_NewRef(view));
    return PyDescr_NewMethod((PyTypeObject *)view, &shown_method);
}
