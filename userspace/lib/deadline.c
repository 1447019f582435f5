// SPDX-License-Identifier: GPL-2.0-only
/* One timeout for several calls, which together wait no longer than one call would. */
#include <errno.h>

#include "internal.h"

#define NS_PER_S	1000000000ULL

__u64 bbuf_clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* Whether the next call may wait for a limited time. It reports a timeout that is invalid. */
static bool is_limited(const struct timespec *t)
{
	return t && bbuf_timeout_valid(t) && (t->tv_sec || t->tv_nsec);
}

int bbuf_deadline_next(struct bbuf_deadline *deadline)
{
	__u64 now;

	if (!is_limited(deadline->timeout))
		return 0;
	now = bbuf_clock_ns(CLOCK_MONOTONIC);
	if (!deadline->end) {
		if (__builtin_add_overflow(now, bbuf_timeout_ns(deadline->timeout), &deadline->end))
			deadline->end = UINT64_MAX;
		return 0;
	}
	if (now >= deadline->end) {
		errno = ETIMEDOUT;
		return -1;
	}
	deadline->left.tv_sec = (deadline->end - now) / NS_PER_S;
	deadline->left.tv_nsec = (deadline->end - now) % NS_PER_S;
	deadline->timeout = &deadline->left;
	return 0;
}
