// SPDX-License-Identifier: GPL-2.0-only
/*
 * Numbers from the kernel. See number.h.
 */
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/macros.h"
#include "common/units.h"
#include "number.h"

const char *format_number(char text[TEXT_MAX], uint64_t number)
{
	if (is_known(number))
		snprintf(text, TEXT_MAX, "%llu", (unsigned long long)number);
	else
		strcpy(text, "-");
	return text;
}

/* Format a time briefly, up to days. */
const char *format_slept(char text[TEXT_MAX], uint64_t ns)
{
	static const struct {
		const char *name;
		double ns;
	} units[] = {
		{ "d", 86400.0 * NSEC_PER_SEC }, { "h", 3600.0 * NSEC_PER_SEC },
		{ "min", 60.0 * NSEC_PER_SEC }, { "s", NSEC_PER_SEC },
		{ "ms", NSEC_PER_MSEC }, { "us", NSEC_PER_USEC },
	};
	double number;
	size_t i;

	if (!is_known(ns))
		return format_number(text, ns);
	for (i = 0; i < ARRAY_SIZE(units) - 1 && ns < units[i].ns; i++)
		;
	number = ns / units[i].ns;
	snprintf(text, TEXT_MAX, ns && number < 9.95 ? "%.1f%s" : "%.0f%s", number,
		 units[i].name);
	return text;
}

/* Format a time in the largest unit that divides it: 90s, 5min. */
const char *format_limit(char text[TEXT_MAX], uint64_t ns)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {
		{ "min", 60 * NSEC_PER_SEC }, { "s", NSEC_PER_SEC }, { "ms", NSEC_PER_MSEC },
		{ "us", NSEC_PER_USEC }, { "ns", 1 },
	};
	size_t i;

	if (!is_known(ns))
		return format_number(text, ns);
	for (i = 0; ns % units[i].ns; i++)
		;
	snprintf(text, TEXT_MAX, "%llu%s", (unsigned long long)(ns / units[i].ns),
		 units[i].name);
	return text;
}
