/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bbuf bench: patterns of use, that each kind of queue is put through, and what was found.
 */
#ifndef BBUF_BENCH_H
#define BBUF_BENCH_H

#include <math.h>
#include <stdio.h>

#include "channel.h"
#include "common.h"
#include "workers.h"

/* What is found. A figure that can't be had, or makes no sense, is NAN. */
enum measure {
	NS,			/* for each message */
	RATE,			/* megabytes a second */
	CALLS,			/* system calls for each message */
	SWITCHES,		/* context switches for each message */
	WAKEUPS,		/* of a process, for each message */
	MEDIAN,			/* round trips, in nanoseconds */
	P99,
	P999,
	FAIRNESS,		/* messages of the least of the producers, of the average */
	BYTES,			/* of kernel memory */
	MEASURES
};

struct figure {
	double value[MEASURES];
};

/**
 * struct level - of how many
 * @first: queues, or producers
 * @second: consumers, or 0
 */
struct level {
	size_t first;
	size_t second;
};

/**
 * struct setup - one thing to be measured
 * @pattern: of use
 * @peer: the kind of queue
 * @size: bytes of a message
 * @level: of how many
 * @messages: to be moved at the most
 * @time_ns: that it may take, about
 * @timeout_ns: see struct task
 * @free: the same
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
 * struct pattern - a way to use a queue
 * @name: as it stands in tables
 * @summary: for --help
 * @can: what a kind of queue must be able to do
 * @whole: a message must fit into the queue
 * @sizes: of messages, by default; 0 ends the list
 * @levels: of how many, by default; 0 ends the list
 * @measures: what is found, as bits
 * @run: measures it, or returns -1 and sets errno
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
/* What is found wherever messages are moved. */
#define HAS_COST	(HAS(NS) | HAS(RATE) | HAS(CALLS) | HAS(SWITCHES) | HAS(WAKEUPS))

/* For patterns: moving messages, and measuring it. */
void move_in(struct worker *worker, struct channel *channel, size_t messages);
void move_out(struct worker *worker, struct channel *channel, size_t messages);
int setup_open(const struct setup *setup, struct channel *channel);
size_t measure(const struct setup *setup, struct task *task, struct figure *figure);

/**
 * struct row - what was found of a kind of queue
 * @peer: that
 * @rounds: one figure for each round; NULL if there is none
 */
struct row {
	const struct peer *peer;
	struct figure *rounds;
};

/**
 * struct group - what is compared with one another: the same done with all kinds of queues
 * @pattern: of use
 * @size: bytes of a message
 * @level: of how many
 * @rounds: that were run
 * @rows: one for each kind of queue, all of them, in the order of peers
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
