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
#include "common/settings.h"
#include "common/units.h"
#include "cost.h"
#include "queue.h"
#include "show.h"
#include "team.h"

void example_settings(int argc, char **argv, const char *doc, const struct setting *settings);

void sleep_for(uint64_t ns);

/*
 * CPU-bound work: whether the number is the sum of its digits, each raised to the power of the
 * number of digits.
 */
bool is_armstrong(uint32_t number);

#endif /* BBUF_EXAMPLES_EXAMPLE_H */
