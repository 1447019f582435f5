// SPDX-License-Identifier: GPL-2.0-only
/*
 * The file operations: what a system call on /dev/bbuf comes to.
 *
 * All that is decided here is what the caller's file says: which queue it is and
 * whether it waits. The rest is the queue's.
 */
#include <linux/fs.h>
#include <linux/ioctl.h>
#include <linux/module.h>
#include <linux/splice.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include <asm/ioctls.h>

#include "bbuf.h"
#include "compat.h"

/*
 * The node can't go away under an open file: the file holds its cdev, and that
 * the device it is part of.
 */
static int bbuf_open(struct inode *inode, struct file *file)
{
	struct bbuf_node *node = container_of(inode->i_cdev, struct bbuf_node, cdev);

	file->private_data = &node->queue;
	file->f_mode |= FMODE_NOWAIT;
	return stream_open(inode, file);
}

/* io_uring and RWF_NOWAIT say it with each call, fcntl(2) once for a file. */
static bool bbuf_nowait(const struct kiocb *iocb)
{
	return (iocb->ki_flags & IOCB_NOWAIT) || (iocb->ki_filp->f_flags & O_NONBLOCK);
}

static ssize_t bbuf_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	return bbuf_queue_read(iocb->ki_filp->private_data, to, bbuf_nowait(iocb));
}

static ssize_t bbuf_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	return bbuf_queue_write(iocb->ki_filp->private_data, from, bbuf_nowait(iocb));
}

static __poll_t bbuf_poll(struct file *file, poll_table *wait)
{
	return bbuf_queue_poll(file->private_data, file, wait);
}

static int bbuf_fasync(int fd, struct file *file, int on)
{
	return bbuf_queue_fasync(file->private_data, fd, file, on);
}

/* There is no storage behind a queue: what fsync can wait for is its consumers. */
static int bbuf_fsync(struct file *file, loff_t start, loff_t end, int datasync)
{
	return bbuf_queue_drain(file->private_data);
}

static long bbuf_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	switch (cmd) {
	case FIONREAD:
		return put_user((int)bbuf_queue_used(file->private_data), (int __user *)arg);
	default:
		return -ENOTTY;
	}
}

const struct file_operations bbuf_fops = {
	.owner		= THIS_MODULE,
	.open		= bbuf_open,
	.read_iter	= bbuf_read_iter,
	.write_iter	= bbuf_write_iter,
	.splice_read	= copy_splice_read,
	.splice_write	= iter_file_splice_write,
	.poll		= bbuf_poll,
	.fasync		= bbuf_fasync,
	.fsync		= bbuf_fsync,
	.unlocked_ioctl	= bbuf_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
};
