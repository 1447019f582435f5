/* SPDX-License-Identifier: GPL-2.0-only */
/* An open file of a queue: what it remembers from one call to the next. */
#ifndef BBUF_OPEN_FILE_H
#define BBUF_OPEN_FILE_H

#include <linux/atomic.h>
#include <linux/fs.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include "node.h"
#include "queue.h"
#include "restart.h"

struct bbuf_holder;

/**
 * struct bbuf_io_opts - how a file, or one call, wants to be served
 * @nowait: do not sleep for the other side
 * @framed: records have frames
 * @lease_framed: frames hold the ids of leases
 * @deadline: nanoseconds of CLOCK_MONOTONIC at which to give up, or BBUF_NEVER
 * @refused: filled in with the bytes of room that a refused write needs; or NULL
 */
struct bbuf_io_opts {
	bool nowait;
	bool framed;
	bool lease_framed;
	u64 deadline;
	size_t *refused;
};

/**
 * struct bbuf_file - an open file of a queue
 * @file: the file
 * @node: node of the queue
 * @serial: number that no other file ever has; constant
 * @flags: options of the file: any of BBUF_FRAMED, BBUF_LEASE_FRAMED; written under @lock, read
 *         without
 * @read_timeout: nanoseconds after which a blocking read gives up, or 0; likewise, and atomic, as a
 *                32-bit processor could read one half before a change and one after
 * @write_timeout: the same for writes
 * @refused: bytes of room that the last non-blocking write was refused for, which poll waits for; 0
 *           if it was not refused; written under @lock, read without
 * @picky: the file is counted in bbuf_queue.picky_files
 * @lock: protects @picky, that count and bbuf_queue.refused_files, and writing @refused and the
 *        options
 * @holder: holder of the file's leases; NULL if the queue does not lease
 * @plain_reads: reads have neither frames nor leases; as @flags
 * @plain_writes: writes have no frames, and return no tokens
 */
struct bbuf_file {
	struct file *file;
	struct bbuf_node *node;
	u64 serial;
	u32 flags;
	atomic64_t read_timeout;
	atomic64_t write_timeout;
	size_t refused;
	bool picky;
	spinlock_t lock;	/* for refused, picky and the options */
	struct bbuf_holder *holder;
	bool plain_reads;
	bool plain_writes;
};

/**
 * struct bbuf_call - a system call on an open file, which may wait
 * @bf: the file
 * @restart: what the next execution of it must know
 * @opts: how it is served
 * @refused: bytes of room that it was refused for
 */
struct bbuf_call {
	struct bbuf_file *bf;
	struct bbuf_restart_call restart;
	struct bbuf_io_opts opts;
	size_t refused;
};

struct bbuf_file *bbuf_file_alloc(struct bbuf_node *node, struct file *file);
void bbuf_file_free(struct bbuf_file *bf);
void bbuf_file_set_flags(struct bbuf_file *bf, u32 flags);
void bbuf_file_set_refused(struct bbuf_file *bf, size_t need);
struct bbuf_restart_call bbuf_file_restart_call(const struct bbuf_file *bf,
						enum bbuf_restart_kind kind, struct kiocb *iocb);
void bbuf_call_begin(struct bbuf_call *call, struct bbuf_file *bf, enum bbuf_restart_kind kind,
		     struct kiocb *iocb);
ssize_t bbuf_call_end(const struct bbuf_call *call, ssize_t ret);

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
