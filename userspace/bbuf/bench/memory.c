// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kernel memory of open queues that have not been used: the growth of the counters in
 * /proc/meminfo for each queue.
 */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/units.h"
#include "measure.h"
#include "queues.h"

/* Memory is freed with a delay. */
#define SETTLE_NS	(100 * NSEC_PER_MSEC)
#define SETTLE_TRIES	30

/* Whether this is kernel memory, and not user memory or the page cache. */
static bool counts(const char *key)
{
	return !strcmp(key, "Slab:") || !strcmp(key, "VmallocUsed:") || !strcmp(key, "Percpu:");
}

static double kernel_bytes(void)
{
	FILE *file = fopen("/proc/meminfo", "re");
	unsigned long long kilobytes;
	double bytes = 0;
	char key[TEXT_MAX];

	if (!file)
		err(EXIT_FAILURE, "bench: /proc/meminfo");
	while (fscanf(file, "%31s %llu%*[^\n]", key, &kilobytes) == 2)
		if (counts(key))
			bytes += kilobytes * 1024.0;
	fclose(file);
	return bytes;
}

/* Wait until the number stops changing, for a limited time. */
static double settled_bytes(void)
{
	double now = kernel_bytes(), before;
	int tries = SETTLE_TRIES;

	do {
		before = now;
		sleep_until(now_ns() + SETTLE_NS);
		now = kernel_bytes();
	} while (now != before && --tries);
	return now;
}

/* Open queues up to @count. Returns by how many bytes the kernel memory grew. */
static double grow(const struct setup *setup, struct channel *channels, size_t *opened,
		   size_t count)
{
	double before = settled_bytes();

	while (*opened < count && !setup_open(setup, &channels[*opened]))
		++*opened;
	return settled_bytes() - before;
}

/*
 * A bbuf queue allocates its buffer when it is created, so the capacity is set to the size of a
 * message. The first half of the queues fills gaps in the kernel's memory; the second half is
 * measured.
 */
static int memory(const struct setup *setup, struct figure *figure)
{
	size_t count = setup->level.first, opened = 0;
	struct channel *channels = xcalloc(2 * count, sizeof(*channels));
	bool enough;
	int error;

	queue_capacity = setup->size;
	grow(setup, channels, &opened, count);
	figure->value[BYTES] = grow(setup, channels, &opened, 2 * count) / count;
	error = errno;
	queue_capacity = 0;
	enough = opened == 2 * count;
	while (opened)
		channel_close(&channels[--opened]);
	free(channels);
	errno = error;
	return enough ? 0 : -1;
}

const struct pattern pattern_memory = {
	.name = "memory", .summary = "kernel memory of each of many unused queues",
	.can = PEER_CROSS,
	.sizes = { 64 },
	.levels = { { 1000, 0 } },
	.measures = HAS(BYTES),
	.run = memory,
};
