/* A plain change of a document of a record of assemble: its register is replaced, the rest is copied as it is.

Where the registers stand is their *layout*, which the caller keeps with the record: then they need not be looked through. */
#include "register.h"

static int take_register(Slice *rest, Slice *name, Doc *doc, const uint8_t **content)
{
    if (!take_tuple(rest, 4) || !take(rest, name))
        return 0;
    *content = rest->at;
    return take_doc(rest, doc);
}

/* All registers are looked through: 1, 0: it is not there, or the bytes are odd; -1: an exception. */
static int look_through(Registers *of, Slice path)
{
    if (of->count > SIZE_MAX / 8 || !(of->layout = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(4 * (of->count + 1)))))
        return -1;
    uint8_t *sizes = (uint8_t *)PyBytes_AS_STRING(of->layout);
    Slice rest = of->rest, name = {NULL, NULL}, passed;
    for (uint64_t n = 0; n <= of->count; n++) {
        Doc doc;
        const uint8_t *from = rest.at, *content = NULL;
        if (n == of->count ? !take(&rest, &passed) || !take(&rest, &passed) : !take_register(&rest, &name, &doc, &content))
            return 0;
        if (n < of->count && !of->entry.at && same_bytes(name, path)) {
            of->entry = (Slice){content, rest.at};
            of->doc = doc;
            of->place = (Py_ssize_t)n;
        }
        uint32_t size = (uint32_t)(rest.at - from);
        memcpy(sizes + 4 * n, &size, 4);
    }
    of->shown = rest;
    return of->entry.at != NULL;
}

/* The registers are where they were: only their paths are looked at. 0: they are not. */
static int look_up(Registers *of, Slice path)
{
    static const uint8_t begins[] = {TUPLE_, 4};
    if ((uint64_t)PyBytes_GET_SIZE(of->layout) != 4 * (of->count + 1))
        return 0;
    const uint8_t *sizes = (const uint8_t *)PyBytes_AS_STRING(of->layout);
    Slice rest = of->rest, found = {NULL, NULL};
    for (uint64_t n = 0; n <= of->count; n++) {
        uint32_t size;
        memcpy(&size, sizes + 4 * n, 4);
        if (size > size_of(rest))
            return 0;
        if (!found.at && n < of->count && size > 2 + size_of(path) && !memcmp(rest.at + 2, path.at, size_of(path))) {
            found = (Slice){rest.at, rest.at + size};
            of->place = (Py_ssize_t)n;
        }
        rest.at += size;
    }
    if (!found.at || memcmp(found.at, begins, 2))
        return 0;
    of->entry = (Slice){found.at + 2 + size_of(path), found.end};
    found.at = of->entry.at;
    of->shown = rest;
    return take_doc(&found, &of->doc) && found.at == found.end;
}

PyObject *layout_after(const News *news)
{
    const Registers *of = &news->of;
    Slice content = news->content;
    if (size_of(of->entry) == size_of(content))
        return Py_NewRef(of->layout);
    PyObject *found = PyBytes_FromStringAndSize(PyBytes_AS_STRING(of->layout), PyBytes_GET_SIZE(of->layout));
    if (!found)
        return NULL;
    uint8_t *sizes = (uint8_t *)PyBytes_AS_STRING(found);
    const uint8_t *at = of->rest.at;
    for (;; sizes += 4) {
        uint32_t size;
        memcpy(&size, sizes, 4);
        at += size;
        if (at == of->entry.end) {
            size = size - (uint32_t)size_of(of->entry) + (uint32_t)size_of(content);
            memcpy(sizes, &size, 4);
            return found;
        }
    }
}

/* Whether a text is that of a path. */
static int is_text_of(PyObject *key, Slice path)
{
    size_t size = PyUnicode_CheckExact(key) && PyUnicode_IS_COMPACT_ASCII(key) ? (size_t)PyUnicode_GET_LENGTH(key) : 0;
    return size && size_of(path) == size + 2 && !memcmp(path.at + 2, PyUnicode_DATA(key), size);
}

int register_here(const News *news, PyObject *registers, PyObject **path, PyObject **doc)
{
    Py_ssize_t at = news->of.place;
    Each each;
    return registers != Py_None && each_here(&each, registers) && each.next(registers, &at, path, doc) &&
           is_text_of(*path, news->path);
}

PyObject *register_of(const News *news, PyObject *path, PyObject *version, PyObject *fields)
{
    const Registers *of = &news->of;
    Slice whole = {news->record.at, of->shown.at}, old = one_shown(of->shown);
    return Py_BuildValue("(NnOOOy#ON)", spliced(whole, of->entry, news->content), (Py_ssize_t)size_of(whole), path, version, fields,
                         (const char *)old.at, (Py_ssize_t)size_of(old), PyTuple_GET_ITEM(news->its, 1), layout_after(news));
}

/* The path of the register is, where the record itself is there too, the very object that it has it by. */
static PyObject *register_found(Coder *coder, const News *news, PyObject *registers)
{
    Slice path = news->path, version = news->now.version, fields = news->now.fields;
    PyObject *values[3] = {NULL}, *doc, *found = NULL;
    int is_here = register_here(news, registers, &values[0], &doc);
    if (is_here)
        Py_INCREF(values[0]);
    Said said = is_here ? FOUND : get(coder, &path, 0, &values[0]);
    if (said == FOUND)
        said = get(coder, &version, 0, &values[1]);
    if (said == FOUND)
        said = get(coder, &fields, 0, &values[2]);
    if (said == FOUND)
        found = register_of(news, values[0], values[1], values[2]);
    for (int n = 0; n < 3; n++)
        Py_XDECREF(values[n]);
    return found || said == FAILED || PyErr_Occurred() ? found : Py_NewRef(Py_None);
}

/* What is known of the collection of a path: a tuple of two. NULL: it is not there. */
static PyObject *known_of(PyObject *known, Slice path)
{
    const char *text = (const char *)path.at + 2;
    Py_ssize_t size = (Py_ssize_t)size_of(path) - 2;
    while (size > 0 && text[size - 1] != '/')
        size--;
    PyObject *collection = PyBytes_FromStringAndSize(text, size);
    PyObject *found = collection ? PyDict_GetItemWithError(known, collection) : NULL;
    Py_XDECREF(collection);
    if (!found || (PyTuple_CheckExact(found) && PyTuple_GET_SIZE(found) == 2))
        return found;
    return PyErr_Format(PyExc_TypeError, "of a collection, names and what belongs to them are wanted");
}

Said news_of(News *news, PyObject *record, PyObject *message, Py_ssize_t begin, PyObject *head, PyObject *known, PyObject *layout)
{
    *news = (News){.record = raw_of(record)};
    Registers *of = &news->of;
    Slice held = news->record, rest = raw_of(message);
    rest.at += begin;
    maps_begin();
    if (!take_told(&rest, raw_of(head), &news->path, &news->content, &news->now) || size_of(news->path) > 2 + 0x7F ||
        !take_state(&held) || !take_tuple(&held, 7) || !take_head(&held, TUPLE_, &of->count))
        return ODD;
    if (!(news->its = known_of(known, news->path)))
        return PyErr_Occurred() ? FAILED : (news->is_unknown = 1, ODD);
    PyObject *stays = PyTuple_GET_ITEM(news->its, 0);
    if (stays == Py_None)
        return ODD;
    of->rest = held;
    int is_there = 0;
    if (PyBytes_CheckExact(layout)) {
        of->layout = Py_NewRef(layout);
        if (!(is_there = look_up(of, news->path)))
            Py_CLEAR(of->layout);
    }
    if (!is_there) {
        of->entry.at = NULL;
        is_there = look_through(of, news->path);
    }
    if (is_there < 0)
        return FAILED;
    return is_there && is_plain(&news->now, &of->doc, stays) ? FOUND : ODD;
}

PyObject *native_plain_register(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    enum { GEOPOINT, REFERENCE, VECTOR, BEGIN, HEAD, KNOWN, RECORD, MESSAGE, LAYOUT, REGISTERS, COUNT };
    static const uint8_t bytes[] = {HEAD, RECORD, MESSAGE};
    if (!are_given(args, count, COUNT, bytes, sizeof bytes) || !PyDict_Check(args[KNOWN]))
        return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_TypeError, "a dict of collections is wanted");
    Coder coder = {.geopoint = args[GEOPOINT], .reference = args[REFERENCE], .vector = args[VECTOR]};
    News news;
    PyObject *found = NULL;
    Said said = news_of(&news, args[RECORD], args[MESSAGE], PyLong_AsSsize_t(args[BEGIN]), args[HEAD], args[KNOWN], args[LAYOUT]);
    if (said == FOUND)
        found = register_found(&coder, &news, args[REGISTERS]);
    else if (news.is_unknown)
        found = joined(&(Slice){news.path.at + 2, news.path.end}, 1);
    else if (said == ODD)
        found = Py_NewRef(Py_None);
    Py_XDECREF(news.of.layout);
    return found;
}
