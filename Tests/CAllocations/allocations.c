// Stands between the test program and the C library's allocator: the dynamic linker finds these definitions first.
#define _GNU_SOURCE
#include "allocations.h"

#include <link.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static __thread int64_t own, libraries;

// Code of the program and of the Swift runtime's libraries, which allocates for it.
enum { MOST_RANGES = 32 };
static struct { uintptr_t start, end; } ranges[MOST_RANGES];
static int range_count;

static int measure(struct dl_phdr_info *object, size_t size, void *seen) {
  int is_program = (*(int *)seen)++ == 0;
  if (!is_program && !strstr(object->dlpi_name, "/libswift")) return 0;
  for (int i = 0; i < object->dlpi_phnum && range_count < MOST_RANGES; i++) {
    if (object->dlpi_phdr[i].p_type != PT_LOAD || !(object->dlpi_phdr[i].p_flags & PF_X)) continue;
    uintptr_t start = object->dlpi_addr + object->dlpi_phdr[i].p_vaddr;
    ranges[range_count].start = start;
    ranges[range_count].end = start + object->dlpi_phdr[i].p_memsz;
    range_count++;
  }
  return 0;
}

__attribute__((constructor)) static void begin(void) {
  int seen = 0;
  dl_iterate_phdr(measure, &seen);
}

static void count(void *caller) {
  for (int i = 0; i < range_count; i++)
    if ((uintptr_t)caller >= ranges[i].start && (uintptr_t)caller < ranges[i].end) { own++; return; }
  libraries++;
}

int64_t allocations_of_this_thread(void) { return own; }
int64_t allocations_of_libraries_of_this_thread(void) { return libraries; }

void *malloc(size_t size) { count(__builtin_return_address(0)); return __libc_malloc(size); }
void *calloc(size_t number, size_t size) { count(__builtin_return_address(0)); return __libc_calloc(number, size); }
void *realloc(void *block, size_t size) { count(__builtin_return_address(0)); return __libc_realloc(block, size); }
void *memalign(size_t alignment, size_t size) { count(__builtin_return_address(0)); return __libc_memalign(alignment, size); }
void *aligned_alloc(size_t alignment, size_t size) { count(__builtin_return_address(0)); return __libc_memalign(alignment, size); }
int posix_memalign(void **block, size_t alignment, size_t size) {
  count(__builtin_return_address(0));
  void *memory = __libc_memalign(alignment, size);
  if (!memory) return 12;  // ENOMEM
  *block = memory;
  return 0;
}
