// SPDX-License-Identifier: GPL-2.0-only
/*
 * An open file of a queue: its options, and what they mean for a call. The calls themselves: file.c
 * and ioctl.c.
 */
#include <linux/atomic.h>
#include <linux/fs.h>
#include <linux/ktime.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "holder.h"
#include "open_file.h"

/**
 * bbuf_file_set_flags() - set the options of a file, and what follows from them
 * @bf: the file
 * @flags: any of BBUF_FRAMED, BBUF_LEASE_FRAMED; valid for the queue
 */
void bbuf_file_set_flags(struct bbuf_file *bf, u32 flags)
{
	bool tokens = bf->holder && bf->node->queue.type == BBUF_STREAM;

	WRITE_ONCE(bf->flags, flags);
	WRITE_ONCE(bf->fast_reads, !(flags & BBUF_FRAMED) && !bf->holder);
	WRITE_ONCE(bf->fast_writes, !(flags & BBUF_FRAMED) && !tokens);
}

/**
 * bbuf_file_alloc() - allocate the state of a file that the current task opens
 * @node: node of the queue
 *
 * The node can't disappear under an open file: the file holds its cdev, and the cdev the device
 * that the node is part of.
 *
 * Return: the state, for bbuf_file_free(), or NULL if there is no memory.
 */
struct bbuf_file *bbuf_file_alloc(struct bbuf_node *node)
{
	static atomic64_t files = ATOMIC64_INIT(0);
	struct bbuf_file *bf;

	bf = kzalloc(sizeof(*bf), GFP_KERNEL_ACCOUNT);
	if (!bf)
		return NULL;
	bf->node = node;
	spin_lock_init(&bf->refused_lock);
	bf->serial = atomic64_inc_return(&files);
	if (node->queue.leases) {
		bf->holder = bbuf_holder_get(&node->queue);
		if (!bf->holder) {
			kfree(bf);
			return NULL;
		}
	}
	bbuf_file_set_flags(bf, 0);
	return bf;
}

/**
 * bbuf_file_free() - free the state of a file that is closed; its leases are returned
 * @bf: from bbuf_file_alloc()
 */
void bbuf_file_free(struct bbuf_file *bf)
{
	if (bf->picky)
		atomic_dec(&bf->node->queue.picky_files);
	if (bf->refused)
		atomic_dec(&bf->node->queue.refused_files);
	if (bf->holder)
		bbuf_holder_put(&bf->node->queue, bf->holder);
	kfree(bf);
}

static u64 bbuf_deadline(u64 timeout)
{
	u64 now;

	if (!timeout)
		return BBUF_NEVER;
	now = ktime_get_ns();
	return timeout < BBUF_NEVER - now ? now + timeout : BBUF_NEVER;
}

/**
 * bbuf_file_restart_call() - describe a call that may be interrupted, and executed again
 * @bf: the file
 * @kind: kind of system call
 * @iocb: from the file operation, or NULL for a plain system call
 *
 * Return: the call, without a value.
 */
struct bbuf_restart_call bbuf_file_restart_call(const struct bbuf_file *bf,
						enum bbuf_restart_kind kind, struct kiocb *iocb)
{
	return (struct bbuf_restart_call) {
		.file = bf->serial,
		.kind = kind,
		.once = iocb && !is_sync_kiocb(iocb),
	};
}

/**
 * bbuf_file_io_opts() - determine how a call is served: by its file, or as it was begun
 * @file: the file
 * @nowait: the call is non-blocking, as io_uring and RWF_NOWAIT ask for; fcntl(2) sets it for the
 *          file
 * @call: the call; its value is set to the deadline
 *
 * Return: the options.
 */
struct bbuf_io_opts bbuf_file_io_opts(const struct file *file, bool nowait,
				      struct bbuf_restart_call *call)
{
	const struct bbuf_file *bf = file->private_data;
	bool write = call->kind == BBUF_RESTART_WRITE;
	u32 flags = READ_ONCE(bf->flags);

	if (!bbuf_restart_take(call))
		call->value = bbuf_deadline(atomic64_read(write ? &bf->write_timeout :
								  &bf->read_timeout));
	return (struct bbuf_io_opts) {
		.nowait = nowait || (file->f_flags & O_NONBLOCK),
		.framed = flags & BBUF_FRAMED,
		.lease_framed = flags & BBUF_LEASE_FRAMED,
		.deadline = call->value,
	};
}
