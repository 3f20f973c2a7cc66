/* One row of model.kept_rows.KeptRows: what its document gives, put where the elements of that document stand. */
#include "kept_rows.h"

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

/* What is stored of elements: a list. */
static PyObject *stored_of(Change *change, PyObject *elements)
{
    PyObject *now = SLOT(change->program, program_converts) == Py_True
                        ? core_stored(SLOT(change->program, program_elements), elements)
                        : PyObject_CallMethodOneArg(change->program, name_row_stored, elements);
    if (now && !PyList_CheckExact(now)) {
        PyErr_SetString(PyExc_TypeError, "what is stored of elements is a list");
        Py_CLEAR(now);
    }
    return now;
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
    PyObject *rows = change->rows, *now = stored_of(change, elements);
    int done = now ? put_stored(change, start, end, now) : -1;
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

int change_row(Change *change, PyObject *path)
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

static int append(PyObject *list, PyObject *elements)
{
    return PyList_SetSlice(list, PyList_GET_SIZE(list), PyList_GET_SIZE(list), elements);
}

int fill_row(Change *change, PyObject *path, PyObject *document)
{
    PyObject *rows = change->rows, *seen = NULL, *elements = made_elements(change, document, &seen), *stored = NULL, *noted = NULL;
    int done = -1;
    if (elements && (noted = PyTuple_CheckExact(seen) ? Py_NewRef(seen) : PyTuple_Pack(1, seen)) &&
        core_note_readers(SLOT(rows, rows_readers), path, NULL, noted) == 0 && map_set(SLOT(rows, rows_made), path, seen) == 0 &&
        append(SLOT(rows, rows_elements), elements) == 0 && (stored = stored_of(change, elements)))
        done = append(SLOT(rows, rows_stored), stored);
    for (Py_ssize_t n = 0; done == 0 && n < PyList_GET_SIZE(elements); n++)
        done = PyList_Append(SLOT(rows, rows_owners), path);
    Py_XDECREF(elements);
    Py_XDECREF(seen);
    Py_XDECREF(stored);
    Py_XDECREF(noted);
    return done;
}
