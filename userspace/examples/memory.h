/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What this process, and the kernel for it, keep in memory, as /proc tells.
 */
#ifndef BBUF_EXAMPLES_MEMORY_H
#define BBUF_EXAMPLES_MEMORY_H

#include <stdint.h>

/**
 * struct memory - what is kept, in KiB, and for how many
 * @threads: of the process
 * @reserved: addresses
 * @used: of them, what is in memory
 * @page_tables: to find that
 * @kernel_stacks: of all threads of the machine
 */
struct memory {
	uint64_t threads;
	uint64_t reserved;
	uint64_t used;
	uint64_t page_tables;
	uint64_t kernel_stacks;
};

struct memory memory_now(void);
struct memory memory_since(const struct memory *before);

#endif /* BBUF_EXAMPLES_MEMORY_H */
