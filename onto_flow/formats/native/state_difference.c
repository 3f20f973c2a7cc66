/* What changed of a record since it was written: operators.written in C. */
#include "state.h"

/* The registers of a record beside those that are written, which come in the same order. */
typedef struct {
    PyObject *written, *path, *doc;
    Each each;
    Py_ssize_t at; /* in what is written, behind the register */
} Registers;

static int registers_begin(Registers *registers, PyObject *record)
{
    *registers = (Registers){.written = PART(record, written), .at = 1};
    return PyList_CheckExact(registers->written) && each_here(&registers->each, PART(record, reg));
}

static int is_same(PyObject *one, PyObject *other)
{
    return one == other || (PyUnicode_CheckExact(one) && PyUnicode_CheckExact(other) && !PyUnicode_Compare(one, other));
}

/* Whether something written is left before the register: it is gone. `path`: it. */
static int next_gone(Registers *registers, PyObject **path)
{
    if (registers->at >= PyList_GET_SIZE(registers->written))
        return 0;
    *path = PyList_GET_ITEM(registers->written, registers->at);
    if (registers->path && is_same(*path, registers->path))
        return 0;
    registers->at += 2;
    return 1;
}

/* The next register, once all that is gone before it was asked for. */
static int next_register(Registers *registers)
{
    if (registers->path)
        registers->at += 2;
    registers->path = NULL;
    return each_next(&registers->each, &registers->path, &registers->doc);
}

static int is_news(const Registers *registers)
{
    return registers->at >= PyList_GET_SIZE(registers->written) ||
           PyList_GET_ITEM(registers->written, registers->at + 1) != registers->doc;
}

static void count(PyObject *record, Py_ssize_t *news, Py_ssize_t *gone)
{
    Registers registers;
    PyObject *path;
    registers_begin(&registers, record);
    for (int more = 1; more;) {
        more = next_register(&registers);
        while (next_gone(&registers, &path))
            ++*gone;
        *news += more && is_news(&registers);
    }
}

static Said put_news(Coder *coder, PyObject *record, Py_ssize_t count)
{
    Registers registers;
    PyObject *path;
    registers_begin(&registers, record);
    Said said = put_tuple(coder, (size_t)count);
    while (said == DONE && next_register(&registers)) {
        while (next_gone(&registers, &path))
            continue;
        if (is_news(&registers))
            said = put_document(coder, registers.path, registers.doc);
    }
    return said;
}

static Said put_gone(Coder *coder, PyObject *record, Py_ssize_t count)
{
    Registers registers;
    PyObject *path;
    registers_begin(&registers, record);
    Said said = put_tuple(coder, (size_t)count);
    for (int more = 1; said == DONE && more;) {
        more = next_register(&registers);
        while (said == DONE && next_gone(&registers, &path))
            said = put(coder, path, 0);
    }
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

/* (slot, key, weight): what is asked for now, of what changed. */
static Said put_asked(Coder *coder, PyObject *open, PyObject *asked)
{
    PyObject *none = PyLong_FromLong(0);
    Py_ssize_t size = PyList_CheckExact(asked) ? PyList_GET_SIZE(asked) : 0;
    Said said = none ? put_tuple(coder, (size_t)size / 2) : FAILED;
    for (Py_ssize_t n = 0; said == DONE && n + 1 < size; n += 2) {
        PyObject *slot = PyList_GET_ITEM(asked, n), *key = PyList_GET_ITEM(asked, n + 1);
        PyObject *keys = held_at(open, slot), *weight = keys ? held_at(keys, key) : NULL;
        said = !weight && PyErr_Occurred() ? FAILED : put_tuple(coder, 3);
        said = said == DONE ? put(coder, slot, 0) : said;
        said = said == DONE ? put(coder, key, 0) : said;
        said = said == DONE ? put(coder, weight ? weight : none, 0) : said;
    }
    Py_XDECREF(none);
    return said;
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

void list_ends(PyObject *before, PyObject *now, Py_ssize_t *head, Py_ssize_t *tail)
{
    Py_ssize_t old = PyList_GET_SIZE(before), size = PyList_GET_SIZE(now), most = old < size ? old : size;
    *head = *tail = 0;
    while (*head < most && PyList_GET_ITEM(before, *head) == PyList_GET_ITEM(now, *head))
        ++*head;
    while (*tail < most - *head && PyList_GET_ITEM(before, old - 1 - *tail) == PyList_GET_ITEM(now, size - 1 - *tail))
        ++*tail;
}

/* Of a list what lies between its first and its last elements that stay. */
static Said put_between(Coder *coder, PyObject *name, PyObject *before, PyObject *now)
{
    Py_ssize_t size = PyList_GET_SIZE(now), head, tail;
    list_ends(before, now, &head, &tail);
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
Said put_difference(Coder *coder, PyObject *record, int *again)
{
    Registers registers;
    Py_ssize_t news = 0, gone = 0;
    PyObject *asked = PART(record, asked), *last = PART(record, last);
    if (!registers_begin(&registers, record))
        return ODD;
    count(record, &news, &gone);
    *again = !gone;
    int more = gone || asked != Py_None;
    Said said = put_tuple(coder, more ? 7 : 5);
    said = said == DONE ? put_news(coder, record, news) : said;
    if (said == DONE) {
        PyObject *before = PyList_GET_ITEM(PART(record, written), 0);
        said = before == last ? put(coder, Py_None, 0) : put_emitted(coder, before, last);
    }
    said = said == DONE ? put_flags(coder, record) : said;
    if (said == DONE && more) {
        said = put_gone(coder, record, gone);
        said = said == DONE ? put_asked(coder, PART(record, open), asked) : said;
    }
    return said;
}

/* What is in it already is not touched. */
int mark_again(PyObject *record)
{
    PyObject *written = PART(record, written), *reg = PART(record, reg), *last = PART(record, last);
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

PyObject *mark_of(PyObject *record)
{
    PyObject *reg = PART(record, reg);
    Each each;
    PyObject *path, *doc;
    if (!each_begin(&each, reg))
        return NULL;
    PyObject *mark = PyList_New(1 + 2 * each.count);
    if (mark) {
        PyList_SET_ITEM(mark, 0, Py_NewRef(PART(record, last)));
        for (Py_ssize_t n = 1; n < PyList_GET_SIZE(mark) && each_next(&each, &path, &doc); n += 2) {
            PyList_SET_ITEM(mark, n, Py_NewRef(path));
            PyList_SET_ITEM(mark, n + 1, Py_NewRef(doc));
        }
    }
    Py_XDECREF(each.pairs);
    return mark;
}
