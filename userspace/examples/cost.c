// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a stretch of a program took. See cost.h.
 */
#include <err.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "common.h"
#include "cost.h"

static uint64_t timeval_ns(const struct timeval *time)
{
	return time->tv_sec * NSEC_PER_SEC + time->tv_usec * NSEC_PER_USEC;
}

/* What getrusage(2) tells; the time that passed is the caller's to take. */
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

/* As getrusage(2): RUSAGE_SELF, RUSAGE_THREAD, or RUSAGE_CHILDREN that were joined. */
struct cost cost_now(int who)
{
	struct cost cost = cost_used(who);

	cost.ns = now_ns();	/* last here, and first in cost_since(): so it is not measured */
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

/* What somebody else took in the same time. */
void cost_add(struct cost *cost, const struct cost *other)
{
	cost->cpu_ns += other->cpu_ns;
	cost->slept += other->slept;
	cost->preempted += other->preempted;
}

/* Of several samples the fastest was disturbed least. */
void cost_keep_fastest(struct cost *fastest, struct cost sample)
{
	if (!fastest->ns || sample.ns < fastest->ns)
		*fastest = sample;
}
