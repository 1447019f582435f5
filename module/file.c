// SPDX-License-Identifier: GPL-2.0-only
/*
 * The file operations: what a system call on a queue's node comes to.
 *
 * All that is decided here is what the caller's file says: which queue it is, what
 * it may do with it, and whether and how long it waits. The rest is the queue's.
 */
#include <linux/compat.h>
#include <linux/fs.h>
#include <linux/ioctl.h>
#include <linux/jiffies.h>
#include <linux/limits.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/splice.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include <asm/ioctls.h>

#include "bbuf.h"
#include "compat.h"
#include "io.h"

/**
 * struct bbuf_file - an open file of a queue
 * @node: the queue's
 * @options: how the file wants to be served; read and written without a lock, each
 *           for itself
 */
struct bbuf_file {
	struct bbuf_node *node;
	struct bbuf_options options;
};

static struct bbuf_queue *bbuf_file_queue(const struct file *file)
{
	const struct bbuf_file *bf = file->private_data;

	return &bf->node->queue;
}

/*
 * The node can't go away under an open file: the file holds its cdev, and that
 * the device it is part of.
 */
static int bbuf_open(struct inode *inode, struct file *file)
{
	struct bbuf_file *bf;
	int ret;

	bf = kzalloc(sizeof(*bf), GFP_KERNEL_ACCOUNT);
	if (!bf)
		return -ENOMEM;
	bf->node = container_of(inode->i_cdev, struct bbuf_node, cdev);
	ret = bbuf_queue_open(&bf->node->queue, file->f_mode);
	if (ret) {
		kfree(bf);
		return ret;
	}
	file->private_data = bf;
	file->f_mode |= FMODE_NOWAIT;
	return stream_open(inode, file);
}

static int bbuf_release(struct inode *inode, struct file *file)
{
	struct bbuf_file *bf = file->private_data;

	bbuf_queue_release(&bf->node->queue, file->f_mode);
	kfree(bf);
	return 0;
}

static long bbuf_jiffies(u64 ns)
{
	if (!ns)
		return MAX_SCHEDULE_TIMEOUT;
	/* Never too early: rounded up, and one more, as the present one has begun. */
	return min_t(u64, div_u64(ns - 1, NSEC_PER_SEC / HZ) + 1, MAX_SCHEDULE_TIMEOUT - 2) + 1;
}

/* io_uring and RWF_NOWAIT say it with each call, fcntl(2) once for a file. */
static struct bbuf_manner bbuf_manner(const struct kiocb *iocb, bool write)
{
	const struct bbuf_file *bf = iocb->ki_filp->private_data;
	const struct bbuf_options *options = &bf->options;
	u64 timeout = READ_ONCE(*(write ? &options->write_timeout : &options->read_timeout));

	return (struct bbuf_manner) {
		.nowait = (iocb->ki_flags & IOCB_NOWAIT) ||
			  (iocb->ki_filp->f_flags & O_NONBLOCK),
		.framed = READ_ONCE(options->flags) & BBUF_FRAMED,
		.timeout = bbuf_jiffies(timeout),
	};
}

static ssize_t bbuf_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct bbuf_manner how = bbuf_manner(iocb, false);

	return bbuf_read(bbuf_file_queue(iocb->ki_filp), to, &how);
}

static ssize_t bbuf_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct bbuf_manner how = bbuf_manner(iocb, true);

	return bbuf_write(bbuf_file_queue(iocb->ki_filp), from, &how);
}

static __poll_t bbuf_poll(struct file *file, poll_table *wait)
{
	return bbuf_queue_poll(bbuf_file_queue(file), file, wait);
}

static int bbuf_fasync(int fd, struct file *file, int on)
{
	return bbuf_queue_fasync(bbuf_file_queue(file), fd, file, on);
}

/* There is no storage behind a queue: what fsync can wait for is its consumers. */
static int bbuf_fsync(struct file *file, loff_t start, loff_t end, int datasync)
{
	return bbuf_queue_drain(bbuf_file_queue(file));
}

static void bbuf_show_fdinfo(struct seq_file *m, struct file *file)
{
	const struct bbuf_file *bf = file->private_data;

	seq_printf(m, "bbuf-queue:\t%s\n", bf->node->name);
	seq_printf(m, "bbuf-framed:\t%u\n", READ_ONCE(bf->options.flags) & BBUF_FRAMED ? 1 : 0);
	seq_printf(m, "bbuf-read-timeout:\t%llu\n", READ_ONCE(bf->options.read_timeout));
	seq_printf(m, "bbuf-write-timeout:\t%llu\n", READ_ONCE(bf->options.write_timeout));
}

/* What may be shorter or longer than here: see the top of uapi/linux/bbuf.h. */
static int bbuf_copy_struct(void *dst, size_t size, unsigned int cmd, const void __user *arg)
{
	return copy_struct_from_user(dst, size, arg, _IOC_SIZE(cmd));
}

static int bbuf_return_struct(void __user *arg, unsigned int cmd, const void *src, size_t size)
{
	size_t room = _IOC_SIZE(cmd);

	if (copy_to_user(arg, src, min(size, room)))
		return -EFAULT;
	if (room > size && clear_user(arg + size, room - size))
		return -EFAULT;
	return 0;
}

static long bbuf_ioctl_info(struct bbuf_file *bf, unsigned int cmd, void __user *arg)
{
	struct bbuf_info info = { };

	strscpy(info.name, bf->node->name, sizeof(info.name));
	bbuf_queue_info(&bf->node->queue, &info);
	return bbuf_return_struct(arg, cmd, &info, sizeof(info));
}

static long bbuf_ioctl_set(struct bbuf_file *bf, unsigned int cmd, void __user *arg)
{
	struct bbuf_set set;
	int ret;

	ret = bbuf_copy_struct(&set, sizeof(set), cmd, arg);
	if (ret)
		return ret;
	if (set.fields & ~(BBUF_SET_CAPACITY | BBUF_SET_READ_MARK | BBUF_SET_WRITE_MARK |
			   BBUF_SET_POLICY))
		return -EINVAL;
	if (set.policy & ~(BBUF_EOF_ON_CLOSE | BBUF_DROP_OLDEST))
		return -EINVAL;
	if (set.fields & BBUF_SET_CAPACITY) {
		if (!set.capacity)
			return -EINVAL;
		if (set.capacity > READ_ONCE(bbuf_max_capacity))
			return -ERANGE;
	}
	return bbuf_queue_set(&bf->node->queue, &set);
}

static long bbuf_ioctl_get_options(struct bbuf_file *bf, unsigned int cmd, void __user *arg)
{
	struct bbuf_options options = {
		.flags = READ_ONCE(bf->options.flags),
		.read_timeout = READ_ONCE(bf->options.read_timeout),
		.write_timeout = READ_ONCE(bf->options.write_timeout),
	};

	return bbuf_return_struct(arg, cmd, &options, sizeof(options));
}

static long bbuf_ioctl_set_options(struct bbuf_file *bf, unsigned int cmd, void __user *arg)
{
	struct bbuf_options options;
	int ret;

	ret = bbuf_copy_struct(&options, sizeof(options), cmd, arg);
	if (ret)
		return ret;
	if ((options.flags & ~BBUF_FRAMED) || options.reserved)
		return -EINVAL;
	if ((options.flags & BBUF_FRAMED) && bf->node->queue.type != BBUF_RECORD)
		return -EINVAL;
	WRITE_ONCE(bf->options.flags, options.flags);
	WRITE_ONCE(bf->options.read_timeout, options.read_timeout);
	WRITE_ONCE(bf->options.write_timeout, options.write_timeout);
	return 0;
}

static long bbuf_ioctl_peek(struct bbuf_file *bf, unsigned int cmd, void __user *arg)
{
	struct bbuf_peek peek;
	struct iov_iter to;
	int ret;

	ret = bbuf_copy_struct(&peek, sizeof(peek), cmd, arg);
	if (ret)
		return ret;
	iov_iter_ubuf(&to, ITER_DEST, u64_to_user_ptr(peek.buffer),
		      min_t(u64, peek.size, MAX_RW_COUNT));
	return bbuf_peek(&bf->node->queue, &to);
}

/* What a command needs the file to be open for. */
static fmode_t bbuf_ioctl_mode(unsigned int nr)
{
	switch (nr) {
	case _IOC_NR(BBUF_IOC_SET):
		return FMODE_READ | FMODE_WRITE;
	case _IOC_NR(BBUF_IOC_PEEK):
	case _IOC_NR(BBUF_IOC_FLUSH):
		return FMODE_READ;
	case _IOC_NR(BBUF_IOC_SHUTDOWN):
	case _IOC_NR(BBUF_IOC_REOPEN):
		return FMODE_WRITE;
	default:
		return 0;
	}
}

/*
 * A structure's size may differ from here, so commands are told by their number; but
 * its direction, and whether it has one at all, are part of what is asked for.
 */
static bool bbuf_ioctl_is(unsigned int cmd, unsigned int known)
{
	return _IOC_TYPE(cmd) == _IOC_TYPE(known) && _IOC_NR(cmd) == _IOC_NR(known) &&
	       _IOC_DIR(cmd) == _IOC_DIR(known) && !_IOC_SIZE(cmd) == !_IOC_SIZE(known);
}

static long bbuf_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct bbuf_file *bf = file->private_data;
	struct bbuf_queue *q = &bf->node->queue;
	void __user *uarg = (void __user *)arg;
	fmode_t mode = bbuf_ioctl_mode(_IOC_NR(cmd));

	if (cmd == FIONREAD)
		return put_user((int)bbuf_readable(q), (int __user *)uarg);
	if (_IOC_TYPE(cmd) != BBUF_IOC_MAGIC)
		return -ENOTTY;
	if ((file->f_mode & mode) != mode)
		return -EBADF;

	if (bbuf_ioctl_is(cmd, BBUF_IOC_INFO))
		return bbuf_ioctl_info(bf, cmd, uarg);
	if (bbuf_ioctl_is(cmd, BBUF_IOC_SET))
		return bbuf_ioctl_set(bf, cmd, uarg);
	if (bbuf_ioctl_is(cmd, BBUF_IOC_GET_OPTIONS))
		return bbuf_ioctl_get_options(bf, cmd, uarg);
	if (bbuf_ioctl_is(cmd, BBUF_IOC_SET_OPTIONS))
		return bbuf_ioctl_set_options(bf, cmd, uarg);
	if (bbuf_ioctl_is(cmd, BBUF_IOC_PEEK))
		return bbuf_ioctl_peek(bf, cmd, uarg);
	if (cmd == BBUF_IOC_FLUSH)
		return bbuf_queue_flush(q);
	if (cmd == BBUF_IOC_SHUTDOWN)
		return bbuf_queue_shutdown(q);
	if (cmd == BBUF_IOC_REOPEN)
		return bbuf_queue_reopen(q);
	return -ENOTTY;
}

const struct file_operations bbuf_fops = {
	.owner		= THIS_MODULE,
	.open		= bbuf_open,
	.release	= bbuf_release,
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
