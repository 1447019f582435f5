// SPDX-License-Identifier: GPL-2.0-only
/*
 * Prints how many thousand times a second this machine's time stamp counter ticks, which
 * an emulated one's does, too.
 */
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

#define NSEC_PER_SEC	1000000000ULL
#define NSEC_PER_MSEC	1000000ULL

/* The interval, and how many times both clocks are read at each end of it. */
#define STRETCH_NS	(200 * NSEC_PER_MSEC)
#define TRIES		100

/**
 * struct moment - when both clocks were read, one right after the other
 * @ns: nanoseconds of CLOCK_MONOTONIC
 * @ticks: of the counter
 */
struct moment {
	uint64_t ns;
	uint64_t ticks;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

/* Of many tries the one that was disturbed least. */
static struct moment now(void)
{
	struct moment best = { 0 };
	uint64_t shortest = UINT64_MAX;
	int i;

	for (i = 0; i < TRIES; i++) {
		uint64_t before = __rdtsc(), ns = now_ns(), took = __rdtsc() - before;

		if (took < shortest) {
			shortest = took;
			best = (struct moment){ .ns = ns, .ticks = before + took / 2 };
		}
	}
	return best;
}

int main(void)
{
	struct timespec stretch = { .tv_nsec = STRETCH_NS };
	struct moment first = now(), last;

	nanosleep(&stretch, NULL);
	last = now();
	printf("%.0f\n", (last.ticks - first.ticks) * (double)NSEC_PER_MSEC /
			 (last.ns - first.ns));
	return 0;
}
