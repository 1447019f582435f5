/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counts, sizes and times as text: 1000, 64K, 500ms.
 */
#ifndef BBUF_COMMON_UNITS_H
#define BBUF_COMMON_UNITS_H

#include <stdbool.h>
#include <stdint.h>

/* Size of the text of one number; larger than any of the formats below needs. */
#define TEXT_MAX	32

bool parse_count(const char *text, uint64_t *count);
bool parse_size(const char *text, uint64_t *bytes);
bool parse_time(const char *text, uint64_t *ns);

const char *format_size(char text[TEXT_MAX], uint64_t bytes);
const char *format_time(char text[TEXT_MAX], uint64_t ns);

#endif /* BBUF_COMMON_UNITS_H */
