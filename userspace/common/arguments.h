/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Arguments of options, for argp parsers: each function returns the value of @arg, or reports a
 * usage error of the option --@what and exits.
 */
#ifndef BBUF_COMMON_ARGUMENTS_H
#define BBUF_COMMON_ARGUMENTS_H

#include <argp.h>
#include <stdint.h>

/* One of the last lines of a --help, for the units that its options take. */
#define HELP_SIZES	"Sizes take K, M or G (powers of 1024)."
#define HELP_TIMES	"Times take ns, us, ms, s or min."
#define HELP_UNITS	"Sizes take K, M or G (powers of 1024), times ns, us, ms, s or min."

uint64_t arg_size(struct argp_state *state, const char *what, const char *arg);
uint64_t arg_count(struct argp_state *state, const char *what, const char *arg);
uint64_t arg_count_to(struct argp_state *state, const char *what, const char *arg, uint64_t max);
uint64_t arg_time(struct argp_state *state, const char *what, const char *arg);

#endif /* BBUF_COMMON_ARGUMENTS_H */
