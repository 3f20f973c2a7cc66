/* A record of assemble in which some registers, and what stands behind them, are others; the rest stays the bytes that it was.

Its layout is that of register.c. */
#include "slices.h"

enum { RECORD, LAYOUT, REGISTERS, DUE, ANSWERED, SHOWS, GIVEN };
enum { MOST = 8, PIECES = 4 * MOST + 8, HEADS = 32 };

/* The registers that are put into a record, by their paths. */
typedef struct {
    Slice raw[MOST], path[MOST];
    int placed[MOST];
    Py_ssize_t count;
} Put;

/* A record on its way: the pieces of bytes that it will be. */
typedef struct {
    Slice rest;
    uint64_t count;
    const uint8_t *sizes; /* NULL: they are not known */
    Slice pieces[PIECES];
    int used;
    size_t size;
    Buffer layout, heads; /* what tuples of another size begin with; it never grows */
    Slice shown;          /* the bytes of the one document that was shown */
} Follow;

static int put_of(PyObject *registers, Put *put)
{
    put->count = PyTuple_GET_SIZE(registers);
    for (Py_ssize_t n = 0; n < put->count; n++) {
        PyObject *raw = PyTuple_GET_ITEM(registers, n);
        if (!PyBytes_Check(raw))
            return 0;
        Slice rest = put->raw[n] = raw_of(raw);
        put->placed[n] = 0;
        if (!take_tuple(&rest, 4) || !take(&rest, &put->path[n]))
            return 0;
    }
    return 1;
}

/* How many bytes the next register takes, or behind the last one what stands before what was shown; 0: it is odd. */
static uint32_t next_size(const Follow *of, uint64_t n)
{
    uint32_t size;
    if (of->sizes) {
        memcpy(&size, of->sizes + 4 * n, 4);
        return size <= size_of(of->rest) ? size : 0;
    }
    Slice rest = of->rest, passed;
    Doc doc;
    if (n == of->count ? !take(&rest, &passed) || !take(&rest, &passed)
                       : !take_tuple(&rest, 4) || !take(&rest, &passed) || !take_doc(&rest, &doc))
        return 0;
    return (uint32_t)(rest.at - of->rest.at);
}

/* Puts bytes behind the others; there is room for as many as there may be. */
static void add(Follow *of, Slice raw)
{
    of->size += size_of(raw);
    if (of->used && of->pieces[of->used - 1].end == raw.at)
        of->pieces[of->used - 1].end = raw.end;
    else if (raw.at < raw.end)
        of->pieces[of->used++] = raw;
}

/* What a tuple begins with, which may take another's place. */
static int head_of(Follow *of, size_t count, Slice *head)
{
    size_t before = of->heads.size;
    int well = add_tagged(&of->heads, TUPLE_, count);
    *head = (Slice){of->heads.data + before, of->heads.data + of->heads.size};
    return well;
}

static int add_size(Follow *of, size_t size)
{
    uint32_t number = (uint32_t)size;
    return buffer_add(&of->layout, (const uint8_t *)&number, 4);
}

/* Which register takes the place of one; -1: none. */
static Py_ssize_t instead_of(Slice held, const Put *put)
{
    for (Py_ssize_t n = 0; n < put->count; n++) {
        size_t size = size_of(put->path[n]);
        if (size_of(held) > 2 + size && !memcmp(held.at + 2, put->path[n].at, size))
            return n;
    }
    return -1;
}

/* All registers as they were: 1, 0: they are not where they should be, -1: no memory. */
static int add_same(Follow *of)
{
    const uint8_t *from = of->rest.at;
    for (uint64_t n = 0; n < of->count; n++) {
        uint32_t size = next_size(of, n);
        if (!size)
            return 0;
        of->rest.at += size;
    }
    add(of, (Slice){from, of->rest.at});
    return buffer_add(&of->layout, of->sizes, (size_t)(4 * of->count)) ? 1 : -1;
}

/* The registers, those that are new behind the others; how many there are. 1, 0: the bytes are odd, -1: no memory. */
static int add_registers(Follow *of, Put *put, uint64_t *all)
{
    *all = of->count;
    if (of->sizes && !put->count)
        return add_same(of);
    for (uint64_t n = 0; n < of->count; n++) {
        uint32_t size = next_size(of, n);
        Slice held = {of->rest.at, of->rest.at + size};
        if (!size)
            return 0;
        Py_ssize_t other = instead_of(held, put);
        if (other >= 0 && put->placed[other])
            return 0;
        add(of, other < 0 ? held : put->raw[other]);
        if (!add_size(of, other < 0 ? size : size_of(put->raw[other])))
            return -1;
        if (other >= 0)
            put->placed[other] = 1;
        of->rest.at = held.end;
    }
    for (Py_ssize_t n = 0; n < put->count; n++) {
        if (put->placed[n])
            continue;
        add(of, put->raw[n]);
        if (!add_size(of, size_of(put->raw[n])))
            return -1;
        ++*all;
    }
    return 1;
}

/* What is open, with one key's answers instead of those that it had: behind those of its slot, if it had none. */
static int add_opened(Follow *of, Slice answered)
{
    Slice slot, key, passed, head, old = {NULL, NULL}, its = answered;
    const uint8_t *behind = NULL;
    uint64_t count;
    int64_t weight;
    if (!take_tuple(&its, 3) || !take(&its, &slot) || !take(&its, &key) || !take_int(&its, &weight) ||
        !take_head(&of->rest, TUPLE_, &count))
        return 0;
    const uint8_t *first = of->rest.at;
    for (uint64_t n = 0; n < count; n++) {
        Slice one = of->rest, its_slot, its_key;
        if (!take_tuple(&of->rest, 3) || !take(&of->rest, &its_slot) || !take(&of->rest, &its_key) || !take(&of->rest, &passed))
            return 0;
        behind = same_bytes(its_slot, slot) ? of->rest.at : behind;
        if (!old.at && behind == of->rest.at && same_bytes(its_key, key))
            old = (Slice){one.at, of->rest.at};
    }
    if (!old.at)
        old.at = old.end = behind ? behind : of->rest.at;
    if (!head_of(of, (size_t)(count - (old.at < old.end) + (weight != 0)), &head))
        return -1;
    add(of, head);
    add(of, (Slice){first, old.at});
    if (weight)
        add(of, answered);
    add(of, (Slice){old.end, of->rest.at});
    return 1;
}

/* What stands behind the registers, each part as it is given, or as it was. 1, 0: the bytes are odd, -1: no memory. */
static int add_rest(Follow *of, PyObject *const *given)
{
    Slice due, opened;
    size_t before = of->size;
    if (!take(&of->rest, &due))
        return 0;
    add(of, given[DUE] == Py_None ? due : raw_of(given[DUE]));
    int well = 1;
    if (given[ANSWERED] != Py_None)
        well = add_opened(of, raw_of(given[ANSWERED]));
    else if ((well = take(&of->rest, &opened)))
        add(of, opened);
    if (well > 0 && !add_size(of, of->size - before))
        return -1;
    of->shown = one_shown(of->rest);
    if (given[SHOWS] != Py_True)
        add(of, of->rest);
    return well;
}

static PyObject *followed(Follow *of, Put *put, PyObject *const *given)
{
    static const uint8_t begins[] = {STATE_VERSION, TUPLE_, 7};
    uint64_t all;
    if (!buffer_reserve(&of->heads, HEADS) || !buffer_reserve(&of->layout, (size_t)(4 * (of->count + MOST + 1))))
        return PyErr_NoMemory();
    add(of, (Slice){begins, begins + 3});
    Slice *head = &of->pieces[of->used++];
    *head = (Slice){NULL, NULL};
    int well = add_registers(of, put, &all);
    if (well > 0)
        well = head_of(of, (size_t)all, head) ? add_rest(of, given) : -1;
    if (!well)
        Py_RETURN_NONE;
    if (well < 0)
        return PyErr_Occurred() ? NULL : PyErr_NoMemory();
    return Py_BuildValue("(NNN)", joined(of->pieces, of->used), bytes_of(&of->layout), joined(&of->shown, 1));
}

PyObject *native_followed_record(PyObject *module, PyObject *const *given, Py_ssize_t count)
{
    static const uint8_t bytes[] = {RECORD};
    if (!are_given(given, count, GIVEN, bytes, sizeof bytes))
        return NULL;
    int well = PyTuple_Check(given[REGISTERS]) && PyBool_Check(given[SHOWS]);
    for (int n = DUE; n < SHOWS; n++)
        well = well && (given[n] == Py_None || PyBytes_Check(given[n]));
    if (!well) {
        PyErr_SetString(PyExc_TypeError, "a record's parts are bytes, or None");
        return NULL;
    }
    Put put;
    Follow of = {.rest = raw_of(given[RECORD])};
    if (PyTuple_GET_SIZE(given[REGISTERS]) > MOST || !put_of(given[REGISTERS], &put) || !take_state(&of.rest) ||
        !take_tuple(&of.rest, 7) || !take_head(&of.rest, TUPLE_, &of.count))
        Py_RETURN_NONE;
    if (PyBytes_Check(given[LAYOUT]) && (uint64_t)PyBytes_GET_SIZE(given[LAYOUT]) == 4 * (of.count + 1))
        of.sizes = (const uint8_t *)PyBytes_AS_STRING(given[LAYOUT]);
    PyObject *found = followed(&of, &put, given);
    buffer_free(&of.heads);
    buffer_free(&of.layout);
    return found;
}
