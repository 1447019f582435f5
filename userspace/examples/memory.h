/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory used by this process, and by the kernel for it, from /proc.
 */
#ifndef BBUF_EXAMPLES_MEMORY_H
#define BBUF_EXAMPLES_MEMORY_H

#include <stdint.h>

/**
 * struct memory - memory in KiB, and the number of threads
 * @threads: number of threads of the process
 * @reserved: reserved address space
 * @used: resident memory
 * @page_tables: page tables
 * @kernel_stacks: kernel stacks of all threads of the machine
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
