// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ioctls of a queue's file: one table, with what each of them needs.
 *
 * They check what depends on the caller: the structure in user memory, and the file. What else may
 * be asked for is in check.c.
 */
#include <linux/fs.h>
#include <linux/ioctl.h>
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include <asm/ioctls.h>

#include "check.h"
#include "compat.h"
#include "io.h"
#include "ioctl.h"
#include "lease_read.h"
#include "manage.h"
#include "node.h"
#include "open_file.h"
#include "restart.h"
#include "settle.h"
#include "uapi/linux/bbuf.h"

/* The structure may be shorter or longer than here: see the top of uapi/linux/bbuf.h. */
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

static bool bbuf_file_nowait(const struct file *file)
{
	return file->f_flags & O_NONBLOCK;
}

static long bbuf_ioctl_info(struct file *file, unsigned int cmd, void __user *arg)
{
	const struct bbuf_file *bf = file->private_data;
	struct bbuf_info info = { };

	strscpy(info.name, bf->node->name, sizeof(info.name));
	bbuf_queue_info(&bf->node->queue, &info);
	return bbuf_return_struct(arg, cmd, &info, sizeof(info));
}

static long bbuf_ioctl_set(struct file *file, unsigned int cmd, void __user *arg)
{
	struct bbuf_set set;
	int ret;

	ret = bbuf_copy_struct(&set, sizeof(set), cmd, arg);
	if (ret)
		return ret;
	ret = bbuf_set_check(bbuf_file_queue(file), &set);
	if (ret)
		return ret;
	return bbuf_queue_set(bbuf_file_queue(file), &set, bbuf_file_nowait(file));
}

static long bbuf_ioctl_get_options(struct file *file, unsigned int cmd, void __user *arg)
{
	const struct bbuf_file *bf = file->private_data;
	struct bbuf_options options = {
		.flags = READ_ONCE(bf->flags),
		.read_timeout = atomic64_read(&bf->read_timeout),
		.write_timeout = atomic64_read(&bf->write_timeout),
	};

	return bbuf_return_struct(arg, cmd, &options, sizeof(options));
}

static long bbuf_ioctl_set_options(struct file *file, unsigned int cmd, void __user *arg)
{
	struct bbuf_file *bf = file->private_data;
	struct bbuf_options options;
	int ret;

	ret = bbuf_copy_struct(&options, sizeof(options), cmd, arg);
	if (ret)
		return ret;
	if ((options.flags & ~(BBUF_FRAMED | BBUF_LEASE_FRAMED)) || options.reserved)
		return -EINVAL;
	if ((options.flags & BBUF_FRAMED) && bf->node->queue.type != BBUF_RECORD)
		return -EINVAL;
	if ((options.flags & BBUF_LEASE_FRAMED) &&
	    (!(options.flags & BBUF_FRAMED) || !bf->holder))
		return -EINVAL;
	bbuf_file_set_flags(bf, options.flags);
	atomic64_set(&bf->read_timeout, options.read_timeout);
	atomic64_set(&bf->write_timeout, options.write_timeout);
	return 0;
}

/*
 * Set up the buffer of an ioctl's structure. For read(2) the VFS has checked the address; here it
 * must be done.
 */
static int bbuf_ioctl_buffer(struct iov_iter *to, u64 buffer, u64 size)
{
	size_t len = min_t(u64, size, MAX_RW_COUNT);
	unsigned long address = buffer;

	if (address != buffer || !access_ok((void __user *)address, len))
		return -EFAULT;
	iov_iter_ubuf(to, ITER_DEST, (void __user *)address, len);
	return 0;
}

static long bbuf_ioctl_peek(struct file *file, unsigned int cmd, void __user *arg)
{
	struct bbuf_queue *q = bbuf_file_queue(file);
	struct bbuf_peek peek;
	struct iov_iter to;
	int ret;

	ret = bbuf_copy_struct(&peek, sizeof(peek), cmd, arg);
	if (!ret)
		ret = bbuf_ioctl_buffer(&to, peek.buffer,
					min_t(u64, peek.size, READ_ONCE(q->producer.window)));
	if (ret)
		return ret;
	return q->leases ? bbuf_lease_peek(q, &to) : bbuf_peek(q, &to);
}

static bool bbuf_file_leases_records(const struct file *file)
{
	const struct bbuf_file *bf = file->private_data;

	return bf->holder && bf->node->queue.type == BBUF_RECORD;
}

/* One record without a frame, whatever the options of the file. */
static long bbuf_ioctl_lease(struct file *file, unsigned int cmd, void __user *arg)
{
	struct bbuf_file *bf = file->private_data;
	struct bbuf_queue *q = &bf->node->queue;
	struct bbuf_lease lease;
	struct bbuf_call call;
	struct iov_iter to;
	long ret;

	ret = bbuf_copy_struct(&lease, sizeof(lease), cmd, arg);
	if (ret)
		return ret;
	if (!bbuf_file_leases_records(file) || lease.lease || lease.len || lease.deliveries ||
	    (lease.flags & ~BBUF_LEASE_NOWAIT) || lease.reserved)
		return -EINVAL;
	bbuf_call_begin(&call, bf, BBUF_RESTART_LEASE, NULL);
	call.opts.framed = false;
	if (lease.flags & BBUF_LEASE_NOWAIT)
		call.opts.nowait = true;
	ret = bbuf_ioctl_buffer(&to, lease.buffer, lease.size);
	if (!ret)
		ret = bbuf_lease_read(q, bf->holder, &to, call.opts, &lease);
	if ((ret > 0 || ret == -EMSGSIZE) &&
	    bbuf_return_struct(arg, cmd, &lease, sizeof(lease))) {
		if (ret > 0)
			bbuf_lease_undo(q, bf->holder, lease.lease);
		ret = -EFAULT;
	}
	return bbuf_call_end(&call, ret);
}

static long bbuf_ioctl_settle(struct file *file, unsigned int cmd, void __user *arg)
{
	struct bbuf_file *bf = file->private_data;
	struct bbuf_settle settle;
	int ret;

	ret = bbuf_copy_struct(&settle, sizeof(settle), cmd, arg);
	if (ret)
		return ret;
	if (!bbuf_file_leases_records(file) || settle.action > BBUF_RENEW ||
	    (settle.flags & ~BBUF_SETTLE_ALL) || (settle.flags && settle.lease))
		return -EINVAL;
	return bbuf_lease_settle(&bf->node->queue, bf->holder, &settle);
}

static long bbuf_ioctl_flush(struct file *file, unsigned int cmd, void __user *arg)
{
	return bbuf_queue_flush(bbuf_file_queue(file), bbuf_file_nowait(file));
}

static long bbuf_ioctl_shutdown(struct file *file, unsigned int cmd, void __user *arg)
{
	return bbuf_queue_shutdown(bbuf_file_queue(file));
}

static long bbuf_ioctl_reopen(struct file *file, unsigned int cmd, void __user *arg)
{
	return bbuf_queue_reopen(bbuf_file_queue(file));
}

static long bbuf_ioctl_readable(struct file *file, unsigned int cmd, void __user *arg)
{
	struct bbuf_queue *q = bbuf_file_queue(file);
	size_t len = q->leases ? bbuf_lease_readable(q) : bbuf_readable(q);

	return put_user((int)len, (int __user *)arg);
}

/**
 * struct bbuf_command - an ioctl, and what its caller needs
 * @cmd: number of the ioctl
 * @mode: mode that the file must be open with: FMODE_READ or FMODE_WRITE; 0 if any open file will
 *        do, even one with access mode 3, which is open for neither
 * @run: function that executes it
 * @owner: the caller must own the node, or have CAP_FOWNER where the owner has an id
 */
struct bbuf_command {
	unsigned int cmd;
	fmode_t mode;
	long (*run)(struct file *file, unsigned int cmd, void __user *arg);
	bool owner;
};

/*
 * A security module (Landlock, AppArmor) judges an open by the mode of the file, and need not learn
 * what the file is used for later. So an ioctl that reads data, shows it or its length, or discards
 * it, needs a file open for reading; one that shuts down or reopens the queue for writers needs a
 * file open for writing.
 */
static const struct bbuf_command bbuf_commands[] = {
	{ BBUF_IOC_INFO,	0,		bbuf_ioctl_info },
	{ BBUF_IOC_SET,		0,		bbuf_ioctl_set,	.owner = true },
	{ BBUF_IOC_GET_OPTIONS,	0,		bbuf_ioctl_get_options },
	{ BBUF_IOC_SET_OPTIONS,	0,		bbuf_ioctl_set_options },
	{ BBUF_IOC_PEEK,	FMODE_READ,	bbuf_ioctl_peek },
	{ BBUF_IOC_FLUSH,	FMODE_READ,	bbuf_ioctl_flush },
	{ BBUF_IOC_SHUTDOWN,	FMODE_WRITE,	bbuf_ioctl_shutdown },
	{ BBUF_IOC_REOPEN,	FMODE_WRITE,	bbuf_ioctl_reopen },
	{ BBUF_IOC_LEASE,	FMODE_READ,	bbuf_ioctl_lease },
	{ BBUF_IOC_SETTLE,	FMODE_READ,	bbuf_ioctl_settle },
	{ FIONREAD,		FMODE_READ,	bbuf_ioctl_readable },
};

static int bbuf_command_check(const struct bbuf_command *command, struct file *file)
{
	if ((file->f_mode & command->mode) != command->mode)
		return -EBADF;
	if (command->owner &&
	    !inode_owner_or_capable(bbuf_file_idmap(file), file_inode(file)))
		return -EPERM;
	return 0;
}

/**
 * bbuf_ioctl() - execute an ioctl of a queue's file
 * @file: the file
 * @cmd: number of the ioctl
 * @arg: its argument
 *
 * Return: result of the ioctl; -ENOTTY if there is no such ioctl, -EBADF or -EPERM if the file or
 * the caller lacks what it needs.
 */
long bbuf_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bbuf_commands); i++) {
		const struct bbuf_command *command = &bbuf_commands[i];

		if (bbuf_command_is(cmd, command->cmd))
			return bbuf_command_check(command, file) ?:
			       command->run(file, cmd, (void __user *)arg);
	}
	return -ENOTTY;
}
