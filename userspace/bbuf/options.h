/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Options and arguments that several commands share.
 */
#ifndef BBUF_OPTIONS_H
#define BBUF_OPTIONS_H

#include <argp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "common/arguments.h"

/**
 * struct wait_options - how long to wait: --timeout, --nonblock
 * @given: storage for @timeout
 * @timeout: argument for libbbuf: &given, or NULL to wait without a limit
 */
struct wait_options {
	struct timespec given;
	const struct timespec *timeout;
};

extern const struct argp wait_argp;

/**
 * struct separator - what separates items: --lines, --null
 * @given: one of the options was given
 * @byte: the separator
 */
struct separator {
	bool given;
	char byte;
};

extern const struct argp separator_argp;

/*
 * Limits of leases: --lease-timeout, --max-leases and --tries. The input of the parser is a
 * struct bbuf_set. The help for a new queue includes the defaults.
 */
extern const struct argp limits_argp;
extern const struct argp new_limits_argp;

bool arg_bool(struct argp_state *state, const char *what, const char *arg);
size_t arg_jobs(struct argp_state *state, const char *arg, size_t most);
char **arg_command(struct argp_state *state);
error_t arg_queue(int key, char *arg, struct argp_state *state, const char **queue);
const char *parse_one_queue(int argc, char **argv, const char *doc);

#endif /* BBUF_OPTIONS_H */
