/* SPDX-License-Identifier: GPL-2.0-only */
/* An open file of a queue: what it remembers from one call to the next. */
#ifndef BBUF_OPEN_FILE_H
#define BBUF_OPEN_FILE_H

#include <linux/atomic.h>
#include <linux/fs.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include "io.h"
#include "node.h"
#include "restart.h"

struct bbuf_holder;

/**
 * struct bbuf_file - an open file of a queue
 * @node: node of the queue
 * @serial: number that no other file ever has; constant
 * @flags: options of the file: any of BBUF_FRAMED, BBUF_LEASE_FRAMED; read and written without a
 *         lock
 * @read_timeout: nanoseconds after which a blocking read gives up, or 0; likewise, and atomic, as a
 *                32-bit processor could read one half before a change and one after
 * @write_timeout: the same for writes
 * @refused: bytes of room that the last non-blocking write was refused for, which poll waits for; 0
 *           if it was not refused; written under @refused_lock, read without
 * @picky: the file is counted in bbuf_queue.picky_files
 * @refused_lock: protects @picky, that count and bbuf_queue.refused_files, and writing @refused
 * @holder: holder of the file's leases; NULL if the queue does not lease
 * @fast_reads: reads have neither frames nor leases, and may use bbuf_read_fast()
 * @fast_writes: the same for writes
 */
struct bbuf_file {
	struct bbuf_node *node;
	u64 serial;
	u32 flags;
	atomic64_t read_timeout;
	atomic64_t write_timeout;
	size_t refused;
	bool picky;
	spinlock_t refused_lock;	/* for refused and picky */
	struct bbuf_holder *holder;
	bool fast_reads;
	bool fast_writes;
};

struct bbuf_file *bbuf_file_alloc(struct bbuf_node *node);
void bbuf_file_free(struct bbuf_file *bf);
void bbuf_file_set_flags(struct bbuf_file *bf, u32 flags);
struct bbuf_restart_call bbuf_file_restart_call(const struct bbuf_file *bf,
						enum bbuf_restart_kind kind, struct kiocb *iocb);
struct bbuf_io_opts bbuf_file_io_opts(const struct file *file, bool nowait,
				      struct bbuf_restart_call *call);

/**
 * bbuf_file_queue() - get the queue of an open file
 * @file: the file
 *
 * Return: the queue.
 */
static inline struct bbuf_queue *bbuf_file_queue(const struct file *file)
{
	const struct bbuf_file *bf = file->private_data;

	return &bf->node->queue;
}

#endif /* BBUF_OPEN_FILE_H */
