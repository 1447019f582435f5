// SPDX-License-Identifier: GPL-2.0-only
/*
 * Options of the examples, and a computation. See example.h.
 */
#include "common/clock.h"
#include "common/settings.h"
#include "example.h"

/* The last element of @settings has no name. */
void example_settings(int argc, char **argv, const char *doc, const struct setting *settings)
{
	const struct command_line line = { .settings = settings, .doc = doc };

	command_line_parse(&line, argc, argv);
}

void sleep_for(uint64_t ns)
{
	sleep_until(now_ns() + ns);
}

static uint64_t power(uint32_t base, unsigned int exponent)
{
	uint64_t product = 1;

	while (exponent--)
		product *= base;
	return product;
}

bool is_armstrong(uint32_t number)
{
	unsigned int digits = 0;
	uint64_t sum = 0;
	uint32_t rest;

	for (rest = number; rest; rest /= 10)
		digits++;
	for (rest = number; rest; rest /= 10)
		sum += power(rest % 10, digits);
	return sum == number;
}
