/* The fragments of whole blocks of a LevelDB log, with their checksums compared. Source: LevelDB's log_format.md. */
#include "native.h"

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#include <nmmintrin.h>
#define HAS_HARDWARE_CRC 1
#endif

enum { BLOCK = 32768, HEADER = 7, LAST_KIND = 4 };
#define MASK_DELTA 0xA282EAD8u
#define POLYNOMIAL 0x82F63B78u

static uint32_t table[8][256];

static void fill_table(void)
{
    for (uint32_t n = 0; n < 256; n++) {
        uint32_t crc = n;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
        table[0][n] = crc;
    }
    for (int k = 1; k < 8; k++)
        for (int n = 0; n < 256; n++)
            table[k][n] = table[k - 1][n] >> 8 ^ table[0][table[k - 1][n] & 0xFF];
}

static uint32_t crc_by_table(const uint8_t *at, size_t size)
{
    uint64_t crc = 0xFFFFFFFFu;
    for (; size >= 8; at += 8, size -= 8) {
        uint64_t word = word_at(at) ^ crc;
        crc = 0;
        for (int k = 0; k < 8; k++)
            crc ^= table[7 - k][word >> 8 * k & 0xFF];
    }
    for (; size; size--)
        crc = table[0][(crc ^ *at++) & 0xFF] ^ crc >> 8;
    return (uint32_t)crc ^ 0xFFFFFFFFu;
}

#ifdef HAS_HARDWARE_CRC
__attribute__((target("sse4.2"))) static uint32_t crc_by_hardware(const uint8_t *at, size_t size)
{
    uint64_t crc = 0xFFFFFFFFu;
    for (; size >= 8; at += 8, size -= 8)
        crc = _mm_crc32_u64(crc, word_at(at));
    for (; size; size--)
        crc = _mm_crc32_u8((uint32_t)crc, *at++);
    return (uint32_t)crc ^ 0xFFFFFFFFu;
}
#endif

static uint32_t (*crc32c)(const uint8_t *, size_t) = crc_by_table;

void frames_begin(void)
{
    fill_table();
#ifdef HAS_HARDWARE_CRC
    if (__builtin_cpu_supports("sse4.2"))
        crc32c = crc_by_hardware;
#endif
}

PyObject *native_crc32c(PyObject *module, PyObject *args)
{
    Py_buffer data;
    int portable = 0;
    if (!PyArg_ParseTuple(args, "y*|p", &data, &portable))
        return NULL;
    uint32_t crc = (portable ? crc_by_table : crc32c)(data.buf, (size_t)data.len);
    PyBuffer_Release(&data);
    return PyLong_FromUnsignedLong(crc);
}

static int is_zero(const uint8_t *at, const uint8_t *end)
{
    for (; at < end; at++)
        if (*at)
            return 0;
    return 1;
}

static uint32_t masked(uint32_t crc) { return (crc >> 15 | crc << 17) + MASK_DELTA; }

static int add_number(Buffer *buffer, int64_t number) { return buffer_add(buffer, &number, 8); }

/* DONE at the end, ODD for anything unusual, FAILED without memory. */
static Said scan(const uint8_t *data, int64_t size, int64_t at, int verify, Buffer *found)
{
    while (at < size) {
        int64_t stop = at - at % BLOCK + BLOCK;
        if (stop > size)
            stop = size;
        if (stop - at < HEADER) {
            if (stop % BLOCK || !is_zero(data + at, data + stop))
                return ODD;
            at = stop;
            continue;
        }
        uint32_t stored;
        memcpy(&stored, data + at, 4);
        int64_t length = data[at + 4] | data[at + 5] << 8;
        int kind = data[at + 6];
        if (!length && !kind) {
            if (!is_zero(data + at, data + stop))
                return ODD;
            at = stop;
            continue;
        }
        int64_t behind = at + HEADER + length;
        if (behind > stop || !kind || kind > LAST_KIND)
            return ODD;
        if (verify && masked(crc32c(data + at + HEADER - 1, (size_t)length + 1)) != stored)
            return ODD;
        if (!add_number(&found[0], at) || !add_number(&found[1], behind) || !add_number(&found[2], kind)) {
            PyErr_NoMemory();
            return FAILED;
        }
        at = behind;
    }
    return DONE;
}

PyObject *native_fragments(PyObject *module, PyObject *args)
{
    Py_buffer data;
    Py_ssize_t begin;
    int verify;
    if (!PyArg_ParseTuple(args, "y*np", &data, &begin, &verify))
        return NULL;
    Buffer found[3] = {{0}};
    PyObject *result = NULL;
    if (begin < 0 || begin > data.len)
        PyErr_SetString(PyExc_ValueError, "the first block begins outside the data");
    else {
        Said said = scan(data.buf, data.len, begin, verify, found);
        if (said == ODD)
            result = Py_NewRef(Py_None);
        else if (said == DONE)
            result = Py_BuildValue("(y#y#y#)", found[0].data ? (char *)found[0].data : "", (Py_ssize_t)found[0].size,
                                   found[1].data ? (char *)found[1].data : "", (Py_ssize_t)found[1].size,
                                   found[2].data ? (char *)found[2].data : "", (Py_ssize_t)found[2].size);
    }
    for (int n = 0; n < 3; n++)
        buffer_free(&found[n]);
    PyBuffer_Release(&data);
    return result;
}
