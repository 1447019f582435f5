// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of a process. See memory.h.
 */
#include <err.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/macros.h"
#include "memory.h"

/* Number after @name in a file in /proc. */
static uint64_t proc_number(const char *path, const char *name)
{
	unsigned long long number;
	FILE *file = fopen(path, "re");
	char line[128];
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file))
		found = !strncmp(line, name, strlen(name)) &&
			sscanf(line + strlen(name), ": %llu", &number) == 1;
	if (!found)
		errx(EXIT_FAILURE, "%s: no %s there", path, name);
	fclose(file);
	return number;
}

struct memory memory_now(void)
{
	return (struct memory){
		.threads = proc_number("/proc/self/status", "Threads"),
		.reserved = proc_number("/proc/self/status", "VmSize"),
		.used = proc_number("/proc/self/smaps_rollup", "Rss"),
		.page_tables = proc_number("/proc/self/status", "VmPTE"),
		.kernel_stacks = proc_number("/proc/meminfo", "KernelStack"),
	};
}

/* Returns the increase. */
struct memory memory_since(const struct memory *before)
{
	struct memory now = memory_now();

	now.threads -= before->threads;
	now.reserved -= before->reserved;
	now.used -= before->used;
	now.page_tables -= before->page_tables;
	/* Stacks of other processes are included, some of which may have been freed. */
	now.kernel_stacks -= MIN(now.kernel_stacks, before->kernel_stacks);
	return now;
}
