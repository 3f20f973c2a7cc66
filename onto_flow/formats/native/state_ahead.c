/* What the writing of some keys will meet is fetched into the processor's cache, all of it side by side: a state of hundreds
   of megabytes is met at random, and each key is some fifty objects, each in another place. Nothing is changed by it. */
#include "state.h"

enum { ENTRIES = 1024, LINE = 64, MOST_LINES = 8 };

/* An object that is to be written, or that may differ from the one before; it is met again when its own bytes are there (1),
   and when what lies behind those is (2). */
typedef struct {
    PyObject *now, *before;
    int met;
} Entry;

typedef struct {
    PyObject *reference;
    int differs;
    int count;
    Entry entries[ENTRIES];
} Ahead;

static void fetch(const void *at, size_t size)
{
    for (size_t n = 0; at && n < size && n < LINE * MOST_LINES; n += LINE)
        __builtin_prefetch((const char *)at + n, 0, 2);
}

static void look(Ahead *ahead, PyObject *now, PyObject *before, int met)
{
    if (!now || now == before || ahead->count == ENTRIES)
        return;
    if (!met) {
        __builtin_prefetch(now, 0, 2);
        __builtin_prefetch(before, 0, 2);
    }
    ahead->entries[ahead->count++] = (Entry){now, before, met + 1};
}

/* What lies behind the bytes of an object: 1, or 0 where nothing does. */
static int behind(PyObject *object)
{
    if (PyList_CheckExact(object))
        fetch(((PyListObject *)object)->ob_item, (size_t)PyList_GET_SIZE(object) * sizeof(PyObject *));
    else if (PyDict_Check(object)) {
        fetch(((PyDictObject *)object)->ma_keys, LINE);
        fetch(((PyDictObject *)object)->ma_values, (size_t)PyDict_GET_SIZE(object) * sizeof(PyObject *));
    } else if (maps && Py_TYPE(object) == maps->pocket)
        fetch(maps->pocket_behind(object), LINE * MOST_LINES);
    else
        return 0;
    return 1;
}

static void look_at_each(Ahead *ahead, PyObject *map)
{
    Each each;
    PyObject *key, *value;
    if (!each_here(&each, map))
        return;
    while (each_next(&each, &key, &value)) {
        if (each.next != PyDict_Next)
            look(ahead, key, NULL, 0);
        look(ahead, value, NULL, 0);
    }
}

static void look_between(Ahead *ahead, PyObject *now, PyObject *before)
{
    Py_ssize_t size = PyList_GET_SIZE(now), head, tail;
    list_ends(before, now, &head, &tail);
    for (Py_ssize_t n = head; n < size - tail; n++)
        look(ahead, PyList_GET_ITEM(now, n), NULL, 0);
}

static void look_at_two(Ahead *ahead, PyObject *now, PyObject *before)
{
    Each each, old;
    PyObject *key, *value, *other, *held = NULL;
    if (PyList_CheckExact(now) && PyList_CheckExact(before)) {
        look_between(ahead, now, before);
        return;
    }
    if (!each_here(&each, now) || !each_here(&old, before))
        return;
    while (each_next(&each, &key, &value)) {
        if (!each_next(&old, &other, &held) || other != key)
            held = NULL;
        look(ahead, value, held, 0);
    }
}

static void look_at_record(Ahead *ahead, PyObject *record, int met)
{
    PyObject *reg = PART(record, reg), *last = PART(record, last), *written = PART(record, written);
    if (met == 1) {
        fetch(reg, 1), fetch(last, 1), fetch(PART(record, due), 1), fetch(written, 1);
        look(ahead, record, NULL, 1);
    } else if (met == 2) {
        behind(reg), behind(last), behind(written);
        look(ahead, record, NULL, 2);
    } else if (!PyList_CheckExact(written) || !ahead->differs) {
        look_at_each(ahead, reg);
        look_at_each(ahead, last);
    } else {
        Each each;
        PyObject *path, *doc;
        for (Py_ssize_t n = each_here(&each, reg) ? 1 : 0; n && each_next(&each, &path, &doc); n += 2)
            if (n >= PyList_GET_SIZE(written) || PyList_GET_ITEM(written, n + 1) != doc) {
                look(ahead, path, NULL, 0);
                look(ahead, doc, NULL, 0);
                if (n < PyList_GET_SIZE(written))
                    look(ahead, PyList_GET_ITEM(written, n + 1), NULL, 0);
            }
        look(ahead, last, PyList_GET_ITEM(written, 0), 0);
    }
}

static int look_inside(PyObject *part, void *ahead)
{
    look(ahead, part, NULL, 0);
    return 0;
}

static void meet(Ahead *ahead, PyObject *now, PyObject *before, int met)
{
    PyTypeObject *type = Py_TYPE(now);
    if ((PyObject *)type == parts.of)
        look_at_record(ahead, now, met);
    else if (PyTuple_Check(now))
        for (Py_ssize_t n = 0; n < PyTuple_GET_SIZE(now); n++)
            look(ahead, PyTuple_GET_ITEM(now, n), NULL, 0);
    else if ((PyObject *)type == ahead->reference)
        type->tp_traverse(now, look_inside, ahead);
    else if (met == 1) {
        if (behind(now) + (before ? behind(before) : 0))
            look(ahead, now, before, 1);
    } else if (before)
        look_at_two(ahead, now, before);
    else if (PyList_CheckExact(now))
        for (Py_ssize_t n = 0; n < PyList_GET_SIZE(now); n++)
            look(ahead, PyList_GET_ITEM(now, n), NULL, 0);
    else
        look_at_each(ahead, now);
}

void fetch_ahead(PyObject *const *cells, int count, PyObject *reference_type, int differs)
{
    Ahead ahead; /* its entries are not emptied: there are many */
    ahead.reference = reference_type;
    ahead.differs = differs;
    ahead.count = 0;
    PyObject *held[3];
    for (int n = 0; n < count; n++)
        if (cells[n])
            fetch(cells[n], 1);
    for (int n = 0; n < count; n++)
        for (int many = cells[n] && maps && Py_TYPE(cells[n]) == maps->cells ? maps->cells_held(cells[n], held) : 0; many--;)
            look(&ahead, held[many], NULL, 0);
    for (int n = 0; n < ahead.count; n++)
        meet(&ahead, ahead.entries[n].now, ahead.entries[n].before, ahead.entries[n].met);
}
