/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The events of one run of the timeline: one producer and one consumer, each a thread, who note what
 * they do and when.
 *
 * First a burst: the producer writes as fast as it can more than the queue holds, and
 * the consumer pauses before each read, so that the queue fills. Then a trickle: the
 * producer pauses before each write and the consumer does not, so that the queue runs
 * empty. Only the pauses are given. All else is what happened.
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
 * struct event - something that a thread noted
 * @ns: when, from the start of the run
 * @role: who
 * @waits: the beginning of a wait; otherwise its call, or its wait, has ended
 * @bytes: bytes that it wants to move, or moved
 * @fill: bytes queued at that moment
 * @waited_ns: how long it waited before it moved them; 0 for not at all
 * @eagains: calls that failed with EAGAIN meanwhile
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
 * struct schedule - what the two do
 * @device: path of the queue
 * @size: bytes of an item
 * @burst: items that the producer writes as fast as it can
 * @trickle: items that it writes with pauses, after those
 * @pause_ns: how long the slow one pauses before each call
 */
struct schedule {
	const char *device;
	size_t size;
	uint64_t burst;
	uint64_t trickle;
	uint64_t pause_ns;
};

/**
 * struct event_log - what came of it
 * @mode: how the two waited
 * @events: what they noted, in order of time
 * @event_count: how many events there are
 * @waits: how many of them begin a wait
 * @meter: what the calls of both met
 * @wall_ns: how long it took
 * @cpu_ns: CPU time of both
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
