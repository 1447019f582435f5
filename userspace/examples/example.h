/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Declarations shared by the examples: options here; queues, threads and processes, costs, and
 * tables in separate headers.
 *
 * The shared code is not part of the lesson. Begin with an example, and look up a name here if
 * it does not explain itself.
 */
#ifndef BBUF_EXAMPLES_EXAMPLE_H
#define BBUF_EXAMPLES_EXAMPLE_H

#include <argp.h>
#include <err.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "common/alloc.h"
#include "common/arguments.h"
#include "common/clock.h"
#include "common/exit.h"
#include "common/macros.h"
#include "common/units.h"
#include "cost.h"
#include "queue.h"
#include "show.h"
#include "team.h"

/**
 * struct setting - an option of an example, with a number or without an argument
 * @name: name of the option, for --name=VALUE or --name
 * @initial: default value as text; NULL for 0
 * @doc: description for --help, which appends the default
 * @value: variable to set; to 1 if the option takes no argument
 * @read: arg_count, arg_size or arg_time; NULL if the option takes no argument
 * @max: maximum value; 0 for no limit
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

/*
 * CPU-bound work: whether the number is the sum of its digits, each raised to the power of the
 * number of digits.
 */
bool is_armstrong(uint32_t number);

#endif /* BBUF_EXAMPLES_EXAMPLE_H */
