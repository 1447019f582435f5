// SPDX-License-Identifier: GPL-2.0-only
/*
 * The file operations: the system calls on a queue's node, but for ioctl(2), which is in ioctl.c.
 *
 * This file only decides what depends on the caller's file: the queue, what the file may do with
 * it, and which of the ways to read or write it takes. The queue does the rest.
 */
#include <linux/atomic.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/spinlock.h>
#include <linux/splice.h>
#include <linux/uio.h>

#include "compat.h"
#include "file.h"
#include "framed.h"
#include "holder.h"
#include "io.h"
#include "ioctl.h"
#include "lease.h"
#include "lease_read.h"
#include "manage.h"
#include "node.h"
#include "open_file.h"
#include "restart.h"
#include "token.h"

/*
 * A user who may read the directory of a node may watch its files for reads and writes with
 * inotify(7), and may read their times. Without this the user would learn when data passes through
 * a queue without the permission to read it.
 */
static void bbuf_file_hide_traffic(struct file *file)
{
	file->f_mode = (file->f_mode & ~FMODE_FSNOTIFY_MASK) | FMODE_NONOTIFY;
	inode_set_flags(file_inode(file), S_NOATIME, S_NOATIME);
}

static int bbuf_open(struct inode *inode, struct file *file)
{
	struct bbuf_node *node = container_of(inode->i_cdev, struct bbuf_node, cdev);
	struct bbuf_file *bf = bbuf_file_alloc(node, file);
	int ret = -ENOMEM;

	if (!bf)
		return ret;
	if (node->queue.leases) {
		bf->holder = bbuf_holder_get(&node->queue);
		if (!bf->holder)
			goto err_free;
	}
	ret = bbuf_queue_open(&node->queue, file->f_mode);
	if (ret)
		goto err_put_holder;
	bbuf_file_set_flags(bf, 0);
	file->private_data = bf;
	file->f_mode |= FMODE_NOWAIT;
	bbuf_file_hide_traffic(file);
	return stream_open(inode, file);

err_put_holder:
	if (bf->holder)
		bbuf_holder_put(&node->queue, bf->holder);
err_free:
	bbuf_file_free(bf);
	return ret;
}

static int bbuf_release(struct inode *inode, struct file *file)
{
	struct bbuf_file *bf = file->private_data;

	bbuf_queue_release(&bf->node->queue, file->f_mode);
	if (bf->holder)
		bbuf_holder_put(&bf->node->queue, bf->holder);
	bbuf_file_free(bf);
	return 0;
}

/* For frames and leases. Options may have changed since the caller checked them: any read works. */
static ssize_t bbuf_file_read(struct bbuf_file *bf, struct iov_iter *to, struct kiocb *iocb)
{
	struct bbuf_queue *q = &bf->node->queue;
	struct bbuf_call call;
	ssize_t ret;

	bbuf_call_begin(&call, bf, BBUF_RESTART_READ, iocb);
	if (bf->holder)
		ret = iov_iter_count(to) ?
		      bbuf_lease_read(q, bf->holder, to, call.opts, NULL) : 0;
	else if (call.opts.framed)
		ret = bbuf_read_framed(q, to, call.opts);
	else
		ret = bbuf_read(q, to, call.opts);
	return bbuf_call_end(&call, ret);
}

static ssize_t bbuf_file_write(struct bbuf_file *bf, struct iov_iter *from, struct kiocb *iocb)
{
	struct bbuf_queue *q = &bf->node->queue;
	struct bbuf_call call;
	ssize_t ret;

	bbuf_call_begin(&call, bf, BBUF_RESTART_WRITE, iocb);
	if (call.opts.framed)
		ret = bbuf_write_framed(q, from, call.opts);
	else if (bf->holder && q->type == BBUF_STREAM)
		ret = bbuf_token_write(q, bf->holder, from, call.opts);
	else
		ret = bbuf_write(q, from, call.opts);
	return bbuf_call_end(&call, ret);
}

static ssize_t bbuf_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct bbuf_file *bf = iocb->ki_filp->private_data;

	if (READ_ONCE(bf->plain_reads))
		return bbuf_read_iov(bf, to, iocb);
	return bbuf_file_read(bf, to, iocb);
}

static ssize_t bbuf_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct bbuf_file *bf = iocb->ki_filp->private_data;

	if (READ_ONCE(bf->plain_writes))
		return bbuf_write_iov(bf, from, iocb);
	return bbuf_file_write(bf, from, iocb);
}

/*
 * Most reads and writes need neither a kiocb nor an iterator. The price: kernel_read() and
 * kernel_write() refuse files that have both this and the iterators. Those that need an iterator
 * are out of line, because the kernel may clear variables on the stack.
 */
static noinline ssize_t bbuf_file_read_user(struct bbuf_file *bf, char __user *buf, size_t len)
{
	struct iov_iter to;

	iov_iter_ubuf(&to, ITER_DEST, buf, len);
	return bbuf_file_read(bf, &to, NULL);
}

static ssize_t bbuf_read_plain(struct file *file, char __user *buf, size_t len, loff_t *pos)
{
	struct bbuf_file *bf = file->private_data;

	if (likely(READ_ONCE(bf->plain_reads)))
		return bbuf_read_user(bf, buf, len);
	return bbuf_file_read_user(bf, buf, len);
}

static noinline ssize_t bbuf_file_write_user(struct bbuf_file *bf, const char __user *buf,
					     size_t len)
{
	struct iov_iter from;

	iov_iter_ubuf(&from, ITER_SOURCE, (void __user *)buf, len);
	return bbuf_file_write(bf, &from, NULL);
}

static ssize_t bbuf_write_plain(struct file *file, const char __user *buf, size_t len, loff_t *pos)
{
	struct bbuf_file *bf = file->private_data;

	if (likely(READ_ONCE(bf->plain_writes)))
		return bbuf_write_user(bf, buf, len);
	return bbuf_file_write_user(bf, buf, len);
}

/* A file that may not lease more can't read; one that holds tokens can write them back. */
static __poll_t bbuf_poll_holder(const struct file *file, __poll_t events)
{
	const struct bbuf_file *bf = file->private_data;
	const struct bbuf_queue *q = &bf->node->queue;

	if (events & EPOLLERR)
		return events;
	if (bbuf_holder_is_full(q, bf->holder))
		events &= ~(EPOLLIN | EPOLLRDNORM);
	/* Unless a write of a new token was just refused: the poller would spin. */
	if (q->type == BBUF_STREAM && (file->f_mode & FMODE_WRITE) &&
	    READ_ONCE(bf->holder->count) && !READ_ONCE(bf->refused))
		events |= EPOLLOUT | EPOLLWRNORM;
	return events;
}

static __poll_t bbuf_poll(struct file *file, poll_table *wait)
{
	const struct bbuf_file *bf = file->private_data;
	__poll_t events = bbuf_queue_poll(&bf->node->queue, file, wait);
	size_t refused = READ_ONCE(bf->refused);

	/*
	 * Otherwise the poller would spin: the write that poll reports possible would be refused.
	 */
	if (refused && !bbuf_queue_has_room(&bf->node->queue, refused))
		events &= ~(EPOLLOUT | EPOLLWRNORM);
	return bf->holder ? bbuf_poll_holder(file, events) : events;
}

static int bbuf_fasync(int fd, struct file *file, int on)
{
	return bbuf_queue_fasync(bbuf_file_queue(file), fd, file, on);
}

/*
 * A queue has no storage behind it: fsync waits for its consumers. A file that is open for neither
 * side must not learn when they are done.
 */
static int bbuf_fsync(struct file *file, loff_t start, loff_t end, int datasync)
{
	struct bbuf_restart_call call =
		bbuf_file_restart_call(file->private_data, BBUF_RESTART_FSYNC, NULL);
	bool again;

	if (!(file->f_mode & (FMODE_READ | FMODE_WRITE)))
		return -EBADF;
	again = bbuf_restart_take(&call);
	return bbuf_restart_end(&call, bbuf_queue_drain(bbuf_file_queue(file), &call.value, again));
}

static void bbuf_show_fdinfo(struct seq_file *m, struct file *file)
{
	const struct bbuf_file *bf = file->private_data;

	seq_printf(m, "bbuf-queue:\t%s\n", bf->node->name);
	seq_printf(m, "bbuf-framed:\t%u\n", READ_ONCE(bf->flags) & BBUF_FRAMED ? 1 : 0);
	seq_printf(m, "bbuf-read-timeout:\t%llu\n", (u64)atomic64_read(&bf->read_timeout));
	seq_printf(m, "bbuf-write-timeout:\t%llu\n", (u64)atomic64_read(&bf->write_timeout));
	if (bf->holder)
		seq_printf(m, "bbuf-leased:\t%u\n", READ_ONCE(bf->holder->count));
}

const struct file_operations bbuf_fops = {
	.owner		= THIS_MODULE,
	.open		= bbuf_open,
	.release	= bbuf_release,
	.read		= bbuf_read_plain,
	.write		= bbuf_write_plain,
	.read_iter	= bbuf_read_iter,
	.write_iter	= bbuf_write_iter,
	.splice_read	= copy_splice_read,
	.splice_write	= iter_file_splice_write,
	.poll		= bbuf_poll,
	.fasync		= bbuf_fasync,
	.fsync		= bbuf_fsync,
	.show_fdinfo	= bbuf_show_fdinfo,
	.unlocked_ioctl	= bbuf_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
};
