/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Options and arguments that several commands share.
 */
#ifndef BBUF_OPTIONS_H
#define BBUF_OPTIONS_H

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "common/settings.h"

/**
 * struct wait_options - how long to wait: --timeout, --nonblock
 * @given: storage for @timeout
 * @timeout: argument for libbbuf: &given, or NULL to wait without a limit
 */
struct wait_options {
	struct timespec given;
	const struct timespec *timeout;
};

void set_timeout(struct argp_state *state, const struct setting *setting, char *arg);
void set_nonblock(struct argp_state *state, const struct setting *setting, char *arg);

#define TIMEOUT_SETTING(wait)	\
	{ .name = "timeout", .key = 't', .arg = "TIME", .parse = set_timeout, .into = (wait), \
	  .doc = "fail if nothing can be moved for this long (default: no limit)" }
#define NONBLOCK_SETTING(wait)	\
	{ .name = "nonblock", .key = 'N', .parse = set_nonblock, .into = (wait), \
	  .doc = "fail instead of waiting" }

/**
 * struct separator - what separates items: --lines, --null
 * @given: one of the options was given
 * @byte: the separator
 */
struct separator {
	bool given;
	char byte;
};

void set_lines(struct argp_state *state, const struct setting *setting, char *arg);
void set_null(struct argp_state *state, const struct setting *setting, char *arg);

#define LINES_SETTING(separator)	\
	{ .name = "lines", .key = 'l', .parse = set_lines, .into = (separator), \
	  .doc = "end each item with a newline" }
#define NULL_SETTING(separator)	\
	{ .name = "null", .key = '0', .parse = set_null, .into = (separator), \
	  .doc = "end each item with a NUL" }

void set_lease_timeout(struct argp_state *state, const struct setting *setting, char *arg);
void set_max_leases(struct argp_state *state, const struct setting *setting, char *arg);
void set_tries(struct argp_state *state, const struct setting *setting, char *arg);

/*
 * Properties of a queue; @set is a struct bbuf_set. @default_doc is " (default: VALUE)" for a new
 * queue, and "" for one that exists: what is not given stays as it is.
 */
#define CAPACITY_SETTING(capacity, default_doc)	\
	{ .name = "capacity", .key = 'c', .size = (capacity), .doc = "capacity in bytes" default_doc }
#define LEASE_TIMEOUT_SETTING(set, default_doc)	\
	{ .name = "lease-timeout", .arg = "TIME|no", .parse = set_lease_timeout, .into = (set), \
	  .doc = "time after which a leased record is redelivered, even if its holder is alive" \
		 default_doc }
#define MAX_LEASES_SETTING(set, default_doc)	\
	{ .name = "max-leases", .arg = "N", .parse = set_max_leases, .into = (set), \
	  .doc = "maximum number of records leased by an open file, or of bytes of a stream by a " \
		 "process" default_doc }
#define TRIES_SETTING(set, default_doc)	\
	{ .name = "tries", .arg = "N|no", .parse = set_tries, .into = (set), \
	  .doc = "after N deliveries, do not return a record to the queue" default_doc }

#define JOBS_SETTING(jobs, most)	\
	{ .name = "jobs", .key = 'j', .count = (jobs), .max = (most), \
	  .doc = "maximum number of jobs to run at once (default: number of processors)" }

#define JSON_SETTING(json)	\
	{ .name = "json", .key = 'J', .yes = (json), \
	  .doc = "print JSON, with all values in /sys/class/bbuf/QUEUE; null for -" }

bool arg_bool(struct argp_state *state, const char *what, const char *arg);
uint64_t default_jobs(uint64_t most);
char **arg_command(struct argp_state *state);
error_t arg_queue(int key, char *arg, struct argp_state *state, const char **queue);
error_t parse_queue(int key, char *arg, struct argp_state *state, void *queue);
const char *parse_one_queue(int argc, char **argv, const char *doc);

#endif /* BBUF_OPTIONS_H */
