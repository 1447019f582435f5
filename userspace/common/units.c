// SPDX-License-Identifier: GPL-2.0-only
/*
 * Numbers with units. See units.h.
 */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "macros.h"
#include "units.h"

/* Parse a decimal number without a sign: strtoull() would accept "-1". */
static bool parse_number(const char *text, uint64_t *number, const char **rest)
{
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	*number = strtoull(text, &end, 10);
	*rest = end;
	return !errno;
}

bool parse_count(const char *text, uint64_t *count)
{
	const char *rest;

	return parse_number(text, count, &rest) && !*rest;
}

bool parse_size(const char *text, uint64_t *bytes)
{
	static const char suffixes[] = "KMG";
	const char *rest, *suffix;
	unsigned int shift = 0;
	uint64_t number;

	if (!parse_number(text, &number, &rest))
		return false;
	if (*rest) {
		suffix = strchr(suffixes, toupper((unsigned char)*rest));
		if (!suffix || rest[1])
			return false;
		shift = 10 * (suffix - suffixes + 1);
	}
	if (number > UINT64_MAX >> shift)
		return false;
	*bytes = number << shift;
	return true;
}

bool parse_time(const char *text, uint64_t *ns)
{
	static const struct {
		const char *name;
		double ns;
	} units[] = {
		{ "ns", 1 }, { "us", NSEC_PER_USEC }, { "ms", NSEC_PER_MSEC },
		{ "s", NSEC_PER_SEC }, { "min", 60.0 * NSEC_PER_SEC },
	};
	double number, product;
	size_t i;
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	number = strtod(text, &end);
	for (i = 0; i < ARRAY_SIZE(units); i++) {
		if (strcmp(end, units[i].name))
			continue;
		product = number * units[i].ns;
		if (!isfinite(product) || product >= (double)INT64_MAX)
			return false;
		*ns = product;
		return true;
	}
	return false;
}

/* Format a size with a suffix if that is exact: 64K, but 1000. */
const char *format_size(char text[TEXT_MAX], uint64_t bytes)
{
	static const char suffixes[] = { '\0', 'K', 'M', 'G' };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(suffixes) - 1 && bytes && !(bytes % 1024); i++)
		bytes /= 1024;
	snprintf(text, TEXT_MAX, "%llu%.1s", (unsigned long long)bytes, &suffixes[i]);
	return text;
}

const char *format_time(char text[TEXT_MAX], uint64_t ns)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {
		{ "s", NSEC_PER_SEC }, { "ms", NSEC_PER_MSEC }, { "us", NSEC_PER_USEC },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(units) - 1 && ns < units[i].ns; i++)
		;
	snprintf(text, TEXT_MAX, "%.3g %s", (double)ns / units[i].ns, units[i].name);
	return text;
}
