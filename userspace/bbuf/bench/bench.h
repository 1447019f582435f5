/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bbuf bench: usage patterns that are measured with each kind of queue, and results.
 */
#ifndef BBUF_BENCH_H
#define BBUF_BENCH_H

#include <math.h>
#include <stdio.h>

#include "channel.h"
#include "common.h"
#include "workers.h"

/* Measurements. A value that is unavailable or meaningless is NAN. */
enum measure {
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
};

#define SIZES_MAX	16

/**
 * struct pattern - a usage pattern
 * @name: name in tables
 * @summary: description for --help
 * @can: abilities that a kind of queue must have
 * @whole: whether a message must fit into the queue
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
	size_t sizes[SIZES_MAX];
	struct level levels[SIZES_MAX];
	unsigned int measures;
	int (*run)(const struct setup *setup, struct figure *figure);
};

extern const struct pattern pattern_self, pattern_stream, pattern_pingpong, pattern_many,
			    pattern_epoll, pattern_idle, pattern_uring, pattern_splice,
			    pattern_memory;

#define HAS(measure)	(1U << (measure))
/* Measurements of all patterns that move messages. */
#define HAS_COST	(HAS(NS) | HAS(RATE) | HAS(CALLS) | HAS(SWITCHES) | HAS(WAKEUPS))

/* For patterns: moving messages, and measuring that. */
void move_in(struct worker *worker, struct channel *channel, size_t messages);
void move_out(struct worker *worker, struct channel *channel, size_t messages);
int setup_open(const struct setup *setup, struct channel *channel);
size_t measure(const struct setup *setup, struct task *task, struct figure *figure);

/**
 * struct row - results of one kind of queue
 * @peer: kind of queue
 * @rounds: one figure per round; NULL if there are none
 */
struct row {
	const struct peer *peer;
	struct figure *rounds;
};

/**
 * struct group - results to compare: the same measurement with all kinds of queues
 * @pattern: usage pattern
 * @size: size of a message in bytes
 * @level: numbers of queues, producers or consumers
 * @rounds: number of rounds
 * @rows: one for each kind of queue, in the order of peers
 */
struct group {
	const struct pattern *pattern;
	size_t size;
	struct level level;
	size_t rounds;
	struct row *rows;
};

void report_text(const struct group *groups, size_t count);
void report_data(const struct group *groups, size_t count, bool json, FILE *out);

#endif /* BBUF_BENCH_H */
