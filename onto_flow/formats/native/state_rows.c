/* The cells of many keys -> the bytes that keep them (engines.local.layout and said), and where a row of the log has whose.
   A key with anything unusual, a large map for one, is left to Python. */
#include "state.h"

enum { CELLS = 16 };

static PyObject *name_pack, *name_get;

int state_rows_begin(void)
{
    name_pack = PyUnicode_InternFromString("pack");
    name_get = PyUnicode_InternFromString("get");
    return name_pack && name_get;
}

/* What a call is given; `differs`: of a record what changed since it was written is enough. */
typedef struct {
    Coder coder;
    PyObject *names, *maps, *entries_type;
    Py_ssize_t large;
    int is_map[CELLS], differs;
    PyObject *record; /* of the key that is written: it remembers what was, once that is done */
    int again;        /* what changed of it is written, so that what it remembers is brought up to date */
} Keeper;

/* A cell with a record: (name, form), or (name, None, what changed). */
static Said put_record_cell(Keeper *keeper, PyObject *name, PyObject *record)
{
    Coder *coder = &keeper->coder;
    Py_ssize_t waits = PyObject_Size(PART(record, due));
    Said said = waits < 0 ? FAILED : ODD;
    size_t begin = coder->out.size;
    keeper->again = said == ODD && keeper->differs && !waits && PART(record, written) != Py_None;
    if (keeper->again) {
        said = put_tuple(coder, 3);
        said = said == DONE ? put(coder, name, 0) : said;
        said = said == DONE ? put(coder, Py_None, 0) : said;
        said = said == DONE ? put_difference(coder, record, &keeper->again) : said;
    }
    if (said == ODD) {
        coder->out.size = begin;
        said = put_tuple(coder, 2);
        said = said == DONE ? put(coder, name, 0) : said;
        said = said == DONE ? put_record(coder, record) : said;
    }
    if (said == DONE)
        Py_XSETREF(keeper->record, Py_NewRef(record));
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
    if ((PyObject *)Py_TYPE(value) == parts.of)
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

static int remember(PyObject *record, int again)
{
    Py_SETREF(PART(record, asked), Py_NewRef(Py_None));
    if (again)
        return mark_again(record);
    Py_ssize_t waits = PyObject_Size(PART(record, due));
    PyObject *mark = waits < 0 ? NULL : waits ? Py_NewRef(Py_None) : mark_of(record);
    if (mark)
        Py_SETREF(PART(record, written), mark);
    return mark ? 0 : -1;
}

/* A key was written: its record remembers as what. */
static Said marked(Keeper *keeper, Said said)
{
    if (said == DONE && keeper->record && remember(keeper->record, keeper->again) < 0)
        said = FAILED;
    Py_CLEAR(keeper->record);
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
}

/* (keys, states, names, maps, large, (Entries, Record, GeoPoint, Reference, Vector, Fields)) */
static int keeper_begin(Keeper *keeper, PyObject *types)
{
    if (PyTuple_GET_SIZE(types) != 6 || !PyAnySet_Check(keeper->maps) || PyTuple_GET_SIZE(keeper->names) > CELLS) {
        PyErr_SetString(PyExc_TypeError, "six types, some names and a set of names are needed");
        return 0;
    }
    maps_begin();
    if (!parts_begin(PyTuple_GET_ITEM(types, 1)))
        return 0;
    for (Py_ssize_t n = 0; n < PyTuple_GET_SIZE(keeper->names); n++)
        if ((keeper->is_map[n] = PySet_Contains(keeper->maps, PyTuple_GET_ITEM(keeper->names, n))) < 0)
            return 0;
    keeper->entries_type = PyTuple_GET_ITEM(types, 0);
    keeper->coder.geopoint = PyTuple_GET_ITEM(types, 2);
    keeper->coder.reference = PyTuple_GET_ITEM(types, 3);
    keeper->coder.vector = PyTuple_GET_ITEM(types, 4);
    keeper->coder.fields = PyTuple_GET_ITEM(types, 5);
    return 1;
}

PyObject *native_said(PyObject *module, PyObject *args)
{
    Keeper keeper = {.differs = 1};
    PyObject *keys, *states, *types, *prefix, *met, *key;
    Py_ssize_t most;
    if (!PyArg_ParseTuple(args, "OO!O!OnO!SnO", &keys, &PyDict_Type, &states, &PyTuple_Type, &keeper.names, &keeper.maps, &keeper.large, &PyTuple_Type, &types,
                          &prefix, &most, &met) ||
        !keeper_begin(&keeper, types) || (met != Py_None && !(keeper.coder.met = met_of(met))))
        return NULL;
    Coder row = keeper.coder;
    size_t head = (size_t)PyBytes_GET_SIZE(prefix);
    PyObject *rows = PyList_New(0), *left = PyList_New(0), *each = PyObject_GetIter(keys), *found = NULL;
    int done = rows && left && each ? 0 : -1;
    for (int count = TOGETHER; done == 0 && count == TOGETHER;) {
        PyObject *some[TOGETHER], *cells[TOGETHER];
        for (count = 0; count < TOGETHER && (key = PyIter_Next(each));)
            some[count++] = key;
        for (int n = 0; n < count; n++)
            cells[n] = PyErr_Occurred() ? NULL : PyDict_GetItemWithError(states, some[n]);
        done = PyErr_Occurred() ? -1 : 0;
        if (done == 0)
            fetch_ahead(cells, count, keeper.coder.reference, 1);
        for (int n = 0; n < count; n++) {
            if (done == 0 && !row.out.size && !buffer_add(&row.out, PyBytes_AS_STRING(prefix), head)) {
                PyErr_NoMemory();
                done = -1;
            }
            Said said = done ? FAILED : add_item(&keeper, &row, some[n], cells[n]);
            done = said == FAILED ? -1 : said == ODD ? PyList_Append(left, some[n]) : 0;
            if (done == 0 && row.out.size >= (size_t)most) {
                done = add_bytes(rows, &row.out);
                row.out.size = 0;
            }
            Py_DECREF(some[n]);
        }
    }
    if (done == 0 && (row.out.size <= head || add_bytes(rows, &row.out) == 0))
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
