// SPDX-License-Identifier: GPL-2.0-only
/*
 * A lock that is taken in slices of time. See gil_lock.h.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "common.h"
#include "gil_lock.h"

uint64_t gil_interval_ns;

/**
 * struct gil - the lock
 * @mutex: for all that follows; nobody has it for long
 * @dropped: signalled when the lock is given up
 * @taken: signalled when it is taken
 * @held: somebody has it
 * @takes: times that it was taken
 * @asked: somebody has waited for it long enough; the holder looks without @mutex
 */
static struct gil {
	pthread_mutex_t mutex;
	pthread_cond_t dropped;
	pthread_cond_t taken;
	bool held;
	uint64_t takes;
	atomic_bool asked;
} gil = {
	.mutex = PTHREAD_MUTEX_INITIALIZER,
	.dropped = PTHREAD_COND_INITIALIZER,
	.taken = PTHREAD_COND_INITIALIZER,
};

/* Of this thread, with the lock: CPU time until it dropped it, and when it took it again. */
static _Thread_local uint64_t had_ns, taken_ns;

static uint64_t thread_cpu_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return time.tv_sec * NSEC_PER_SEC + time.tv_nsec;
}

/* For an interval at the most; asks for the lock if one holder has had it all the time. */
static void gil_wait(void)
{
	uint64_t end = now_ns() + gil_interval_ns, takes = gil.takes;
	struct timespec deadline = { end / NSEC_PER_SEC, end % NSEC_PER_SEC };

	if (pthread_cond_clockwait(&gil.dropped, &gil.mutex, CLOCK_MONOTONIC, &deadline) &&
	    takes == gil.takes)
		gil.asked = true;
}

void gil_take(void)
{
	pthread_mutex_lock(&gil.mutex);
	while (gil.held)
		gil_wait();
	gil.held = true;
	gil.takes++;
	gil.asked = false;
	pthread_cond_signal(&gil.taken);
	pthread_mutex_unlock(&gil.mutex);
	taken_ns = thread_cpu_ns();
}

/* If somebody has asked, he is to have it, and not who gives it up once more. */
void gil_drop(void)
{
	uint64_t takes = gil.takes;

	had_ns += thread_cpu_ns() - taken_ns;
	pthread_mutex_lock(&gil.mutex);
	gil.held = false;
	pthread_cond_signal(&gil.dropped);
	while (gil.asked && takes == gil.takes)
		pthread_cond_wait(&gil.taken, &gil.mutex);
	pthread_mutex_unlock(&gil.mutex);
}

bool gil_asked(void)
{
	return gil.asked;
}

uint64_t gil_cpu_ns(void)
{
	uint64_t now = thread_cpu_ns(), ns = had_ns + now - taken_ns;

	had_ns = 0;
	taken_ns = now;
	return ns;
}
