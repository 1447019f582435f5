/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Numbers from a struct bbuf_info. BBUF_UNKNOWN becomes "-" as text.
 */
#ifndef BBUF_NUMBER_H
#define BBUF_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

#include <bbuf.h>

#include "common/units.h"

static inline bool is_known(uint64_t number)
{
	return number != BBUF_UNKNOWN;
}

/* Extend a member of 32 bits to 64 bits, preserving "unknown". */
static inline uint64_t widen(uint32_t number)
{
	return number == BBUF_UNKNOWN_32 ? BBUF_UNKNOWN : number;
}

const char *format_number(char text[TEXT_MAX], uint64_t number);
const char *format_slept(char text[TEXT_MAX], uint64_t ns);
const char *format_limit(char text[TEXT_MAX], uint64_t ns);

#endif /* BBUF_NUMBER_H */
