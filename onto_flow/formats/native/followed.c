/* A record of assemble in which some registers, and what stands behind them, are others; the rest stays the bytes that it was.

Its layout is that of register.c. */
#include "slices.h"

enum { RECORD, LAYOUT, REGISTERS, DUE, ANSWERED, SHOWS, GIVEN };
enum { MOST = 8 };

/* The registers that are put into a record, by their paths. */
typedef struct {
    Slice raw[MOST], path[MOST];
    int placed[MOST];
    Py_ssize_t count;
} Put;

/* A record on its way. */
typedef struct {
    Slice rest;
    uint64_t count;
    const uint8_t *sizes; /* NULL: they are not known */
    Buffer out, layout;
    Slice shown; /* the bytes of the one document that was shown */
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

static int add_piece(Follow *of, Slice raw)
{
    uint32_t size = (uint32_t)size_of(raw);
    return add_slice(&of->out, raw) && buffer_add(&of->layout, (const uint8_t *)&size, 4);
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

/* How many registers there will be, those that are new behind the others. 0: the bytes are odd. */
static int count_all(Follow of, const Put *put, uint64_t *all)
{
    *all = of.count + (uint64_t)put->count;
    for (uint64_t n = 0; n < of.count; n++) {
        uint32_t size = next_size(&of, n);
        if (!size)
            return 0;
        *all -= instead_of((Slice){of.rest.at, of.rest.at + size}, put) >= 0;
        of.rest.at += size;
    }
    return 1;
}

static int add_registers(Follow *of, Put *put)
{
    int well = 1;
    for (uint64_t n = 0; well && n < of->count; n++) {
        Slice held = {of->rest.at, of->rest.at + next_size(of, n)};
        Py_ssize_t other = instead_of(held, put);
        well = add_piece(of, other < 0 ? held : put->raw[other]);
        if (other >= 0)
            put->placed[other] = 1;
        of->rest.at = held.end;
    }
    for (Py_ssize_t n = 0; well && n < put->count; n++)
        well = put->placed[n] || add_piece(of, put->raw[n]);
    return well;
}

/* What is open, with one key's answers instead of those that it had: behind those of its slot, if it had none. As `add_rest`. */
static int add_opened(Buffer *out, Slice opened, Slice answered)
{
    Slice rest = opened, slot, key, passed, old = {NULL, NULL}, its = answered;
    const uint8_t *behind = NULL;
    uint64_t count;
    int64_t weight;
    if (!take_tuple(&its, 3) || !take(&its, &slot) || !take(&its, &key) || !take_int(&its, &weight) ||
        !take_head(&rest, TUPLE_, &count))
        return 0;
    Slice all = {rest.at, opened.end};
    for (uint64_t n = 0; n < count; n++) {
        Slice one = rest, of, name;
        if (!take_tuple(&rest, 3) || !take(&rest, &of) || !take(&rest, &name) || !take(&rest, &passed))
            return 0;
        behind = same_bytes(of, slot) ? rest.at : behind;
        if (!old.at && behind == rest.at && same_bytes(name, key))
            old = (Slice){one.at, rest.at};
    }
    if (!old.at)
        old.at = old.end = behind ? behind : all.end;
    count = count - (old.at < old.end) + (weight != 0);
    return add_tagged(out, TUPLE_, (size_t)count) && add_slice(out, (Slice){all.at, old.at}) &&
                   (!weight || add_slice(out, answered)) && add_slice(out, (Slice){old.end, all.end})
               ? 1
               : -1;
}

/* What stands behind the registers, each part as it is given, or as it was. 1, 0: the bytes are odd, -1: no memory. */
static int add_rest(Follow *of, PyObject *const *given)
{
    Slice due, opened;
    if (!take(&of->rest, &due) || !take(&of->rest, &opened))
        return 0;
    size_t before = of->out.size;
    int well = add_slice(&of->out, given[DUE] == Py_None ? due : raw_of(given[DUE])) ? 1 : -1;
    if (well > 0 && given[ANSWERED] != Py_None)
        well = add_opened(&of->out, opened, raw_of(given[ANSWERED]));
    else if (well > 0)
        well = add_slice(&of->out, opened) ? 1 : -1;
    uint32_t size = (uint32_t)(of->out.size - before);
    if (well > 0 && (!buffer_add(&of->layout, (const uint8_t *)&size, 4) ||
                     (given[SHOWS] != Py_True && !add_slice(&of->out, of->rest))))
        well = -1;
    of->shown = one_shown(of->rest);
    return well;
}

static PyObject *followed(Follow *of, Put *put, PyObject *const *given)
{
    static const uint8_t begins[] = {STATE_VERSION, TUPLE_, 7};
    uint64_t all;
    if (!count_all(*of, put, &all))
        Py_RETURN_NONE;
    int well = buffer_add(&of->out, begins, 3) && add_tagged(&of->out, TUPLE_, (size_t)all) &&
                       add_registers(of, put)
                   ? add_rest(of, given)
                   : -1;
    if (!well)
        Py_RETURN_NONE;
    if (well < 0)
        return PyErr_Occurred() ? NULL : PyErr_NoMemory();
    return Py_BuildValue("(NNN)", bytes_of(&of->out), bytes_of(&of->layout), joined(&of->shown, 1));
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
    buffer_free(&of.out);
    buffer_free(&of.layout);
    return found;
}
