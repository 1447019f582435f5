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

#include "open_file.h"
#include "queue.h"
#include "restart.h"

/**
 * bbuf_file_set_flags() - set the options of a file, and what follows from them
 * @bf: the file
 * @flags: any of BBUF_FRAMED, BBUF_LEASE_FRAMED; valid for the queue
 */
void bbuf_file_set_flags(struct bbuf_file *bf, u32 flags)
{
	bool tokens = bf->holder && bf->node->queue.type == BBUF_STREAM;

	/* Otherwise two threads could leave options of which each call follows others. */
	spin_lock(&bf->lock);
	WRITE_ONCE(bf->flags, flags);
	WRITE_ONCE(bf->plain_reads, !(flags & BBUF_FRAMED) && !bf->holder);
	WRITE_ONCE(bf->plain_writes, !(flags & BBUF_FRAMED) && !tokens);
	spin_unlock(&bf->lock);
}

/**
 * bbuf_file_alloc() - allocate the state of a file that the current task opens
 * @node: node of the queue
 * @file: the file
 *
 * The node can't disappear under an open file: the file holds its cdev, and the cdev the device
 * that the node is part of.
 *
 * Return: the state, for bbuf_file_free(), or NULL if there is no memory.
 */
struct bbuf_file *bbuf_file_alloc(struct bbuf_node *node, struct file *file)
{
	static atomic64_t files = ATOMIC64_INIT(0);
	struct bbuf_file *bf;

	bf = kzalloc(sizeof(*bf), GFP_KERNEL_ACCOUNT);
	if (!bf)
		return NULL;
	bf->file = file;
	bf->node = node;
	spin_lock_init(&bf->lock);
	bf->serial = atomic64_inc_return(&files);
	return bf;
}

/**
 * bbuf_file_free() - free the state of a file that is closed
 * @bf: from bbuf_file_alloc(); its holder is not used any more
 */
void bbuf_file_free(struct bbuf_file *bf)
{
	if (bf->picky)
		atomic_dec(&bf->node->queue.picky_files);
	if (bf->refused)
		atomic_dec(&bf->node->queue.refused_files);
	kfree(bf);
}

/**
 * bbuf_file_set_refused() - remember that a write was refused, for poll
 * @bf: the file
 * @need: bytes of room that the write needs; 0 if the last write was not refused
 *
 * A file that needs more than the write mark is counted: it would swallow an exclusive wake-up that
 * another poller needs. Threads that poll this file check again.
 */
void bbuf_file_set_refused(struct bbuf_file *bf, size_t need)
{
	struct bbuf_queue *q = &bf->node->queue;
	bool picky, changed;

	spin_lock(&bf->lock);
	changed = need != bf->refused;
	if (!need != !bf->refused)
		atomic_add(need ? 1 : -1, &q->refused_files);
	WRITE_ONCE(bf->refused, need);
	/*
	 * Pairs with bbuf_queue_set_limits(), which lowers the mark, then reads the count:
	 * otherwise neither side might notice that the file has become picky.
	 */
	smp_mb__after_atomic();
	picky = need > READ_ONCE(q->producer.mark);
	if (picky != bf->picky)
		atomic_add(picky ? 1 : -1, &q->picky_files);
	bf->picky = picky;
	spin_unlock(&bf->lock);
	if (!changed)
		return;
	/* Tokens of the holder can be written back, whatever room there is. */
	if (bf->holder && q->type == BBUF_STREAM)
		bbuf_side_recheck_pollers(&q->producer);
	else
		bbuf_side_notify(&q->producer, 0, 0);
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

static bool bbuf_iocb_nowait(struct kiocb *iocb)
{
	return iocb && (iocb->ki_flags & IOCB_NOWAIT);
}

/**
 * bbuf_call_begin() - determine how a read or write is served: by its file, or as it was begun
 * @call: the call; must end with bbuf_call_end()
 * @bf: the file
 * @kind: kind of system call
 * @iocb: from the file operation, or NULL for a plain system call. io_uring and RWF_NOWAIT make a
 *        single call non-blocking with it; fcntl(2) does so for the file
 */
void bbuf_call_begin(struct bbuf_call *call, struct bbuf_file *bf, enum bbuf_restart_kind kind,
		     struct kiocb *iocb)
{
	bool write = kind == BBUF_RESTART_WRITE;
	u32 flags = READ_ONCE(bf->flags);

	call->bf = bf;
	call->refused = 0;
	call->restart = bbuf_file_restart_call(bf, kind, iocb);
	if (!bbuf_restart_take(&call->restart))
		call->restart.value = bbuf_deadline(atomic64_read(write ? &bf->write_timeout :
									  &bf->read_timeout));
	call->opts = (struct bbuf_io_opts) {
		.nowait = bbuf_iocb_nowait(iocb) || (bf->file->f_flags & O_NONBLOCK),
		.framed = flags & BBUF_FRAMED,
		.lease_framed = flags & BBUF_LEASE_FRAMED,
		.deadline = call->restart.value,
		.refused = write ? &call->refused : NULL,
	};
}

/**
 * bbuf_call_end() - remember what poll and the next execution of a call must know of it
 * @call: the call
 * @ret: its result
 *
 * Return: result of the system call.
 */
ssize_t bbuf_call_end(const struct bbuf_call *call, ssize_t ret)
{
	if (call->opts.refused && ret == -EAGAIN)
		bbuf_file_set_refused(call->bf, call->refused);
	else if (call->opts.refused && ret > 0 && READ_ONCE(call->bf->refused))
		bbuf_file_set_refused(call->bf, 0);
	return bbuf_restart_end(&call->restart, ret);
}
