// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counting wakeups. See wakeups.h.
 */
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysinfo.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "wakeups.h"

/* Counts wakeups of sleeping tasks; the filter excludes kernel threads. */
#define TRACEPOINT	"/sys/kernel/tracing/events/sched/sched_waking/id"
#define FILTER		"comm == \"bbuf\""

static int counter = -1;

static bool tracepoint(uint64_t *id)
{
	FILE *file = fopen(TRACEPOINT, "re");
	unsigned long long number;
	bool good;

	if (!file)
		return false;
	good = fscanf(file, "%llu", &number) == 1;
	fclose(file);
	*id = number;
	return good;
}

/*
 * Enabling a tracepoint patches kernel code while other CPUs run it. When QEMU emulates several
 * CPUs, one of them may execute stale code, and the kernel crashes.
 */
static bool tracing_is_safe(void)
{
	FILE *file = fopen("/proc/cpuinfo", "re");
	bool emulated = false;
	char line[256];

	if (!file)
		return false;
	while (!emulated && fgets(line, sizeof(line), file))
		emulated = strstr(line, "QEMU TCG");
	fclose(file);
	return !emulated || get_nprocs() == 1;
}

/* Start counting, for this process and its children. Returns false if that is not possible. */
bool wakeups_begin(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(attr),
		.inherit = 1,
	};
	uint64_t id;

	if (!tracing_is_safe() || !tracepoint(&id))
		return false;
	attr.config = id;
	counter = syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
	if (counter < 0)
		return false;
	if (!ioctl(counter, PERF_EVENT_IOC_SET_FILTER, FILTER))
		return true;
	close(counter);
	return false;
}

/* Stop counting, after all children have exited. Returns the number of wakeups. */
uint64_t wakeups_end(void)
{
	uint64_t count = 0;

	if (read(counter, &count, sizeof(count)) != sizeof(count))
		count = 0;
	close(counter);
	return count;
}
