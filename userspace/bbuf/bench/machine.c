// SPDX-License-Identifier: GPL-2.0-only
/*
 * Conditions of a measurement. See machine.h.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/macros.h"
#include "machine.h"
#include "workers.h"

/* Duration of the work, and number of turns between two looks at the clock. */
#define BUSY_NS		(20 * NSEC_PER_MSEC)
#define TURNS		1000

/* Number of comparisons of two busy processes with one. */
#define COMPARISONS	3

static void read_loadavg(struct conditions *conditions)
{
	FILE *file = fopen("/proc/loadavg", "re");
	double load, runnable;

	if (!file)
		return;
	if (fscanf(file, "%lf %*f %*f %lf/", &load, &runnable) == 2) {
		conditions->value[LOAD] = load;
		/* This process is one of them. */
		conditions->value[RUNNABLE] = MAX(0, runnable - 1);
	}
	fclose(file);
}

static void keep_busy(struct worker *worker, void *work, size_t messages)
{
	uint64_t end = now_ns() + BUSY_NS;
	unsigned int turn;

	(void)work;
	(void)messages;
	do {
		/* Without this the compiler would leave out the loop. */
		for (turn = 0; turn < TURNS; turn++)
			__asm__ volatile("" ::: "memory");
		worker->got++;
	} while (now_ns() < end);
}

/*
 * Work per nanosecond of this number of busy processes. Processes that take turns on one
 * processor may not even overlap, hence the time from the first start to the last end.
 */
static double speed(size_t count, uint64_t timeout_ns, bool free)
{
	const struct task task = {
		.name = "comparing processors", .workers = count, .run = keep_busy,
		.timeout_ns = timeout_ns, .cold = true, .free = free,
	};
	struct worker *workers = workers_run(&task);
	double done = 0, ns = workers_ns(workers, count);
	size_t i;

	for (i = 0; i < count; i++)
		done += workers[i].got;
	workers_free(workers, &task);
	return done / ns;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double speedup(uint64_t timeout_ns, bool free)
{
	double ratios[COMPARISONS];
	size_t i;

	for (i = 0; i < COMPARISONS; i++)
		ratios[i] = speed(2, timeout_ns, free) / speed(1, timeout_ns, free);
	qsort(ratios, COMPARISONS, sizeof(*ratios), compare);
	return ratios[COMPARISONS / 2];
}

/* Whether a list of processors such as 0,4-5 contains this one. */
static bool list_has(FILE *list, int cpu)
{
	int first, last;

	while (fscanf(list, "%d", &first) == 1) {
		last = first;
		/* A single number may be followed by a comma, which the next look consumes. */
		if (fscanf(list, "-%d", &last) == EOF || last < first)
			last = first;
		if (first <= cpu && cpu <= last)
			return true;
		if (fgetc(list) != ',')
			return false;
	}
	return false;
}

/* Whether the second processor is a thread of the same core as the first; NAN if unknown. */
static double siblings(void)
{
	char path[80];
	bool found;
	FILE *list;

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list",
		 worker_cpu(0));
	list = fopen(path, "re");
	if (!list)
		return NAN;
	found = list_has(list, worker_cpu(1));
	fclose(list);
	return found;
}

/* Find out about the load, and about the processors that the first two workers run on. */
void machine_inspect(struct conditions *conditions, uint64_t timeout_ns, bool free)
{
	size_t i;

	for (i = 0; i < CONDITIONS; i++)
		conditions->value[i] = NAN;
	read_loadavg(conditions);
	if (worker_cpu(0) == worker_cpu(1))
		return;
	conditions->value[SPEEDUP] = speedup(timeout_ns, free);
	conditions->value[SIBLINGS] = siblings();
}

static double seconds(const struct timeval *time)
{
	return time->tv_sec + (double)time->tv_usec * NSEC_PER_USEC / NSEC_PER_SEC;
}

static double seconds_used(int who)
{
	struct rusage usage;

	if (getrusage(who, &usage))
		return 0;
	return seconds(&usage.ru_utime) + seconds(&usage.ru_stime);
}

void machine_begin(struct machine_watch *watch)
{
	enum { USER, NICE, SYSTEM, IDLE, IOWAIT, IRQ, SOFTIRQ, STOLEN, TIMES };
	FILE *file = fopen("/proc/stat", "re");
	double times[TIMES];
	size_t i = 0;

	*watch = (struct machine_watch){ 0 };
	if (!file)
		return;
	if (fscanf(file, "cpu") == 0)
		for (; i < TIMES && fscanf(file, "%lf", &times[i]) == 1; i++)
			watch->ticks += times[i];
	fclose(file);
	if (i < TIMES)
		return;
	watch->steal = times[STOLEN];
	watch->busy = watch->ticks - times[IDLE] - times[IOWAIT] - times[STOLEN];
	watch->own = (seconds_used(RUSAGE_SELF) + seconds_used(RUSAGE_CHILDREN)) *
		     sysconf(_SC_CLK_TCK);
}

/* Measure the share that others took since @watch was begun, after all children have exited. */
void machine_end(const struct machine_watch *watch, struct conditions *conditions)
{
	struct machine_watch now;
	double ticks, others;

	machine_begin(&now);
	ticks = now.ticks - watch->ticks;
	if (ticks <= 0)
		return;
	/* The kernel samples the time of all processes, but not our own: both differ a little. */
	others = now.busy - watch->busy - (now.own - watch->own);
	conditions->value[OTHERS] = MAX(0, others) / ticks;
	conditions->value[STEAL] = MAX(0, now.steal - watch->steal) / ticks;
}
