/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints, for perf, trace-cmd and bpftrace: bbuf:bbuf_write and so on. Each has the name of
 * the queue.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM bbuf

#if !defined(BBUF_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define BBUF_TRACE_H

#include <linux/tracepoint.h>

#include "compat.h"
#include "queue.h"

DECLARE_EVENT_CLASS(bbuf_transfer,
	TP_PROTO(const struct bbuf_queue *q, size_t bytes, size_t records),
	TP_ARGS(q, bytes, records),
	TP_STRUCT__entry(
		__string(queue, q->name)
		__field(size_t, bytes)
		__field(size_t, records)
		__field(unsigned long, queued)
	),
	TP_fast_assign(
		bbuf_assign_str(queue, q->name);
		__entry->bytes = bytes;
		__entry->records = records;
		__entry->queued = READ_ONCE(q->producer.pos) - READ_ONCE(q->consumer.pos);
	),
	TP_printk("queue=%s bytes=%zu records=%zu queued=%lu", __get_str(queue),
		  __entry->bytes, __entry->records, __entry->queued)
);

/* Bytes were queued. */
DEFINE_EVENT(bbuf_transfer, bbuf_write,
	TP_PROTO(const struct bbuf_queue *q, size_t bytes, size_t records),
	TP_ARGS(q, bytes, records)
);

/* Bytes were read. */
DEFINE_EVENT(bbuf_transfer, bbuf_read,
	TP_PROTO(const struct bbuf_queue *q, size_t bytes, size_t records),
	TP_ARGS(q, bytes, records)
);

/* Leased bytes were consumed. */
DEFINE_EVENT(bbuf_transfer, bbuf_settle,
	TP_PROTO(const struct bbuf_queue *q, size_t bytes, size_t records),
	TP_ARGS(q, bytes, records)
);

/* Leased bytes were requeued. */
DEFINE_EVENT(bbuf_transfer, bbuf_return,
	TP_PROTO(const struct bbuf_queue *q, size_t bytes, size_t records),
	TP_ARGS(q, bytes, records)
);

DECLARE_EVENT_CLASS(bbuf_need,
	TP_PROTO(const struct bbuf_queue *q, size_t need),
	TP_ARGS(q, need),
	TP_STRUCT__entry(
		__string(queue, q->name)
		__field(size_t, need)
	),
	TP_fast_assign(
		bbuf_assign_str(queue, q->name);
		__entry->need = need;
	),
	TP_printk("queue=%s need=%zu", __get_str(queue), __entry->need)
);

/* A writer goes to sleep until there are @need bytes of room. */
DEFINE_EVENT(bbuf_need, bbuf_full,
	TP_PROTO(const struct bbuf_queue *q, size_t need),
	TP_ARGS(q, need)
);

/* A reader goes to sleep until there are @need bytes of data. */
DEFINE_EVENT(bbuf_need, bbuf_empty,
	TP_PROTO(const struct bbuf_queue *q, size_t need),
	TP_ARGS(q, need)
);

/* The head waiter is woken. */
TRACE_EVENT(bbuf_wake,
	TP_PROTO(const struct bbuf_queue *q, bool producer),
	TP_ARGS(q, producer),
	TP_STRUCT__entry(
		__string(queue, q->name)
		__field(bool, producer)
	),
	TP_fast_assign(
		bbuf_assign_str(queue, q->name);
		__entry->producer = producer;
	),
	TP_printk("queue=%s side=%s", __get_str(queue),
		  __entry->producer ? "producer" : "consumer")
);

/*
 * A lock is dropped that was held for work of variable size: at most BBUF_LOCKED_BATCH bytes and
 * BBUF_LOCKED_RECORDS entries.
 */
TRACE_EVENT_CONDITION(bbuf_batch,
	TP_PROTO(const struct bbuf_queue *q, const char *work, size_t bytes, size_t entries),
	TP_ARGS(q, work, bytes, entries),
	TP_CONDITION(bytes || entries),
	TP_STRUCT__entry(
		__string(queue, q->name)
		__string(work, work)
		__field(size_t, bytes)
		__field(size_t, entries)
	),
	TP_fast_assign(
		bbuf_assign_str(queue, q->name);
		bbuf_assign_str(work, work);
		__entry->bytes = bytes;
		__entry->entries = entries;
	),
	TP_printk("queue=%s work=%s bytes=%zu entries=%zu", __get_str(queue), __get_str(work),
		  __entry->bytes, __entry->entries)
);

DECLARE_EVENT_CLASS(bbuf_life,
	TP_PROTO(const struct bbuf_queue *q),
	TP_ARGS(q),
	TP_STRUCT__entry(
		__string(queue, q->name)
	),
	TP_fast_assign(
		bbuf_assign_str(queue, q->name);
	),
	TP_printk("queue=%s", __get_str(queue))
);

DEFINE_EVENT(bbuf_life, bbuf_create, TP_PROTO(const struct bbuf_queue *q), TP_ARGS(q));
DEFINE_EVENT(bbuf_life, bbuf_shutdown, TP_PROTO(const struct bbuf_queue *q), TP_ARGS(q));
DEFINE_EVENT(bbuf_life, bbuf_destroy, TP_PROTO(const struct bbuf_queue *q), TP_ARGS(q));

#endif /* BBUF_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
