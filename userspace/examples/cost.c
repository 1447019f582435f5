// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cost of a section of a program. See cost.h.
 */
#include <err.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "common/clock.h"
#include "cost.h"

static uint64_t timeval_ns(const struct timeval *time)
{
	return time->tv_sec * NSEC_PER_SEC + time->tv_usec * NSEC_PER_USEC;
}

/* Values from getrusage(2), without the elapsed time. */
static struct cost cost_used(int who)
{
	struct rusage usage;

	if (getrusage(who, &usage))
		err(EXIT_FAILURE, "getrusage");
	return (struct cost){
		.cpu_ns = timeval_ns(&usage.ru_utime) + timeval_ns(&usage.ru_stime),
		.slept = usage.ru_nvcsw,
		.preempted = usage.ru_nivcsw,
	};
}

/* @who as for getrusage(2): RUSAGE_SELF, RUSAGE_THREAD, or RUSAGE_CHILDREN for joined children. */
struct cost cost_now(int who)
{
	struct cost cost = cost_used(who);

	cost.ns = now_ns();	/* last here, first in cost_since(): getrusage() is not included */
	return cost;
}

struct cost cost_since(int who, const struct cost *before)
{
	uint64_t ns = now_ns();
	struct cost cost = cost_used(who);

	cost.ns = ns - before->ns;
	cost.cpu_ns -= before->cpu_ns;
	cost.slept -= before->slept;
	cost.preempted -= before->preempted;
	return cost;
}

/* Add the cost of another thread or process in the same time. */
void cost_add(struct cost *cost, const struct cost *other)
{
	cost->cpu_ns += other->cpu_ns;
	cost->slept += other->slept;
	cost->preempted += other->preempted;
}

/* The fastest of several samples was disturbed least. */
void cost_keep_fastest(struct cost *fastest, struct cost sample)
{
	if (!fastest->ns || sample.ns < fastest->ns)
		*fastest = sample;
}
