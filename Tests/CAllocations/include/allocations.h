#pragma once

#include <stdint.h>

/// How often this thread's own code has asked the allocator for memory: the program and the Swift runtime, without the C libraries that it calls.
int64_t allocations_of_this_thread(void);

/// How often the C libraries have.
int64_t allocations_of_libraries_of_this_thread(void);
