/* model.kept_rows.KeptRows.change: the rows that some documents concern are made again. */
#include "kept_rows.h"

Py_ssize_t rows_made, rows_readers, rows_elements, rows_stored, rows_owners, program_row, program_seen, program_elements,
    program_converts;
PyObject *name_row_stored, *name_check;
static Py_ssize_t rows_program, program_slot, program_looked_up, program_single, program_lookups, lookup_documents;
static PyObject *name_given;

PyObject *core_row_elements(PyObject *rows) { return SLOT(rows, rows_elements); }
PyObject *core_row_program(PyObject *rows) { return SLOT(rows, rows_program); }
PyObject *core_row_stored(PyObject *rows) { return SLOT(rows, rows_stored); }

void core_ahead_of_rows(PyObject *rows, int step)
{
    PyObject *parts[] = {SLOT(rows, rows_elements), SLOT(rows, rows_stored), SLOT(rows, rows_owners)};
    PyObject *maps[] = {SLOT(rows, rows_made), SLOT(rows, rows_readers)};
    for (int n = 0; n < 3; n++) {
        if (step == 0)
            AHEAD_OF(parts[n]);
        else
            AHEAD_OF(((PyListObject *)parts[n])->ob_item + 2);
    }
    for (int n = 0; n < 2; n++) {
        if (step == 0)
            AHEAD_OF(maps[n]);
        else
            pocket_ahead(maps[n]);
    }
}

/* Documents whose rows are made again: mostly one. Both are owned, or NULL. */
typedef struct {
    PyObject *only, *all; /* `all`: a dict of them, where there are several */
} Concerned;

static int concern_one(Concerned *concerned, PyObject *path)
{
    if (!concerned->only) {
        concerned->only = Py_NewRef(path);
        return 0;
    }
    if (!concerned->all) {
        if (path == concerned->only)
            return 0;
        if (!(concerned->all = PyDict_New()) || PyDict_SetItem(concerned->all, concerned->only, Py_None) < 0)
            return -1;
    }
    return PyDict_SetItem(concerned->all, path, Py_None);
}

/* Adds the documents whose rows a document concerns. */
static int concern(Change *change, Concerned *concerned, PyObject *slot, PyObject *path)
{
    int mine = slot == SLOT(change->program, program_slot) ||
               PyObject_RichCompareBool(slot, SLOT(change->program, program_slot), Py_EQ) == 1;
    if (mine && concern_one(concerned, path) < 0)
        return -1;
    int looked_up = PySequence_Contains(SLOT(change->program, program_looked_up), slot);
    if (looked_up <= 0)
        return looked_up;
    PyObject *readers;
    if (value_of(SLOT(change->rows, rows_readers), path, &readers) < 0)
        return -1;
    if (!readers)
        return 0;
    int done = PyUnicode_CheckExact(readers) ? concern_one(concerned, readers) : 0;
    for (Py_ssize_t n = 0; done == 0 && PyList_CheckExact(readers) && n < PyList_GET_SIZE(readers); n++)
        done = concern_one(concerned, PyList_GET_ITEM(readers, n));
    Py_DECREF(readers);
    return done;
}

static int change_concerned(Change *change, PyObject *changed)
{
    Concerned concerned = {NULL, NULL};
    PyObject *path, *none;
    int result = 0;
    for (Py_ssize_t n = 0; result == 0 && n < PyList_GET_SIZE(changed); n++) {
        PyObject *hit = PyList_GET_ITEM(changed, n);
        result = concern(change, &concerned, PyTuple_GET_ITEM(hit, 0), PyTuple_GET_ITEM(hit, 1));
    }
    if (result == 0 && concerned.only && !concerned.all)
        result = change_row(change, concerned.only);
    for (Py_ssize_t at = 0; result == 0 && concerned.all && PyDict_Next(concerned.all, &at, &path, &none);)
        result = change_row(change, path); /* nobody else has this dict */
    Py_XDECREF(concerned.only);
    Py_XDECREF(concerned.all);
    return result;
}

enum { ARGUMENTS = 16 };

/* What rows get beside their document, with room before it; a list of single documents where rows read some. */
static PyObject *given(PyObject *program, PyObject *slots)
{
    PyObject *lookups = SLOT(program, program_lookups), *looked_up = SLOT(program, program_looked_up);
    if (PyTuple_GET_SIZE(SLOT(program, program_single)))
        return PyObject_CallMethodOneArg(program, name_given, slots);
    for (Py_ssize_t n = 0; n < PyList_GET_SIZE(lookups); n++) {
        Py_ssize_t at = PyLong_AsSsize_t(PyTuple_GET_ITEM(looked_up, n));
        if (at < 0 || at >= PyList_GET_SIZE(slots)) {
            PyErr_SetString(PyExc_IndexError, "no such slot");
            return NULL;
        }
        Py_XSETREF(SLOT(PyList_GET_ITEM(lookups, n), lookup_documents), Py_NewRef(PyList_GET_ITEM(slots, at)));
    }
    return Py_NewRef(lookups);
}

/* Rows on their way, of these slots; whatever it gives, `end` frees what it holds. */
static int begin(Change *change, PyObject *rows, PyObject *slots, PyObject **arguments, PyObject **beside)
{
    PyObject *program = SLOT(rows, rows_program);
    Py_ssize_t at = PyLong_AsSsize_t(SLOT(program, program_slot));
    *change = (Change){rows, program, NULL, arguments, 0, 0, 0};
    if (!(*beside = given(program, slots)))
        return -1;
    if (!PyList_CheckExact(*beside) || PyList_GET_SIZE(*beside) >= ARGUMENTS || at < 0 || at >= PyList_GET_SIZE(slots)) {
        PyErr_SetString(PyExc_TypeError, "rows of too many slots");
        return -1;
    }
    change->documents = Py_NewRef(PyList_GET_ITEM(slots, at));
    change->count = PyList_GET_SIZE(*beside) + 1;
    for (Py_ssize_t n = 0; n < PyList_GET_SIZE(*beside); n++)
        arguments[n + 1] = PyList_GET_ITEM(*beside, n);
    return 0;
}

static void end(Change *change, PyObject *beside)
{
    Py_XDECREF(change->documents);
    Py_XDECREF(beside);
}

int core_change_rows(PyObject *rows, PyObject *slots, PyObject *changed, int *moved, int *stored)
{
    PyObject *arguments[ARGUMENTS + 1], *beside;
    Change change;
    int result = begin(&change, rows, slots, arguments, &beside);
    if (result == 0)
        result = change_concerned(&change, changed);
    end(&change, beside);
    *moved = change.moved;
    *stored = change.stored;
    return result;
}

static PyObject *change(PyObject *self, PyObject *const *arguments, Py_ssize_t count)
{
    int moved = 0, stored = 0;
    if (count != 2 || !PyList_CheckExact(arguments[0]) || !PyList_CheckExact(arguments[1])) {
        PyErr_SetString(PyExc_TypeError, "change takes a list of slots and a list of hits");
        return NULL;
    }
    if (core_change_rows(self, arguments[0], arguments[1], &moved, &stored) < 0)
        return NULL;
    return Py_BuildValue("OO", moved ? Py_True : Py_False, stored ? Py_True : Py_False);
}

/* KeptRows._fill */
static PyObject *fill(PyObject *self, PyObject *slots)
{
    PyObject *arguments[ARGUMENTS + 1], *beside, *path, *document;
    Change change;
    Py_ssize_t at = 0;
    if (!PyList_CheckExact(slots))
        return PyErr_Format(PyExc_TypeError, "a list of slots is wanted");
    int result = begin(&change, self, slots, arguments, &beside);
    while (result == 0 && map_next(change.documents, &at, &path, &document)) {
        Py_INCREF(path);
        Py_INCREF(document);
        result = fill_row(&change, path, document);
        Py_DECREF(path);
        Py_DECREF(document);
    }
    end(&change, beside);
    return result < 0 ? NULL : Py_NewRef(Py_None);
}

static PyMethodDef fill_method = {"_fill", fill, METH_O, "(slots): makes the rows of all documents."};

static PyMethodDef change_method = {"change", (PyCFunction)(void (*)(void))change, METH_FASTCALL,
                                    "(slots, changed) -> whether an element and whether what is stored may be another now."};

PyObject *native_kept_rows(PyObject *module, PyObject *args)
{
    PyObject *rows, *program, *lookup;
    if (!PyArg_ParseTuple(args, "O!OO", &PyType_Type, &rows, &program, &lookup))
        return NULL;
    Slot slots[] = {
        {&rows_program, rows, "_program"},
        {&rows_made, rows, "_made"},
        {&rows_readers, rows, "_readers"},
        {&rows_elements, rows, "_elements"},
        {&rows_stored, rows, "_stored"},
        {&rows_owners, rows, "_owners"},
        {&program_row, program, "_row"},
        {&program_slot, program, "slot"},
        {&program_looked_up, program, "looked_up"},
        {&program_single, program, "single"},
        {&program_seen, program, "_seen"},
        {&program_lookups, program, "_lookups"},
        {&program_elements, program, "_elements"},
        {&program_converts, program, "_converts"},
        {&lookup_documents, lookup, "documents"},
        {NULL},
    };
    Name names[] = {{&name_given, "given"}, {&name_row_stored, "stored"}, {&name_check, "_check_order"}, {NULL}};
    if (!slots_of(slots) || !names_of(names))
        return NULL;
    PyObject *changes = PyDescr_NewMethod((PyTypeObject *)rows, &change_method);
    PyObject *fills = changes ? PyDescr_NewMethod((PyTypeObject *)rows, &fill_method) : NULL;
    if (!fills)
        Py_CLEAR(changes);
    return changes ? Py_BuildValue("(NN)", changes, fills) : NULL;
}
