// SPDX-License-Identifier: GPL-2.0-only
/*
 * A lock that is acquired in time slices. See gil_lock.h.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "common/clock.h"
#include "gil_lock.h"

uint64_t gil_interval_ns;

/**
 * struct gil - the lock
 * @mutex: protects the other members; held only briefly
 * @released: signalled when the lock is released
 * @acquired: signalled when the lock is acquired
 * @held: a thread holds the lock
 * @acquisitions: number of times that the lock was acquired
 * @requested: a thread has waited long enough; the holder reads it without @mutex
 */
static struct gil {
	pthread_mutex_t mutex;
	pthread_cond_t released;
	pthread_cond_t acquired;
	bool held;
	uint64_t acquisitions;
	atomic_bool requested;
} gil = {
	.mutex = PTHREAD_MUTEX_INITIALIZER,
	.released = PTHREAD_COND_INITIALIZER,
	.acquired = PTHREAD_COND_INITIALIZER,
};

/*
 * For each thread: CPU time with the lock until it last released it, and when it last acquired
 * it.
 */
static _Thread_local uint64_t held_ns, acquired_ns;

static uint64_t thread_cpu_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return time.tv_sec * NSEC_PER_SEC + time.tv_nsec;
}

/* Wait for one interval at most. Request the lock if the same thread has held it all the time. */
static void gil_wait(void)
{
	uint64_t end = now_ns() + gil_interval_ns, acquisitions = gil.acquisitions;
	struct timespec deadline = { end / NSEC_PER_SEC, end % NSEC_PER_SEC };

	if (pthread_cond_clockwait(&gil.released, &gil.mutex, CLOCK_MONOTONIC, &deadline) &&
	    acquisitions == gil.acquisitions)
		gil.requested = true;
}

void gil_acquire(void)
{
	pthread_mutex_lock(&gil.mutex);
	while (gil.held)
		gil_wait();
	gil.held = true;
	gil.acquisitions++;
	gil.requested = false;
	pthread_cond_signal(&gil.acquired);
	pthread_mutex_unlock(&gil.mutex);
	acquired_ns = thread_cpu_ns();
}

/* If the lock is requested, the requester gets it next, and not the thread that releases it. */
void gil_release(void)
{
	uint64_t acquisitions = gil.acquisitions;

	held_ns += thread_cpu_ns() - acquired_ns;
	pthread_mutex_lock(&gil.mutex);
	gil.held = false;
	pthread_cond_signal(&gil.released);
	while (gil.requested && acquisitions == gil.acquisitions)
		pthread_cond_wait(&gil.acquired, &gil.mutex);
	pthread_mutex_unlock(&gil.mutex);
}

bool gil_requested(void)
{
	return gil.requested;
}

uint64_t gil_cpu_ns(void)
{
	uint64_t now = thread_cpu_ns(), ns = held_ns + now - acquired_ns;

	held_ns = 0;
	acquired_ns = now;
	return ns;
}
