/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The properties and statistics of a queue, as fields.
 */
#ifndef BBUF_FIELD_H
#define BBUF_FIELD_H

#include <stddef.h>
#include <stdint.h>

#include <bbuf.h>

enum field_kind {
	FIELD_TEXT,
	FIELD_TYPE,
	FIELD_STATE,
	FIELD_EOF_ON_CLOSE,
	FIELD_DROP_OLDEST,
	FIELD_LEASE,
	FIELD_SIZE,
	FIELD_COUNT,
	FIELD_COUNT_32,
};

/**
 * struct field - a property or statistic of a queue
 * @key: key in JSON; the name of the file in /sys/class/bbuf/QUEUE
 * @heading: heading of its column in `bbuf list'; NULL if it has none
 * @kind: how to format it
 * @offset: offset in struct bbuf_info of a number or text
 */
struct field {
	const char *key;
	const char *heading;
	enum field_kind kind;
	size_t offset;
};

/* Heading of a column that is shown only if a queue has leases. */
#define FIELD_LEASED_HEADING	"LEASED"

extern const struct field fields[];
extern const size_t field_count;

const char *field_text(const struct field *field, const struct bbuf_info *info);
uint64_t field_number(const struct field *field, const struct bbuf_info *info);
const char *state_name(const struct bbuf_info *info);

#endif /* BBUF_FIELD_H */
