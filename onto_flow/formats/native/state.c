/* The cells of many keys -> the bytes that keep them (engines.local.layout and said), and where a row of the log has whose.
   A key with anything unusual, a large map for one, is left to Python. */
#include "coder.h"

#include "../../core/native/maps.h"

enum { CELLS = 16 };

static PyObject *name_reg, *name_due, *name_open, *name_last, *name_seq, *name_failed, *name_behind, *name_written, *name_pack, *name_get;

int state_begin(void)
{
    name_reg = PyUnicode_InternFromString("reg");
    name_due = PyUnicode_InternFromString("due");
    name_open = PyUnicode_InternFromString("open");
    name_last = PyUnicode_InternFromString("last");
    name_seq = PyUnicode_InternFromString("seq");
    name_failed = PyUnicode_InternFromString("failed");
    name_behind = PyUnicode_InternFromString("behind");
    name_written = PyUnicode_InternFromString("written");
    name_pack = PyUnicode_InternFromString("pack");
    name_get = PyUnicode_InternFromString("get");
    return name_reg && name_due && name_open && name_last && name_seq && name_failed && name_behind && name_written && name_pack && name_get;
}

/* What a call is given; `differs`: of a record what changed since it was written is enough. */
typedef struct {
    Coder coder;
    PyObject *names, *maps, *entries_type, *record_type;
    Py_ssize_t large;
    int is_map[CELLS], differs;
    PyObject *record, *mark; /* of the key that is written: what its record remembers once that is done */
    int again;               /* the mark is the one before, which is to be brought up to date */
} Keeper;

static const Maps *maps; /* NULL where the other extension is not there */

static void maps_begin(void)
{
    static int looked;
    if (!looked) {
        looked = 1;
        maps = PyCapsule_Import(MAPS_NAME, 0);
        if (!maps || maps->version != MAPS_VERSION)
            maps = NULL;
        PyErr_Clear();
    }
}

/* The entries of a map: of a dict or pocket itself, else a list of pairs. */
typedef struct {
    PyObject *map, *pairs;
    Py_ssize_t at, count;
    int (*next)(PyObject *, Py_ssize_t *, PyObject **, PyObject **);
} Each;

/* 1: without a list, which need not be freed then. */
static int each_here(Each *each, PyObject *map)
{
    *each = (Each){map, NULL, 0, 0, NULL};
    if (PyDict_CheckExact(map)) {
        each->count = PyDict_GET_SIZE(map);
        each->next = PyDict_Next;
    } else if (maps && Py_TYPE(map) == maps->pocket) {
        each->count = maps->pocket_size(map);
        each->next = maps->pocket_next;
    }
    return each->next != NULL;
}

static int each_begin(Each *each, PyObject *map)
{
    if (each_here(each, map))
        return 1;
    each->pairs = PyMapping_Items(map);
    each->count = each->pairs ? PyList_GET_SIZE(each->pairs) : 0;
    return each->pairs != NULL;
}

static int each_next(Each *each, PyObject **key, PyObject **value)
{
    if (each->next)
        return each->next(each->map, &each->at, key, value);
    if (each->at >= each->count)
        return 0;
    PyObject *pair = PyList_GET_ITEM(each->pairs, each->at++);
    if (!PyTuple_CheckExact(pair) || PyTuple_GET_SIZE(pair) != 2)
        return 0;
    *key = PyTuple_GET_ITEM(pair, 0);
    *value = PyTuple_GET_ITEM(pair, 1);
    return 1;
}

static Said put_pair(Coder *coder, PyObject *key, PyObject *value)
{
    Said said = put_tuple(coder, 2);
    said = said == DONE ? put(coder, key, 0) : said;
    return said == DONE ? put(coder, value, 0) : said;
}

static Said put_pairs(Coder *coder, PyObject *map)
{
    Each each;
    PyObject *key, *value;
    if (!each_begin(&each, map))
        return FAILED;
    Said said = put_tuple(coder, (size_t)each.count);
    while (said == DONE && each_next(&each, &key, &value))
        said = put_pair(coder, key, value);
    Py_XDECREF(each.pairs);
    return said;
}

static Said put_attribute(Coder *coder, PyObject *record, PyObject *name, Said (*how)(Coder *, PyObject *))
{
    PyObject *value = PyObject_GetAttr(record, name);
    Said said = !value ? FAILED : how ? how(coder, value) : put(coder, value, 0);
    Py_XDECREF(value);
    return said;
}

/* A path and its document, which is a tuple of three. */
static Said put_document(Coder *coder, PyObject *path, PyObject *doc)
{
    if (!PyTuple_Check(doc) || PyTuple_GET_SIZE(doc) != 3)
        return ODD;
    Said said = put_tuple(coder, 4);
    said = said == DONE ? put(coder, path, 0) : said;
    for (Py_ssize_t n = 0; n < 3 && said == DONE; n++)
        said = put(coder, PyTuple_GET_ITEM(doc, n), 0);
    return said;
}

static Said put_documents(Coder *coder, PyObject *reg)
{
    Each each;
    PyObject *path, *doc;
    if (!each_begin(&each, reg))
        return FAILED;
    Said said = put_tuple(coder, (size_t)each.count);
    while (said == DONE && each_next(&each, &path, &doc))
        said = put_document(coder, path, doc);
    Py_XDECREF(each.pairs);
    return said;
}

/* Slot -> key -> weight, as triples. */
static Said put_open(Coder *coder, PyObject *open)
{
    Each slots, each;
    Py_ssize_t count = 0, some = 0;
    PyObject *slot, *keys, *key, *weight;
    if (!each_begin(&slots, open))
        return FAILED;
    while (some >= 0 && each_next(&slots, &slot, &keys))
        count += some = PyObject_Size(keys);
    Said said = some < 0 ? FAILED : put_tuple(coder, (size_t)count);
    for (slots.at = 0; said == DONE && each_next(&slots, &slot, &keys);) {
        if (!each_begin(&each, keys))
            said = FAILED;
        while (said == DONE && each_next(&each, &key, &weight)) {
            said = put_tuple(coder, 3);
            said = said == DONE ? put(coder, slot, 0) : said;
            said = said == DONE ? put(coder, key, 0) : said;
            said = said == DONE ? put(coder, weight, 0) : said;
        }
        Py_XDECREF(each.pairs);
    }
    Py_XDECREF(slots.pairs);
    return said;
}

static Said put_flags(Coder *coder, PyObject *record)
{
    Said said = put_attribute(coder, record, name_seq, NULL);
    said = said == DONE ? put_attribute(coder, record, name_failed, NULL) : said;
    return said == DONE ? put_attribute(coder, record, name_behind, NULL) : said;
}

/* operators.record.Record.pack. */
static Said put_record(Coder *coder, PyObject *record)
{
    Said said = put_tuple(coder, 7);
    said = said == DONE ? put_attribute(coder, record, name_reg, put_documents) : said;
    said = said == DONE ? put_attribute(coder, record, name_due, put_pairs) : said;
    said = said == DONE ? put_attribute(coder, record, name_open, put_open) : said;
    said = said == DONE ? put_attribute(coder, record, name_last, put_pairs) : said;
    return said == DONE ? put_flags(coder, record) : said;
}

/* How many registers are others than when `written` was made; -1: what was written cannot be told from this. */
static Py_ssize_t others(PyObject *written, PyObject *reg)
{
    Each each;
    Py_ssize_t n = 1, count = 0;
    PyObject *path, *doc;
    if (!PyList_CheckExact(written) || !each_here(&each, reg) || PyList_GET_SIZE(written) > 2 * each.count + 1)
        return -1;
    for (; each_next(&each, &path, &doc); n += 2) {
        if (n >= PyList_GET_SIZE(written)) {
            count++;
            continue;
        }
        PyObject *before = PyList_GET_ITEM(written, n);
        if (before != path && (!PyUnicode_CheckExact(before) || !PyUnicode_CheckExact(path) || PyUnicode_Compare(before, path)))
            return -1;
        count += PyList_GET_ITEM(written, n + 1) != doc;
    }
    return count;
}

/* Whether two dictionaries have the same names in the same order; `others`: of how many the values are other objects. */
static int same_names(PyObject *before, PyObject *now, Py_ssize_t *others)
{
    Py_ssize_t at = 0, behind = 0;
    PyObject *name, *value, *old_name, *old;
    *others = 0;
    if (!PyDict_CheckExact(before) || !PyDict_CheckExact(now) || PyDict_GET_SIZE(before) != PyDict_GET_SIZE(now))
        return 0;
    while (PyDict_Next(now, &at, &name, &value) && PyDict_Next(before, &behind, &old_name, &old)) {
        if (name != old_name &&
            (!PyUnicode_CheckExact(name) || !PyUnicode_CheckExact(old_name) || PyUnicode_Compare(name, old_name)))
            return 0;
        *others += value != old;
    }
    return 1;
}

/* Of a list what lies between its first and its last elements that stay. */
static Said put_between(Coder *coder, PyObject *name, PyObject *before, PyObject *now)
{
    Py_ssize_t old = PyList_GET_SIZE(before), size = PyList_GET_SIZE(now), most = old < size ? old : size, head = 0, tail = 0;
    while (head < most && PyList_GET_ITEM(before, head) == PyList_GET_ITEM(now, head))
        head++;
    while (tail < most - head && PyList_GET_ITEM(before, old - 1 - tail) == PyList_GET_ITEM(now, size - 1 - tail))
        tail++;
    PyObject *first = PyLong_FromSsize_t(head), *last = PyLong_FromSsize_t(tail);
    Said said = first && last ? put_tuple(coder, 5) : FAILED;
    said = said == DONE ? put(coder, name, 0) : said;
    said = said == DONE ? put(coder, Py_None, 0) : said;
    said = said == DONE ? put(coder, first, 0) : said;
    said = said == DONE ? put(coder, last, 0) : said;
    said = said == DONE ? put_tuple(coder, (size_t)(size - head - tail)) : said;
    for (Py_ssize_t n = head; said == DONE && n < size - tail; n++)
        said = put(coder, PyList_GET_ITEM(now, n), 0);
    Py_XDECREF(first);
    Py_XDECREF(last);
    return said;
}

static Said put_attributes(Coder *coder, PyObject *before, PyObject *now, Py_ssize_t others)
{
    Py_ssize_t at = 0, behind = 0;
    PyObject *name, *value, *old_name, *old;
    Said said = put_tuple(coder, (size_t)others);
    while (said == DONE && PyDict_Next(now, &at, &name, &value) && PyDict_Next(before, &behind, &old_name, &old))
        if (value != old)
            said = PyList_CheckExact(value) && PyList_CheckExact(old) ? put_between(coder, name, old, value)
                                                                      : put_pair(coder, name, value);
    return said;
}

/* What a map has at a key, borrowed; NULL: nothing, or an exception is set. */
static PyObject *held_at(PyObject *map, PyObject *key)
{
    Each each;
    PyObject *other, *value;
    if (PyDict_CheckExact(map))
        return PyDict_GetItemWithError(map, key);
    if (!each_here(&each, map))
        return NULL;
    while (each_next(&each, &other, &value)) {
        int same = PyObject_RichCompareBool(other, key, Py_EQ);
        if (same)
            return same < 0 ? NULL : value;
    }
    return NULL;
}

/* What was emitted, after what was before: (output, what), or (output, None, attributes that changed). */
static Said put_emitted(Coder *coder, PyObject *before, PyObject *now)
{
    Each each;
    Py_ssize_t others;
    PyObject *output, *what;
    if (!each_here(&each, now))
        return ODD;
    Said said = put_tuple(coder, (size_t)each.count);
    while (said == DONE && each_next(&each, &output, &what)) {
        PyObject *old = held_at(before, output);
        if (!old && PyErr_Occurred())
            return FAILED;
        if (!old || !same_names(old, what, &others)) {
            said = put_pair(coder, output, what);
            continue;
        }
        said = put_tuple(coder, 3);
        said = said == DONE ? put(coder, output, 0) : said;
        said = said == DONE ? put(coder, Py_None, 0) : said;
        said = said == DONE ? put_attributes(coder, old, what, others) : said;
    }
    return said;
}

/* operators.written.difference; ODD where there is none. */
static Said put_difference(Coder *coder, PyObject *record, PyObject *written, PyObject *reg, PyObject *last)
{
    Each each;
    Py_ssize_t n = 1, count = others(written, reg);
    PyObject *path, *doc;
    if (count < 0 || !each_here(&each, reg))
        return ODD;
    Said said = put_tuple(coder, 5);
    said = said == DONE ? put_tuple(coder, (size_t)count) : said;
    for (; said == DONE && each_next(&each, &path, &doc); n += 2)
        if (n >= PyList_GET_SIZE(written) || PyList_GET_ITEM(written, n + 1) != doc)
            said = put_document(coder, path, doc);
    if (said == DONE)
        said = PyList_GET_ITEM(written, 0) == last ? put(coder, Py_None, 0)
                                                        : put_emitted(coder, PyList_GET_ITEM(written, 0), last);
    return said == DONE ? put_flags(coder, record) : said;
}

/* `written` becomes what operators.written.mark makes; what is in it already is not touched. */
static int mark_again(PyObject *written, PyObject *reg, PyObject *last)
{
    Each each;
    Py_ssize_t n = 1;
    PyObject *path, *doc;
    if (!each_here(&each, reg))
        return -1;
    if (PyList_GET_ITEM(written, 0) != last && PyList_SetItem(written, 0, Py_NewRef(last)) < 0)
        return -1;
    for (; each_next(&each, &path, &doc); n += 2) {
        if (n >= PyList_GET_SIZE(written)) {
            if (PyList_Append(written, path) < 0 || PyList_Append(written, doc) < 0)
                return -1;
        } else if (PyList_GET_ITEM(written, n + 1) != doc && PyList_SetItem(written, n + 1, Py_NewRef(doc)) < 0) {
            return -1;
        }
    }
    return 0;
}

/* What operators.written.mark makes. */
static PyObject *mark_of(PyObject *reg, PyObject *last)
{
    Each each;
    PyObject *path, *doc;
    if (!each_begin(&each, reg))
        return NULL;
    PyObject *mark = PyList_New(1 + 2 * each.count);
    if (mark) {
        PyList_SET_ITEM(mark, 0, Py_NewRef(last));
        for (Py_ssize_t n = 1; n < PyList_GET_SIZE(mark) && each_next(&each, &path, &doc); n += 2) {
            PyList_SET_ITEM(mark, n, Py_NewRef(path));
            PyList_SET_ITEM(mark, n + 1, Py_NewRef(doc));
        }
    }
    Py_XDECREF(each.pairs);
    return mark;
}

/* A cell with a record: (name, form), or (name, None, what changed). */
static Said put_record_cell(Keeper *keeper, PyObject *name, PyObject *record)
{
    Coder *coder = &keeper->coder;
    PyObject *due = PyObject_GetAttr(record, name_due), *written = due ? PyObject_GetAttr(record, name_written) : NULL;
    PyObject *reg = written ? PyObject_GetAttr(record, name_reg) : NULL, *last = reg ? PyObject_GetAttr(record, name_last) : NULL;
    Py_ssize_t waits = last ? PyObject_Size(due) : -1;
    Said said = waits < 0 ? FAILED : ODD;
    size_t begin = coder->out.size;
    if (said == ODD && keeper->differs && !waits && written != Py_None) {
        said = put_tuple(coder, 3);
        said = said == DONE ? put(coder, name, 0) : said;
        said = said == DONE ? put(coder, Py_None, 0) : said;
        said = said == DONE ? put_difference(coder, record, written, reg, last) : said;
        if (said == DONE) {
            keeper->again = 1;
            Py_XSETREF(keeper->mark, Py_NewRef(written));
        }
    }
    if (said == ODD) {
        coder->out.size = begin;
        said = put_tuple(coder, 2);
        said = said == DONE ? put(coder, name, 0) : said;
        said = said == DONE ? put_record(coder, record) : said;
        if (said == DONE) {
            keeper->again = 0;
            Py_XSETREF(keeper->mark, waits ? Py_NewRef(Py_None) : mark_of(reg, last));
            said = keeper->mark ? DONE : FAILED;
        }
    }
    if (said == DONE)
        Py_XSETREF(keeper->record, Py_NewRef(record));
    Py_XDECREF(reg);
    Py_XDECREF(last);
    Py_XDECREF(due);
    Py_XDECREF(written);
    return said;
}

static Said put_packed(Coder *coder, PyObject *name, PyObject *value)
{
    PyObject *pack = PyObject_GetAttr(value, name_pack), *form = NULL;
    if (!pack) {
        if (!PyErr_ExceptionMatches(PyExc_AttributeError))
            return FAILED;
        PyErr_Clear();
        return ODD;
    }
    form = PyObject_CallNoArgs(pack);
    Said said = form ? put_pair(coder, name, form) : FAILED;
    Py_DECREF(pack);
    Py_XDECREF(form);
    return said;
}

static Said put_cell(Keeper *keeper, PyObject *name, PyObject *value, int is_map)
{
    Coder *coder = &keeper->coder;
    if (is_map) {
        Said said = put_tuple(coder, 2);
        said = said == DONE ? put(coder, name, 0) : said;
        return said == DONE ? put_pairs(coder, value) : said;
    }
    if ((PyObject *)Py_TYPE(value) == keeper->record_type)
        return put_record_cell(keeper, name, value);
    size_t begin = coder->out.size;
    Said said = put_pair(coder, name, value);
    if (said != ODD)
        return said;
    coder->out.size = begin;
    return put_packed(coder, name, value);
}

/* A new reference in `found`, or NULL where the cell is empty; -1: failed. */
static int cell_at(PyObject *cells, PyObject *name, PyObject **found)
{
    if (maps && Py_TYPE(cells) == maps->cells)
        return maps->cells_get(cells, name, found);
    if (PyDict_CheckExact(cells)) {
        *found = PyDict_GetItemWithError(cells, name);
        Py_XINCREF(*found);
        return *found || !PyErr_Occurred() ? 0 : -1;
    }
    *found = PyObject_CallMethodOneArg(cells, name_get, name);
    return *found ? 0 : -1;
}

/* 1: the cell is written, 0: it is empty. */
static Said is_kept(Keeper *keeper, PyObject *value, int is_map)
{
    Each each;
    if (!value || !is_map)
        return value && value != Py_None ? FOUND : DONE;
    if ((PyObject *)Py_TYPE(value) == keeper->entries_type)
        return ODD;
    if (!each_begin(&each, value))
        return FAILED;
    Py_XDECREF(each.pairs);
    return each.count > keeper->large ? ODD : each.count ? FOUND : DONE;
}

/* engines.local.layout: the cells of a key without large maps. */
static Said put_cells(Keeper *keeper, PyObject *cells)
{
    PyObject *kept[CELLS] = {NULL}, *names = keeper->names;
    size_t count = 0;
    Said said = DONE;
    for (Py_ssize_t n = 0; said >= DONE && n < PyTuple_GET_SIZE(names); n++) {
        said = cell_at(cells, PyTuple_GET_ITEM(names, n), &kept[n]) < 0 ? FAILED : is_kept(keeper, kept[n], keeper->is_map[n]);
        if (said == FOUND)
            count++;
        else
            Py_CLEAR(kept[n]);
    }
    if (said >= DONE)
        said = put_tuple(&keeper->coder, count);
    for (Py_ssize_t n = 0; n < PyTuple_GET_SIZE(names); n++) {
        if (kept[n] && said == DONE)
            said = put_cell(keeper, PyTuple_GET_ITEM(names, n), kept[n], keeper->is_map[n]);
        Py_XDECREF(kept[n]);
    }
    return said;
}

static int remember(Keeper *keeper)
{
    if (!keeper->again)
        return PyObject_SetAttr(keeper->record, name_written, keeper->mark);
    PyObject *reg = PyObject_GetAttr(keeper->record, name_reg), *last = PyObject_GetAttr(keeper->record, name_last);
    int done = reg && last ? mark_again(keeper->mark, reg, last) : -1;
    Py_XDECREF(reg);
    Py_XDECREF(last);
    return done;
}

/* A key was written: its record remembers as what. */
static Said marked(Keeper *keeper, Said said)
{
    if (said == DONE && keeper->record && remember(keeper) < 0)
        said = FAILED;
    Py_CLEAR(keeper->record);
    Py_CLEAR(keeper->mark);
    return said;
}

/* What the log says of a key: nothing in it where the key has no cells, else (cells, no entries of large maps). */
static Said put_said(Keeper *keeper, PyObject *cells)
{
    if (!cells)
        return put_tuple(&keeper->coder, 0);
    Said said = put_tuple(&keeper->coder, 2);
    said = said == DONE ? put_cells(keeper, cells) : said;
    return said == DONE ? put_tuple(&keeper->coder, 0) : said;
}

/* The key, the size of what is said, and that; `body` is used for it. */
static Said add_item(Keeper *keeper, Coder *row, PyObject *key, PyObject *cells)
{
    keeper->coder.out.size = 0;
    size_t begin = row->out.size;
    Said said = put_said(keeper, cells);
    said = said == DONE ? put(row, key, 0) : said;
    said = said == DONE ? put_size(row, keeper->coder.out.size) : said;
    if (said == DONE && !buffer_add(&row->out, keeper->coder.out.data, keeper->coder.out.size)) {
        PyErr_NoMemory();
        said = FAILED;
    }
    said = marked(keeper, said);
    if (said != DONE)
        row->out.size = begin;
    return said;
}

static int add_bytes(PyObject *list, const Buffer *bytes)
{
    PyObject *made = PyBytes_FromStringAndSize((const char *)bytes->data, (Py_ssize_t)bytes->size);
    int done = made ? PyList_Append(list, made) : -1;
    Py_XDECREF(made);
    return done;
}

static void keeper_free(Keeper *keeper)
{
    buffer_free(&keeper->coder.out);
    Py_CLEAR(keeper->record);
    Py_CLEAR(keeper->mark);
}

/* (keys, states, names, maps, large, (Entries, Record, GeoPoint, Reference, Vector)) */
static int keeper_begin(Keeper *keeper, PyObject *types)
{
    if (PyTuple_GET_SIZE(types) != 5 || !PyAnySet_Check(keeper->maps) || PyTuple_GET_SIZE(keeper->names) > CELLS) {
        PyErr_SetString(PyExc_TypeError, "five types, some names and a set of names are needed");
        return 0;
    }
    maps_begin();
    for (Py_ssize_t n = 0; n < PyTuple_GET_SIZE(keeper->names); n++)
        if ((keeper->is_map[n] = PySet_Contains(keeper->maps, PyTuple_GET_ITEM(keeper->names, n))) < 0)
            return 0;
    keeper->entries_type = PyTuple_GET_ITEM(types, 0);
    keeper->record_type = PyTuple_GET_ITEM(types, 1);
    keeper->coder.geopoint = PyTuple_GET_ITEM(types, 2);
    keeper->coder.reference = PyTuple_GET_ITEM(types, 3);
    keeper->coder.vector = PyTuple_GET_ITEM(types, 4);
    return 1;
}

PyObject *native_said(PyObject *module, PyObject *args)
{
    Keeper keeper = {.differs = 1};
    PyObject *keys, *states, *types, *prefix, *key;
    Py_ssize_t most;
    if (!PyArg_ParseTuple(args, "OO!O!OnO!Sn", &keys, &PyDict_Type, &states, &PyTuple_Type, &keeper.names, &keeper.maps, &keeper.large, &PyTuple_Type, &types,
                          &prefix, &most) ||
        !keeper_begin(&keeper, types))
        return NULL;
    Coder row = keeper.coder;
    size_t head = (size_t)PyBytes_GET_SIZE(prefix);
    PyObject *rows = PyList_New(0), *left = PyList_New(0), *each = PyObject_GetIter(keys), *found = NULL;
    int done = rows && left && each ? 0 : -1;
    while (done == 0 && (key = PyIter_Next(each))) {
        if (!row.out.size && !buffer_add(&row.out, PyBytes_AS_STRING(prefix), head)) {
            PyErr_NoMemory();
            done = -1;
        }
        PyObject *cells = done ? NULL : PyDict_GetItemWithError(states, key);
        Said said = PyErr_Occurred() ? FAILED : add_item(&keeper, &row, key, cells);
        done = said == FAILED ? -1 : said == ODD ? PyList_Append(left, key) : 0;
        if (done == 0 && row.out.size >= (size_t)most) {
            done = add_bytes(rows, &row.out);
            row.out.size = 0;
        }
        Py_DECREF(key);
    }
    if (done == 0 && !PyErr_Occurred() && (row.out.size <= head || add_bytes(rows, &row.out) == 0))
        found = Py_BuildValue("(OO)", rows, left);
    buffer_free(&row.out);
    keeper_free(&keeper);
    Py_XDECREF(rows);
    Py_XDECREF(left);
    Py_XDECREF(each);
    return found;
}

/* One row of the table: (number, key, part, bytes). */
static Said add_row(Keeper *keeper, PyObject *rows, PyObject *number, PyObject *key, PyObject *part, PyObject *cells)
{
    Said said = put_cells(keeper, cells);
    if (said == DONE) {
        PyObject *data = PyBytes_FromStringAndSize((const char *)keeper->coder.out.data, (Py_ssize_t)keeper->coder.out.size);
        PyObject *row = data ? PyTuple_Pack(4, number, key, part, data) : NULL;
        said = row && PyList_Append(rows, row) == 0 ? DONE : FAILED;
        Py_XDECREF(row);
        Py_XDECREF(data);
    }
    return marked(keeper, said);
}

PyObject *native_wholes(PyObject *module, PyObject *args)
{
    Keeper keeper = {.differs = 0};
    PyObject *keys, *states, *types, *prefix, *number, *part;
    if (!PyArg_ParseTuple(args, "O!O!O!OnO!SOO", &PyList_Type, &keys, &PyDict_Type, &states, &PyTuple_Type, &keeper.names, &keeper.maps, &keeper.large,
                          &PyTuple_Type, &types, &prefix, &number, &part) ||
        !keeper_begin(&keeper, types))
        return NULL;
    PyObject *rows = PyList_New(0), *left = PyList_New(0), *found = NULL;
    int done = rows && left ? 0 : -1;
    for (Py_ssize_t n = 0; done == 0 && n < PyList_GET_SIZE(keys); n++) {
        PyObject *key = PyList_GET_ITEM(keys, n), *cells = PyDict_GetItemWithError(states, key);
        keeper.coder.out.size = 0;
        Said said = PyErr_Occurred() ? FAILED : cells ? DONE : ODD;
        if (said == DONE && !buffer_add(&keeper.coder.out, PyBytes_AS_STRING(prefix), (size_t)PyBytes_GET_SIZE(prefix))) {
            PyErr_NoMemory();
            said = FAILED;
        }
        said = said == DONE ? add_row(&keeper, rows, number, key, part, cells) : said;
        done = said == FAILED ? -1 : said == ODD ? PyList_Append(left, key) : 0;
    }
    if (done == 0)
        found = Py_BuildValue("(OO)", rows, left);
    keeper_free(&keeper);
    Py_XDECREF(rows);
    Py_XDECREF(left);
    return found;
}

/* Puts a place behind those of a key: one alone as a number, several as a list. */
static int add_place(PyObject *into, PyObject *key, PyObject *place)
{
    PyObject *before = PyDict_GetItemWithError(into, key);
    if (!before)
        return PyErr_Occurred() ? -1 : PyDict_SetItem(into, key, place);
    if (PyList_CheckExact(before))
        return PyList_Append(before, place);
    PyObject *both = PyList_New(2);
    if (!both)
        return -1;
    PyList_SET_ITEM(both, 0, Py_NewRef(before));
    PyList_SET_ITEM(both, 1, Py_NewRef(place));
    int done = PyDict_SetItem(into, key, both);
    Py_DECREF(both);
    return done;
}

PyObject *native_places(PyObject *module, PyObject *args)
{
    Coder coder = {0};
    Py_buffer data;
    Py_ssize_t begin;
    unsigned long long row;
    PyObject *into, *key;
    if (!PyArg_ParseTuple(args, "y*nKO!", &data, &begin, &row, &PyDict_Type, &into))
        return NULL;
    const uint8_t *start = data.buf;
    Slice rest = {start + (begin < data.len ? begin : data.len), start + data.len}, body;
    Said said = FOUND;
    while (said == FOUND && rest.at < rest.end) {
        said = *rest.at == STR_ || *rest.at == BYTES_ ? get(&coder, &rest, 0, &key) : ODD;
        if (said != FOUND)
            break;
        PyObject *place = PyLong_FromUnsignedLongLong(row << 32 | (uint64_t)(rest.at - start));
        said = !place || add_place(into, key, place) < 0 ? FAILED : read_slice(&rest.at, rest.end, &body) ? FOUND : ODD;
        Py_XDECREF(place);
        Py_DECREF(key);
    }
    PyBuffer_Release(&data);
    return said == FAILED ? NULL : PyBool_FromLong(said == FOUND);
}
