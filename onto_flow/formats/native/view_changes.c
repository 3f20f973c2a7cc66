/* View changes of their bytes: what `new` has as `old` has it, as far as a field or an element of a list, is the same object. */
#include "slices.h"

/* A value of `old`; of a field its bytes begin with its name. */
typedef struct {
    Slice raw;
    PyObject *name, *value; /* the value of a field is owned: an element is its list's, a name the document's */
    int first, end;         /* the elements of a list */
} Known;

enum { FIELDS = 32, ELEMENTS = 64 };

/* What is known of `old` when `new` is read. */
typedef struct {
    Known field[FIELDS], element[ELEMENTS];
    int fields, elements;
} Before;

/* How many values further on the same one is looked for: some are new, some are gone. */
enum { AHEAD = 4 };

/* The value that comes next, if it stands among some from `*at` on; what is found is passed over. */
static const Known *known(const Known *some, int *at, int end, Slice *rest)
{
    for (int n = *at; n < end && n < *at + AHEAD; n++) {
        if (take_bytes(rest, some[n].raw)) {
            *at = n + 1;
            return &some[n];
        }
    }
    return NULL;
}

/* A list, of which `twin` says what its elements were; NULL: nothing is known. With `keeps` they are kept for the next. */
static Said get_elements(Coder *coder, Slice *rest, Before *old, const Known *twin, int keeps, PyObject **found)
{
    uint64_t count;
    rest->at++;
    if (!read_varint(&rest->at, rest->end, &count) || count > size_of(*rest))
        return ODD;
    PyObject *list = PyList_New((Py_ssize_t)count), *one;
    Said said = list ? FOUND : FAILED;
    int at = twin ? twin->first : 0, end = twin ? twin->end : 0;
    for (Py_ssize_t n = 0; said == FOUND && n < (Py_ssize_t)count; n++) {
        const uint8_t *begin = rest->at;
        const Known *same = known(old->element, &at, end, rest);
        if (same)
            one = Py_NewRef(same->value);
        else if ((said = get(coder, rest, 3, &one)) != FOUND)
            break;
        PyList_SET_ITEM(list, n, one);
        if (keeps && old->elements < ELEMENTS)
            old->element[old->elements++] = (Known){.raw = {begin, rest->at}, .value = one};
    }
    if (said == FOUND)
        *found = list;
    else
        Py_XDECREF(list);
    return said;
}

static const Known *of_name(const Before *old, PyObject *name)
{
    for (int n = 0; n < old->fields; n++)
        if (old->field[n].name == name)
            return &old->field[n];
    return NULL;
}

/* A field of `old`, which is kept, or one of `new` that is not as it was. */
static Said get_field(Coder *coder, Slice *rest, Before *old, int is_new, Met_name **last, PyObject *map)
{
    PyObject *name, *value;
    Known kept = {.raw = {rest->at, NULL}, .first = old->elements};
    Said said = is(*rest, STR_) ? (rest->at++, get_name(rest, last, &name)) : ODD;
    if (said != FOUND)
        return said;
    if (is(*rest, LIST_))
        said = get_elements(coder, rest, old, is_new ? of_name(old, name) : NULL, !is_new, &value);
    else
        said = get(coder, rest, 2, &value);
    if (said == FOUND && PyDict_SetItem(map, name, value)) {
        Py_DECREF(value);
        said = FAILED;
    }
    Py_DECREF(name);
    if (said == FOUND && !is_new && old->fields < FIELDS) {
        kept.raw.end = rest->at;
        kept.name = name;
        kept.value = value;
        kept.end = old->elements;
        old->field[old->fields++] = kept;
    } else if (said == FOUND)
        Py_DECREF(value);
    return said;
}

/* A document at the depth of 1; `old` is filled by the first, and what is known to the second. */
static Said get_document(Coder *coder, Slice *rest, Before *old, int is_new, PyObject **found)
{
    uint64_t count;
    if (!is(*rest, MAP_))
        return get(coder, rest, 1, found);
    rest->at++;
    if (!read_varint(&rest->at, rest->end, &count) || count > size_of(*rest))
        return ODD;
    PyObject *map = PyDict_New();
    Said said = map ? FOUND : FAILED;
    Met_name *last = &first_name;
    int at = 0, end = is_new ? old->fields : 0;
    for (; said == FOUND && count; count--) {
        const Known *same = known(old->field, &at, end, rest);
        if (same)
            said = PyDict_SetItem(map, same->name, same->value) ? FAILED : FOUND;
        else
            said = get_field(coder, rest, old, is_new, &last, map);
    }
    if (said == FOUND)
        *found = map;
    else
        Py_XDECREF(map);
    return said;
}

enum { VIEW, AT, OLD, NEW, VIEW_VERSION, FAILED_, VIEW_PARTS };

static Said get_parts(Coder *coder, Slice *rest, PyObject *made)
{
    PyObject *part;
    Before old;
    Said said = FOUND;
    old.fields = old.elements = 0;
    for (int n = 0; said == FOUND && n < VIEW_PARTS; n++) {
        said = n == OLD || n == NEW ? get_document(coder, rest, &old, n == NEW, &part) : get(coder, rest, 1, &part);
        if (said == FOUND)
            PyTuple_SET_ITEM(made, n, part);
    }
    while (old.fields)
        Py_DECREF(old.field[--old.fields].value);
    return said != FOUND || rest->at == rest->end ? said : ODD;
}

PyObject *native_view_change(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    enum { GEOPOINT, REFERENCE, VECTOR, OTHERWISE, CLASS, HEAD, DATA, BEGIN };
    static const uint8_t bytes[] = {HEAD, DATA};
    if (!are_given(args, count == BEGIN ? BEGIN + 1 : count, BEGIN + 1, bytes, sizeof bytes))
        return NULL;
    PyTypeObject *type = (PyTypeObject *)args[CLASS];
    if (!PyType_Check(args[CLASS]) || !PyType_IsSubtype(type, &PyTuple_Type))
        return PyErr_Format(PyExc_TypeError, "a class of tuples is wanted");
    Coder coder = {.geopoint = args[GEOPOINT], .reference = args[REFERENCE], .vector = args[VECTOR]};
    Slice rest = raw_of(args[DATA]);
    Py_ssize_t begin = count > BEGIN ? PyLong_AsSsize_t(args[BEGIN]) : 0;
    if (begin == -1 && PyErr_Occurred())
        return NULL;
    Said said = ODD;
    PyObject *made = NULL;
    rest.at += begin >= 0 && begin < (Py_ssize_t)size_of(rest) ? begin : (Py_ssize_t)size_of(rest);
    if (take_bytes(&rest, raw_of(args[HEAD]))) {
        made = type->tp_alloc(type, VIEW_PARTS);
        said = made ? get_parts(&coder, &rest, made) : FAILED;
    }
    if (said == FOUND)
        return made;
    Py_XDECREF(made);
    return said == FAILED ? NULL : PyObject_CallFunction(args[OTHERWISE], "On", args[DATA], begin);
}
