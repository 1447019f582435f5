/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Events of one run of the timeline: one producer and one consumer, each a thread, record what
 * they do and when.
 *
 * First comes a burst: the producer writes more than the queue holds as fast as it can, and the
 * consumer pauses before each read, so that the queue fills. Then comes a trickle: the producer
 * pauses before each write and the consumer does not, so that the queue becomes empty. Only the
 * pauses are set; everything else is measured.
 */
#ifndef BBUF_TOOLS_EVENTS_H
#define BBUF_TOOLS_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "endpoint.h"

enum role {
	PRODUCER,
	CONSUMER,
	ROLE_COUNT
};

/**
 * struct event - an event recorded by a thread
 * @ns: time since the start of the run, in nanoseconds
 * @role: the thread
 * @waits: the event is the start of a wait; otherwise a call has returned, or a wait has ended
 * @bytes: number of bytes to move, or moved
 * @fill: number of bytes queued at that time
 * @waited_ns: duration of the wait before the bytes were moved; 0 if there was none
 * @eagains: number of calls that failed with EAGAIN meanwhile
 */
struct event {
	uint64_t ns;
	enum role role;
	bool waits;
	size_t bytes;
	uint64_t fill;
	uint64_t waited_ns;
	uint64_t eagains;
};

/**
 * struct schedule - what the two threads do
 * @device: path of the queue
 * @size: size of an item in bytes
 * @burst: number of items that the producer writes as fast as it can
 * @trickle: number of items that it then writes with pauses
 * @pause_ns: pause of the slower thread before each call, in nanoseconds
 */
struct schedule {
	const char *device;
	uint64_t size;
	uint64_t burst;
	uint64_t trickle;
	uint64_t pause_ns;
};

/**
 * struct event_log - result of a run
 * @mode: how the threads waited
 * @events: events of both threads, ordered by time
 * @event_count: number of @events
 * @waits: number of events that start a wait
 * @meter: statistics of the calls of both threads
 * @wall_ns: duration in nanoseconds
 * @cpu_ns: CPU time of both threads in nanoseconds
 */
struct event_log {
	enum endpoint_mode mode;
	struct event *events;
	size_t event_count;
	uint64_t waits;
	struct meter meter;
	uint64_t wall_ns;
	uint64_t cpu_ns;
};

void event_log_record(struct event_log *log, const struct schedule *schedule,
		      enum endpoint_mode mode);
void event_log_free(struct event_log *log);

#endif /* BBUF_TOOLS_EVENTS_H */
