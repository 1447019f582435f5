/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bbuf bench: usage patterns that are measured with each kind of queue.
 */
#ifndef BBUF_BENCH_PATTERN_H
#define BBUF_BENCH_PATTERN_H

#include <math.h>

#include "channel.h"
#include "workers.h"

/* Measurements. A value that is unavailable or meaningless is NAN. */
enum measure {
	MESSAGES,		/* number of messages moved */
	NS,			/* time per message */
	RATE,			/* megabytes per second */
	CALLS,			/* system calls per message */
	SWITCHES,		/* context switches per message */
	WAKEUPS,		/* wakeups of processes per message */
	MEDIAN,			/* round-trip time in nanoseconds */
	P99,
	P999,
	FAIRNESS,		/* messages of the slowest producer, relative to the mean */
	BYTES,			/* kernel memory in bytes */
	MEASURES
};

struct figure {
	double value[MEASURES];
};

/**
 * struct level - numbers that a pattern is measured with
 * @first: number of queues, or of producers
 * @second: number of consumers, or 0
 */
struct level {
	size_t first;
	size_t second;
};

/**
 * struct setup - one measurement
 * @pattern: usage pattern
 * @peer: kind of queue
 * @size: size of a message in bytes
 * @level: numbers of queues, producers or consumers
 * @messages: maximum number of messages to move
 * @time_ns: approximate time limit in nanoseconds
 * @timeout_ns: see struct task
 * @free: see struct task
 * @fresh: measure the very first messages: no warm-up, and no time limit
 */
struct setup {
	const struct pattern *pattern;
	const struct peer *peer;
	size_t size;
	struct level level;
	size_t messages;
	uint64_t time_ns;
	uint64_t timeout_ns;
	bool free;
	bool fresh;
};

#define SIZES_MAX	16

/**
 * struct pattern - a usage pattern
 * @name: name in tables
 * @summary: description for --help
 * @can: abilities that a kind of queue must have
 * @whole: whether a message must fit into the queue
 * @phased: whether the first messages of a fresh queue are measured apart
 * @sizes: default message sizes in bytes, terminated by 0
 * @levels: default numbers, terminated by 0
 * @measures: bit mask of what is measured
 * @run: runs the measurement; returns 0, or -1 and errno
 */
struct pattern {
	const char *name;
	const char *summary;
	unsigned int can;
	bool whole;
	bool phased;
	size_t sizes[SIZES_MAX];
	struct level levels[SIZES_MAX];
	unsigned int measures;
	int (*run)(const struct setup *setup, struct figure *figure);
};

/* Each is defined in the file of its name; stream is in self.c, idle in epoll.c. */
extern const struct pattern pattern_self, pattern_stream, pattern_pingpong, pattern_many,
			    pattern_epoll, pattern_idle, pattern_uring, pattern_splice,
			    pattern_memory;

#define HAS(measure)	(1U << (measure))
/* Measurements of all patterns that move messages. */
#define HAS_COST	(HAS(MESSAGES) | HAS(NS) | HAS(RATE) | HAS(CALLS) | HAS(SWITCHES) | \
			 HAS(WAKEUPS))

#endif /* BBUF_BENCH_PATTERN_H */
