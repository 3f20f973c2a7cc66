/* Python's arenas, cut from large pages: a state of hundreds of megabytes is met at random, and every page has to be found. */
#include "core.h"

#if defined(__linux__) && !defined(Py_GIL_DISABLED)
#include <pthread.h>
#include <sys/mman.h>

/* Of Python's allocator of small objects; what has another size, as the stack of a thread has, is none of ours. */
enum { ARENA = 1 << 20, PAGE = 1 << 21, ARENAS = 32, TOGETHER = PAGE / ARENA };

/* Arenas, one behind the other from the beginning of a large page. */
typedef struct Region {
    struct Region *next;
    char *begin;
    uint32_t free; /* a bit for each arena */
} Region;

static PyObjectArenaAllocator before; /* whose arenas are still about, and who gives them where there is no large page */
static Region *regions;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* interpreters may have a lock each */

static Region *new_region(void)
{
    size_t size = (size_t)ARENA * ARENAS;
    Region *region = malloc(sizeof *region);
    char *mapped = region ? mmap(NULL, size + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) : MAP_FAILED;
    if (mapped == MAP_FAILED) {
        free(region);
        return NULL;
    }
    size_t ahead = (PAGE - (uintptr_t)mapped % PAGE) % PAGE;
    if (ahead)
        munmap(mapped, ahead);
    if (ahead < PAGE)
        munmap(mapped + ahead + size, PAGE - ahead);
    madvise(mapped + ahead, size, MADV_HUGEPAGE);
    *region = (Region){regions, mapped + ahead, UINT32_MAX};
    return regions = region;
}

static void *arena(void *context, size_t size)
{
    void *found = NULL;
    pthread_mutex_lock(&lock);
    Region *region = regions;
    while (region && !region->free)
        region = region->next;
    if (size == ARENA && (region || (region = new_region()))) {
        found = region->begin + (size_t)__builtin_ctz(region->free) * ARENA;
        region->free &= region->free - 1;
    }
    pthread_mutex_unlock(&lock);
    return found ? found : before.alloc(before.ctx, size);
}

/* Gives the large page of an arena back where all of it is free: a part of one is not given back. */
static void give_back(Region *region, size_t at)
{
    size_t first = at - at % TOGETHER;
    uint32_t all = ((uint32_t)1 << TOGETHER) - 1;
    if ((region->free >> first & all) == all)
        madvise(region->begin + first * ARENA, PAGE, MADV_DONTNEED);
}

static void no_arena(void *context, void *freed, size_t size)
{
    pthread_mutex_lock(&lock);
    Region *region = regions;
    while (region && !((char *)freed >= region->begin && (char *)freed < region->begin + (size_t)ARENA * ARENAS))
        region = region->next;
    if (region) {
        size_t at = (size_t)((char *)freed - region->begin) / ARENA;
        region->free |= (uint32_t)1 << at;
        give_back(region, at);
    }
    pthread_mutex_unlock(&lock);
    if (!region)
        before.free(before.ctx, freed, size);
}

static int take_over(void)
{
    PyObjectArenaAllocator ours = {NULL, arena, no_arena};
    if (!before.alloc) {
        PyObject_GetArenaAllocator(&before);
        PyObject_SetArenaAllocator(&ours);
    }
    return 1;
}
#else
static int take_over(void) { return 0; }
#endif

PyObject *native_unseen(PyObject *module, PyObject *value)
{
    if (PyObject_IS_GC(value))
        PyObject_GC_UnTrack(value);
    return Py_NewRef(value);
}

/* What the C library keeps of freed memory, for more of its own. */
#if defined(__GLIBC__)
#include <malloc.h>
static int trim(void) { return malloc_trim(0); }
#else
static int trim(void) { return 0; }
#endif

PyObject *native_trim(PyObject *module, PyObject *none) { return PyBool_FromLong(trim()); }

PyObject *native_large_pages(PyObject *module, PyObject *none)
{
    core_large_blocks();
    return PyBool_FromLong(take_over());
}
