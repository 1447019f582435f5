/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the examples share: options here; queues, threads and processes, what something
 * cost, and how to show it, each in a header of its own.
 *
 * Nothing here teaches anything. Begin with an example, and come back for a name that
 * does not explain itself.
 */
#ifndef BBUF_EXAMPLES_EXAMPLE_H
#define BBUF_EXAMPLES_EXAMPLE_H

#include <argp.h>
#include <err.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "common.h"
#include "cost.h"
#include "queue.h"
#include "show.h"
#include "team.h"

/**
 * struct setting - an option of an example: it takes a number, or is given or not
 * @name: what it is called: --name=VALUE, or --name
 * @initial: the default, as the user would write it; NULL for 0
 * @doc: what it is, for --help, which adds the default
 * @value: where the number goes; 1 if it takes none and is given
 * @read: arg_count, arg_size or arg_time; NULL if it takes none
 * @max: the most that makes sense; 0 for no limit
 */
struct setting {
	const char *name;
	const char *initial;
	const char *doc;
	uint64_t *value;
	uint64_t (*read)(struct argp_state *state, const char *name, const char *arg);
	uint64_t max;
};

void example_settings(int argc, char **argv, const char *doc, const struct setting *settings);

void sleep_for(uint64_t ns);

/* Work for the CPU alone: is it the sum of its digits, each to the power of their number? */
bool is_armstrong(uint32_t number);

#endif /* BBUF_EXAMPLES_EXAMPLE_H */
