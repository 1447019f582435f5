// SPDX-License-Identifier: GPL-2.0-only
/*
 * Properties and statistics of a queue. See field.h.
 */
#include "common/macros.h"
#include "field.h"
#include "number.h"

#define SIZE(key, heading, member) \
	{ key, heading, FIELD_SIZE, offsetof(struct bbuf_info, member) }
#define COUNT(key, heading, member) \
	{ key, heading, FIELD_COUNT, offsetof(struct bbuf_info, member) }
#define COUNT_32(key, heading, member) \
	{ key, heading, FIELD_COUNT_32, offsetof(struct bbuf_info, member) }

const struct field fields[] = {
	{ "name", "QUEUE", FIELD_TEXT, offsetof(struct bbuf_info, name) },
	{ "type", "TYPE", FIELD_TYPE, 0 },
	{ "state", "STATE", FIELD_STATE, 0 },
	{ "eof_on_close", NULL, FIELD_EOF_ON_CLOSE, 0 },
	{ "drop_oldest", NULL, FIELD_DROP_OLDEST, 0 },
	{ "lease", NULL, FIELD_LEASE, 0 },
	SIZE("capacity", "CAPACITY", capacity),
	SIZE("read_mark", NULL, read_mark),
	SIZE("write_mark", NULL, write_mark),
	SIZE("bytes", "QUEUED", bytes),
	COUNT("records", "RECORDS", records),
	SIZE("leased_bytes", FIELD_LEASED_HEADING, leased_bytes),
	COUNT("leased_records", NULL, leased_records),
	COUNT("leasing_files", NULL, leasing_files),
	SIZE("peak", NULL, peak),
	COUNT("dropped_bytes", NULL, dropped_bytes),
	COUNT("dropped_records", NULL, dropped_records),
	COUNT("flushed_bytes", NULL, flushed_bytes),
	COUNT("returned", NULL, returned),
	COUNT("expired", NULL, expired),
	COUNT("dead_lettered", NULL, dead_lettered),
	COUNT("lease_timeout_ns", NULL, lease_timeout),
	COUNT_32("max_leases", NULL, max_leases),
	COUNT_32("max_deliveries", NULL, max_deliveries),
	{ "dead_letters", NULL, FIELD_TEXT, offsetof(struct bbuf_info, dead_letters) },
	COUNT_32("writers", "WRITERS", in.files),
	COUNT_32("readers", "READERS", out.files),
	COUNT_32("waiting_writers", "W-WAIT", in.waiters),
	COUNT_32("waiting_readers", "R-WAIT", out.waiters),
	COUNT("bytes_in", NULL, in.bytes),
	COUNT("bytes_out", NULL, out.bytes),
	COUNT("records_in", NULL, in.records),
	COUNT("records_out", NULL, out.records),
	COUNT("blocked_full", NULL, in.blocked),
	COUNT("blocked_empty", NULL, out.blocked),
	COUNT("blocked_full_ns", NULL, in.blocked_ns),
	COUNT("blocked_empty_ns", NULL, out.blocked_ns),
	COUNT("wakeups_writers", NULL, in.wakeups),
	COUNT("wakeups_readers", NULL, out.wakeups),
};

const size_t field_count = ARRAY_SIZE(fields);

static const char *type_name(const struct bbuf_info *info)
{
	return info->type == BBUF_RECORD ? "record" : "stream";
}

const char *state_name(const struct bbuf_info *info)
{
	if (info->state & BBUF_SHUT)
		return "shut";
	return info->state & BBUF_LEFT ? "left" : "open";
}

/* Value of a field that holds text; NULL if it holds a number. */
const char *field_text(const struct field *field, const struct bbuf_info *info)
{
	switch (field->kind) {
	case FIELD_TEXT:
		return (const char *)info + field->offset;
	case FIELD_TYPE:
		return type_name(info);
	case FIELD_STATE:
		return state_name(info);
	default:
		return NULL;
	}
}

/* Value of a field that holds a number, or a truth value as 0 or 1. */
uint64_t field_number(const struct field *field, const struct bbuf_info *info)
{
	const char *at = (const char *)info + field->offset;

	switch (field->kind) {
	case FIELD_EOF_ON_CLOSE:
		return !!(info->policy & BBUF_EOF_ON_CLOSE);
	case FIELD_DROP_OLDEST:
		return !!(info->policy & BBUF_DROP_OLDEST);
	case FIELD_LEASE:
		return !!(info->policy & BBUF_LEASE);
	case FIELD_COUNT_32:
		return widen(*(const uint32_t *)at);
	default:
		return *(const uint64_t *)at;
	}
}
