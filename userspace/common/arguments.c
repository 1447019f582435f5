// SPDX-License-Identifier: GPL-2.0-only
/*
 * Arguments of options. See arguments.h.
 */
#include <limits.h>

#include "arguments.h"
#include "units.h"

uint64_t arg_size(struct argp_state *state, const char *what, const char *arg)
{
	uint64_t bytes = 0;

	if (!parse_size(arg, &bytes) || !bytes || bytes > SSIZE_MAX)
		argp_error(state, "--%s=%s: must be a size such as 4096, 64K or 1M", what, arg);
	return bytes;
}

uint64_t arg_count(struct argp_state *state, const char *what, const char *arg)
{
	uint64_t number = 0;

	if (!parse_count(arg, &number) || !number)
		argp_error(state, "--%s=%s: must be a number, 1 or more", what, arg);
	return number;
}

/* Parse a number that may not exceed @max; 0 for no limit. */
uint64_t arg_count_to(struct argp_state *state, const char *what, const char *arg, uint64_t max)
{
	uint64_t number = arg_count(state, what, arg);

	if (max && number > max)
		argp_error(state, "--%s=%s: must be at most %llu", what, arg,
			   (unsigned long long)max);
	return number;
}

uint64_t arg_time(struct argp_state *state, const char *what, const char *arg)
{
	uint64_t ns = 0;

	if (!parse_time(arg, &ns) || !ns)
		argp_error(state, "--%s=%s: must be a time such as 500ms or 2s", what, arg);
	return ns;
}
