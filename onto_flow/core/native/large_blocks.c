/* Large blocks of Python's memory, as tables of dictionaries with many entries are, each in large pages of its own. */
#include "core.h"

#if defined(__linux__) && !defined(Py_GIL_DISABLED)
#include <pthread.h>
#include <sys/mman.h>

enum { PAGE = 1 << 21, LEAST = 2 * PAGE, AHEAD = 64 };

/* It lies before the block, at the beginning of a large page. */
typedef struct Block {
    struct Block *next;
    size_t mapped, room;
} Block;

static PyMemAllocatorEx before;
static Block *blocks;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *new_block(size_t size)
{
    if (size > PY_SSIZE_T_MAX - 2 * (size_t)PAGE)
        return NULL;
    size_t mapped = (size + AHEAD + PAGE - 1) / PAGE * PAGE;
    char *given = mmap(NULL, mapped + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (given == MAP_FAILED)
        return NULL;
    size_t ahead = (PAGE - (uintptr_t)given % PAGE) % PAGE;
    if (ahead)
        munmap(given, ahead);
    if (ahead < PAGE)
        munmap(given + ahead + mapped, PAGE - ahead);
    madvise(given + ahead, mapped, MADV_HUGEPAGE);
    Block *block = (Block *)(given + ahead);
    pthread_mutex_lock(&lock);
    *block = (Block){blocks, mapped, mapped - AHEAD};
    blocks = block;
    pthread_mutex_unlock(&lock);
    return (char *)block + AHEAD;
}

/* Where the block is noted, which is `taken` out of the list if wanted; NULL: it is none of ours. */
static Block *block_of(void *given, int taken)
{
    if ((uintptr_t)given % PAGE != AHEAD)
        return NULL;
    pthread_mutex_lock(&lock);
    Block **place = &blocks, *found;
    while (*place && (char *)*place + AHEAD != given)
        place = &(*place)->next;
    found = *place;
    if (found && taken)
        *place = found->next;
    pthread_mutex_unlock(&lock);
    return found;
}

static void *block_malloc(void *context, size_t size)
{
    void *made = size >= LEAST ? new_block(size) : NULL;
    return made ? made : before.malloc(before.ctx, size);
}

static void *block_calloc(void *context, size_t count, size_t size)
{
    void *made = size && count >= LEAST / size && count <= PY_SSIZE_T_MAX / size ? new_block(count * size) : NULL;
    return made ? made : before.calloc(before.ctx, count, size);
}

static void block_free(void *context, void *given)
{
    Block *block = block_of(given, 1);
    if (block)
        munmap(block, block->mapped);
    else
        before.free(before.ctx, given);
}

static void *block_realloc(void *context, void *given, size_t size)
{
    Block *block = block_of(given, 0);
    if (!block)
        return before.realloc(before.ctx, given, size);
    if (size <= block->room && size >= block->room / 2)
        return given;
    void *made = block_malloc(context, size);
    if (made) {
        memcpy(made, given, size < block->room ? size : block->room);
        block_free(context, given);
    }
    return made;
}

/* Who traces memory puts back what was there before it, and would take our blocks for those of the C library. */
static int is_traced(void)
{
    PyObject *module = PyImport_ImportModule("_tracemalloc");
    PyObject *said = module ? PyObject_CallMethod(module, "is_tracing", NULL) : NULL;
    int traced = said ? PyObject_IsTrue(said) : 0;
    PyErr_Clear();
    Py_XDECREF(module);
    Py_XDECREF(said);
    return traced;
}

void core_large_blocks(void)
{
    PyMemAllocatorEx ours = {NULL, block_malloc, block_calloc, block_realloc, block_free};
    if (!before.malloc && !is_traced()) {
        PyMem_GetAllocator(PYMEM_DOMAIN_RAW, &before);
        PyMem_SetAllocator(PYMEM_DOMAIN_RAW, &ours);
    }
}
#else
void core_large_blocks(void) {}
#endif
