/* model.kept_rows.KeptRows.change: the rows that some documents concern are made again. */
#include "core.h"

static Py_ssize_t rows_program, rows_made, rows_readers, rows_elements, rows_stored, rows_owners;
static Py_ssize_t program_row, program_slot, program_looked_up, program_single, program_seen, program_lookups,
    program_elements, program_converts;
static Py_ssize_t lookup_documents;
static PyObject *name_given, *name_stored, *name_check;

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

/* One change of rows: what it works on, borrowed from the program and the rows. */
typedef struct {
    PyObject *rows, *program, *documents;
    PyObject **arguments; /* of the row: the document, then what is given */
    Py_ssize_t count;
    int moved, stored;
} Change;

/* The first place in a sorted list that is not below a path; -1: an exception. */
static Py_ssize_t bisect(PyObject *owners, PyObject *path)
{
    Py_ssize_t low = 0, high = PyList_GET_SIZE(owners);
    while (low < high) {
        Py_ssize_t middle = (low + high) / 2;
        int order = PyUnicode_Compare(PyList_GET_ITEM(owners, middle), path);
        if (order == -1 && PyErr_Occurred())
            return -1;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

enum { LOOKED_THROUGH = 64 };

/* Where the elements of a row are, or would be; mostly its path is the object that stands there, and no text is looked at. */
static int find_row(PyObject *owners, PyObject *path, Py_ssize_t *start, Py_ssize_t *end)
{
    Py_ssize_t size = PyList_GET_SIZE(owners), n = size <= LOOKED_THROUGH ? 0 : size;
    while (n < size && PyList_GET_ITEM(owners, n) != path)
        n++;
    int is = n < size;
    *start = *end = is ? n : bisect(owners, path);
    if (!is && *start >= 0 && *start < PyList_GET_SIZE(owners))
        is = PyUnicode_Compare(PyList_GET_ITEM(owners, *start), path) == 0;
    PyObject *owner = is ? PyList_GET_ITEM(owners, *start) : NULL;
    while (is && *end < PyList_GET_SIZE(owners) && PyList_GET_ITEM(owners, *end) == owner)
        ++*end; /* all of a row have the same one */
    return *start < 0 || PyErr_Occurred() ? -1 : 0;
}

/* Empties what rows note there; its memory is kept for the next one. */
static void forget(PyObject *noted)
{
    for (Py_ssize_t n = PyList_GET_SIZE(noted); n > 0; n--) {
        PyObject *path = PyList_GET_ITEM(noted, n - 1);
        Py_SET_SIZE(noted, n - 1);
        Py_DECREF(path);
    }
}

/* What the row of a document gives; `seen`: what it looked up, a single path as itself. */
static PyObject *made_elements(Change *change, PyObject *document, PyObject **seen)
{
    PyObject *noted = SLOT(change->program, program_seen);
    forget(noted);
    change->arguments[0] = document;
    PyObject *elements = PyObject_Vectorcall(SLOT(change->program, program_row), change->arguments, (size_t)change->count, NULL);
    if (elements && !PyList_CheckExact(elements)) {
        PyErr_SetString(PyExc_TypeError, "a row is no list");
        Py_CLEAR(elements);
    }
    if (!elements)
        return NULL;
    *seen = PyList_GET_SIZE(noted) == 1 ? Py_NewRef(PyList_GET_ITEM(noted, 0)) : PyList_AsTuple(noted);
    if (!*seen)
        Py_CLEAR(elements);
    return elements;
}

/* Whether some elements of a list are those of another: 1, 0, -1. */
static int is_range(PyObject *list, Py_ssize_t start, Py_ssize_t end, PyObject *other, int (*compare)(PyObject *, PyObject *))
{
    int found = PyList_GET_SIZE(other) == end - start;
    for (Py_ssize_t n = 0; found == 1 && n < end - start; n++) {
        if (n >= PyList_GET_SIZE(other) || start + n >= PyList_GET_SIZE(list))
            return 0;
        PyObject *one = Py_NewRef(PyList_GET_ITEM(other, n)), *before = Py_NewRef(PyList_GET_ITEM(list, start + n));
        found = compare(one, before);
        Py_DECREF(one);
        Py_DECREF(before);
    }
    return found;
}

/* Puts elements where some were. */
static int set_range(PyObject *list, Py_ssize_t start, Py_ssize_t end, PyObject *elements)
{
    if (PyList_GET_SIZE(elements) != end - start)
        return PyList_SetSlice(list, start, end, elements);
    for (Py_ssize_t n = 0; n < PyList_GET_SIZE(elements); n++)
        if (PyList_SetItem(list, start + n, Py_NewRef(PyList_GET_ITEM(elements, n))) < 0)
            return -1;
    return 0;
}

/* Puts what is stored where that of the same row was: into another list, for documents may hold the old one. */
static int put_stored(Change *change, Py_ssize_t start, Py_ssize_t end, PyObject *now)
{
    PyObject *stored = SLOT(change->rows, rows_stored), *list;
    int same = is_range(stored, start, end, now, core_same);
    if (same)
        return same < 0 ? -1 : 0;
    if (!(list = PyList_GetSlice(stored, 0, PyList_GET_SIZE(stored))) || set_range(list, start, end, now) < 0) {
        Py_XDECREF(list);
        return -1;
    }
    PyObject_GC_UnTrack(list); /* core.compact.unseen */
    Py_SETREF(SLOT(change->rows, rows_stored), list);
    change->stored = 1;
    return 0;
}

/* Puts elements where others of the same row were. */
static int put(Change *change, PyObject *path, Py_ssize_t start, Py_ssize_t end, PyObject *elements)
{
    PyObject *rows = change->rows;
    PyObject *now = SLOT(change->program, program_converts) == Py_True
                        ? core_stored(SLOT(change->program, program_elements), elements)
                        : PyObject_CallMethodOneArg(change->program, name_stored, elements);
    int done = now && PyList_CheckExact(now) ? put_stored(change, start, end, now) : -1;
    Py_XDECREF(now);
    Py_ssize_t size = PyList_GET_SIZE(elements);
    if (done == 0 && size != end - start) {
        PyObject *paths = PyList_New(size);
        for (Py_ssize_t n = 0; paths && n < size; n++)
            PyList_SET_ITEM(paths, n, Py_NewRef(path));
        done = paths ? PyList_SetSlice(SLOT(rows, rows_owners), start, end, paths) : -1;
        Py_XDECREF(paths);
    }
    return done < 0 ? -1 : set_range(SLOT(rows, rows_elements), start, end, elements);
}

/* Notes what a row looked up, where it is new or differs. */
static int note_row(Change *change, PyObject *path, PyObject *document, PyObject *seen)
{
    PyObject *made = SLOT(change->rows, rows_made), *before;
    if (value_of(made, path, &before) < 0)
        return -1;
    if (!before) {
        PyObject *said = PyObject_CallMethodObjArgs(change->rows, name_check, change->documents, path, NULL);
        if (!said)
            return -1;
        Py_DECREF(said);
    } else if (document) {
        int alike = before == seen ? 1 : PyObject_RichCompareBool(before, seen, Py_EQ);
        if (alike) {
            Py_DECREF(before);
            return alike < 0 ? -1 : 0;
        }
    }
    PyObject *now = PyTuple_CheckExact(seen) ? Py_NewRef(seen) : PyTuple_Pack(1, seen);
    int done = now ? core_note_readers(SLOT(change->rows, rows_readers), path, before, now) : -1;
    Py_XDECREF(now);
    Py_XDECREF(before);
    if (done < 0 || !document)
        return done < 0 ? -1 : map_delete(made, path);
    return map_set(made, path, seen);
}

static int change_row(Change *change, PyObject *path)
{
    PyObject *rows = change->rows, *document;
    if (value_of(change->documents, path, &document) < 0)
        return -1;
    PyObject *elements = NULL, *seen = NULL;
    if (!document) {
        int known = map_contains(SLOT(rows, rows_made), path);
        if (known != 1)
            return known;
    }
    Py_ssize_t start, end;
    int result = -1;
    if (find_row(SLOT(rows, rows_owners), path, &start, &end) < 0)
        goto done;
    if (document) {
        elements = made_elements(change, document, &seen);
    } else if ((elements = PyList_New(0))) {
        seen = PyTuple_New(0);
    }
    if (!elements || !seen || note_row(change, path, document, seen) < 0)
        goto done;
    result = 0;
    if (PyList_GET_SIZE(elements) || end > start) {
        int alike = is_range(SLOT(rows, rows_elements), start, end, elements, core_alike);
        if (alike < 0 || (!alike && put(change, path, start, end, elements) < 0))
            result = -1;
        else if (!alike)
            change->moved = 1;
    }
done:
    Py_XDECREF(document);
    Py_XDECREF(elements);
    Py_XDECREF(seen);
    return result;
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

int core_change_rows(PyObject *rows, PyObject *slots, PyObject *changed, int *moved, int *stored)
{
    PyObject *program = SLOT(rows, rows_program), *arguments[ARGUMENTS + 1];
    Py_ssize_t at = PyLong_AsSsize_t(SLOT(program, program_slot));
    PyObject *beside = given(program, slots);
    if (!beside)
        return -1;
    if (!PyList_CheckExact(beside) || PyList_GET_SIZE(beside) >= ARGUMENTS || at < 0 || at >= PyList_GET_SIZE(slots)) {
        Py_DECREF(beside);
        PyErr_SetString(PyExc_TypeError, "rows of too many slots");
        return -1;
    }
    Change change = {rows, program, Py_NewRef(PyList_GET_ITEM(slots, at)), arguments, PyList_GET_SIZE(beside) + 1, 0, 0};
    for (Py_ssize_t n = 0; n < PyList_GET_SIZE(beside); n++)
        arguments[n + 1] = PyList_GET_ITEM(beside, n);
    int result = change_concerned(&change, changed);
    Py_DECREF(change.documents);
    Py_DECREF(beside);
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
    Name names[] = {{&name_given, "given"}, {&name_stored, "stored"}, {&name_check, "_check_order"}, {NULL}};
    if (!slots_of(slots) || !names_of(names))
        return NULL;
    return PyDescr_NewMethod((PyTypeObject *)rows, &change_method);
}
