// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events of one run of the timeline. See events.h.
 */
#include <err.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/macros.h"
#include "device.h"
#include "events.h"

/**
 * struct side - a thread of the timeline
 * @role: producer or consumer
 * @schedule: what to do
 * @start: barrier at which both threads wait for each other
 * @burst_over: the producer has written the burst
 * @endpoint: end of the queue that it uses
 * @buf: memory for an item
 * @events: events recorded
 * @event_count: number of @events
 * @start_ns: start time in nanoseconds
 * @end_ns: end time in nanoseconds
 * @cpu_ns: CPU time used in nanoseconds
 */
struct side {
	enum role role;
	const struct schedule *schedule;
	pthread_barrier_t *start;
	atomic_bool *burst_over;
	struct endpoint endpoint;
	char *buf;
	struct event *events;
	size_t event_count;
	uint64_t start_ns;
	uint64_t end_ns;
	uint64_t cpu_ns;
};

static void side_note(struct side *side, const struct event *event)
{
	side->events = xrealloc(side->events, side->event_count + 1, sizeof(*event));
	side->events[side->event_count++] = *event;
}

static ssize_t side_call(struct side *side, size_t n)
{
	ssize_t ret;

	if (side->role == PRODUCER)
		ret = endpoint_write(&side->endpoint, side->buf, n);
	else
		ret = endpoint_read(&side->endpoint, side->buf, n);
	if (ret < 0)
		err(EXIT_FAILURE, "%s: %s", side->schedule->device,
		    side->role == PRODUCER ? "writing" : "reading");
	if (!ret)
		errx(EXIT_FAILURE, "%s: end of file: another process has shut the queue down",
		     side->schedule->device);
	return ret;
}

/* Move up to n bytes, and record the events. */
static size_t side_move(struct side *side, size_t n)
{
	const struct meter *meter = &side->endpoint.meter;
	uint64_t sleeps = meter->sleeps, eagains = meter->eagains;
	struct event event = {
		.role = side->role,
		.bytes = n,
		.fill = device_fill(side->endpoint.fd, side->schedule->device),
		.ns = now_ns(),
	};
	uint64_t before = event.ns;

	n = side_call(side, n);
	if (meter->sleeps != sleeps || meter->eagains != eagains) {
		event.waits = true;
		side_note(side, &event);
		event.waits = false;
		event.waited_ns = meter->last_ns - before;
		event.eagains = meter->eagains - eagains;
	}
	event.ns = meter->last_ns;
	event.bytes = n;
	event.fill = device_fill(side->endpoint.fd, side->schedule->device);
	side_note(side, &event);
	return n;
}

/* The producer pauses after the burst, the consumer until the end of the burst. */
static void side_pause(struct side *side, uint64_t item)
{
	const struct schedule *schedule = side->schedule;
	uint64_t pauses;

	if (side->role == CONSUMER)
		pauses = !atomic_load(side->burst_over);
	else if (item == schedule->burst)
		pauses = 2;	/* time enough for the consumer to catch up */
	else
		pauses = item > schedule->burst;
	if (pauses)
		sleep_until(now_ns() + pauses * schedule->pause_ns);
}

static void side_run(struct side *side)
{
	const struct schedule *schedule = side->schedule;
	size_t burst = schedule->burst * schedule->size, done = 0, begun;
	size_t all = burst + schedule->trickle * schedule->size;

	while (done < all) {
		begun = done % schedule->size;	/* a call may move a part of an item */
		if (!begun)
			side_pause(side, done / schedule->size);
		done += side_move(side, schedule->size - begun);
		if (side->role == PRODUCER && done >= burst)
			atomic_store(side->burst_over, true);
	}
}

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

static void *side_main(void *arg)
{
	struct side *side = arg;

	pthread_barrier_wait(side->start);
	side->start_ns = now_ns();
	side->cpu_ns = -cpu_ns();
	side_run(side);
	side->cpu_ns += cpu_ns();
	side->end_ns = now_ns();
	return NULL;
}

static int event_order(const void *a, const void *b)
{
	const struct event *left = a, *right = b;

	return (left->ns > right->ns) - (left->ns < right->ns);
}

/* Append the events of a side to the log, and free them. */
static void event_log_add(struct event_log *log, struct side *side, uint64_t start_ns)
{
	size_t i;

	log->events = xrealloc(log->events, log->event_count + side->event_count,
			       sizeof(*log->events));
	for (i = 0; i < side->event_count; i++) {
		side->events[i].ns -= start_ns;
		log->waits += side->events[i].waits;
		log->events[log->event_count++] = side->events[i];
	}
	meter_add(&log->meter, &side->endpoint.meter);
	log->cpu_ns += side->cpu_ns;
	log->wall_ns = MAX(log->wall_ns, side->end_ns - start_ns);
	endpoint_close(&side->endpoint);
	free(side->events);
	free(side->buf);
}

static void side_init(struct side *side, enum role role, enum endpoint_mode mode)
{
	static const int flags[ROLE_COUNT] = { [PRODUCER] = O_WRONLY, [CONSUMER] = O_RDONLY };
	static const atomic_bool never_stop;

	side->role = role;
	side->buf = xcalloc(1, side->schedule->size);
	endpoint_open(&side->endpoint, side->schedule->device, flags[role], mode, &never_stop);
}

void event_log_record(struct event_log *log, const struct schedule *schedule,
		      enum endpoint_mode mode)
{
	struct side sides[ROLE_COUNT];
	pthread_t threads[ROLE_COUNT];
	atomic_bool burst_over = false;
	pthread_barrier_t start;
	uint64_t start_ns;
	int i, error;

	*log = (struct event_log){ .mode = mode };
	pthread_barrier_init(&start, NULL, ROLE_COUNT);
	for (i = 0; i < ROLE_COUNT; i++) {
		sides[i] = (struct side){
			.schedule = schedule,
			.start = &start,
			.burst_over = &burst_over,
		};
		side_init(&sides[i], i, mode);
	}
	for (i = 0; i < ROLE_COUNT; i++) {
		error = pthread_create(&threads[i], NULL, side_main, &sides[i]);
		if (error)
			errx(EXIT_FAILURE, "starting a thread: %s", strerror(error));
	}
	for (i = 0; i < ROLE_COUNT; i++)
		pthread_join(threads[i], NULL);
	start_ns = MIN(sides[PRODUCER].start_ns, sides[CONSUMER].start_ns);
	for (i = 0; i < ROLE_COUNT; i++)
		event_log_add(log, &sides[i], start_ns);
	qsort(log->events, log->event_count, sizeof(*log->events), event_order);
	pthread_barrier_destroy(&start);
}

void event_log_free(struct event_log *log)
{
	free(log->events);
}
