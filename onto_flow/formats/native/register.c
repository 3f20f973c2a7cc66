/* A plain change of a document of a record of assemble: its register is replaced, the rest is copied as it is.

Where the registers stand is their *layout*, which the caller keeps with the record: then they need not be looked through. */
#include "slices.h"
#include "state.h"

/* A record on its way: where its registers begin, how many there are, and what was found of them. */
typedef struct {
    Slice rest;        /* from the first register on */
    uint64_t count;
    Py_ssize_t place;  /* of the one that is looked for */
    Slice entry;       /* what stands behind the path of the one that is looked for */
    Doc doc;
    Slice shown;       /* from what was shown last on */
    PyObject *layout;  /* owned: the sizes of the registers, and of what stands between them and what was shown last */
} Registers;

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

/* The layout of a record in which one register has another size. */
static PyObject *other_layout(const Registers *of, Slice content)
{
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

/* The path of the register: where the record itself is there too, the very object that it has it by. */
static Said path_of(Coder *coder, const Registers *of, Slice path, PyObject *registers, PyObject **found)
{
    Py_ssize_t at = of->place;
    PyObject *key, *doc;
    Each each;
    if (registers != Py_None && each_here(&each, registers) && each.next(registers, &at, &key, &doc) && is_text_of(key, path)) {
        *found = Py_NewRef(key);
        return FOUND;
    }
    return get(coder, &path, 0, found);
}

static PyObject *register_found(Coder *coder, Slice record, const Registers *of, Slice path, Slice content, const Doc *now,
                                PyObject *its, PyObject *registers)
{
    Slice version = now->version, fields = now->fields, whole = {record.at, of->shown.at}, old = one_shown(of->shown);
    PyObject *values[3] = {NULL};
    Said said = path_of(coder, of, path, registers, &values[0]);
    if (said == FOUND)
        said = get(coder, &version, 0, &values[1]);
    if (said == FOUND)
        said = get(coder, &fields, 0, &values[2]);
    if (said == FOUND)
        return Py_BuildValue("(NnNNNy#ON)", spliced(whole, of->entry, content), (Py_ssize_t)size_of(whole), values[0], values[1],
                             values[2], (const char *)old.at, (Py_ssize_t)size_of(old), its, other_layout(of, content));
    for (int n = 0; n < 3; n++)
        Py_XDECREF(values[n]);
    return said == FAILED ? NULL : Py_NewRef(Py_None);
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

PyObject *native_plain_register(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    enum { GEOPOINT, REFERENCE, VECTOR, BEGIN, HEAD, KNOWN, RECORD, MESSAGE, LAYOUT, REGISTERS, COUNT };
    static const uint8_t bytes[] = {HEAD, RECORD, MESSAGE};
    if (!are_given(args, count, COUNT, bytes, sizeof bytes) || !PyDict_Check(args[KNOWN]))
        return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_TypeError, "a dict of collections is wanted");
    Coder coder = {.geopoint = args[GEOPOINT], .reference = args[REFERENCE], .vector = args[VECTOR]};
    Slice held = raw_of(args[RECORD]), rest = raw_of(args[MESSAGE]), path, content;
    Registers of = {0};
    Doc now;
    rest.at += PyLong_AsSsize_t(args[BEGIN]);
    maps_begin();
    if (!take_told(&rest, raw_of(args[HEAD]), &path, &content, &now) || size_of(path) > 2 + 0x7F || !take_state(&held) ||
        !take_tuple(&held, 7) || !take_head(&held, TUPLE_, &of.count))
        Py_RETURN_NONE;
    PyObject *its = known_of(args[KNOWN], path), *layout = args[LAYOUT], *found = NULL;
    if (!its)
        return PyErr_Occurred() ? NULL : joined(&(Slice){path.at + 2, path.end}, 1);
    PyObject *stays = PyTuple_GET_ITEM(its, 0);
    if (stays == Py_None)
        Py_RETURN_NONE;
    of.rest = held;
    int is_there = 0;
    if (PyBytes_CheckExact(layout)) {
        of.layout = Py_NewRef(layout);
        if (!(is_there = look_up(&of, path)))
            Py_CLEAR(of.layout);
    }
    if (!is_there) {
        of.entry.at = NULL;
        is_there = look_through(&of, path);
    }
    if (is_there >= 0)
        found = is_there && is_plain(&now, &of.doc, stays)
                    ? register_found(&coder, raw_of(args[RECORD]), &of, path, content, &now, PyTuple_GET_ITEM(its, 1),
                                     args[REGISTERS])
                    : Py_NewRef(Py_None);
    Py_XDECREF(of.layout);
    return found;
}
