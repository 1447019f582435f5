// SPDX-License-Identifier: GPL-2.0-only
/*
 * The file operations: the system calls on a queue's node.
 *
 * This file only decides what depends on the caller's file: the queue, what the file may do with
 * it, and whether and how long it waits. The queue does the rest.
 */
#include <linux/atomic.h>
#include <linux/compat.h>
#include <linux/fs.h>
#include <linux/ioctl.h>
#include <linux/ktime.h>
#include <linux/limits.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/splice.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include <asm/ioctls.h>

#include "bbuf.h"
#include "check.h"
#include "compat.h"
#include "io.h"
#include "lease_read.h"
#include "restart.h"

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

static struct bbuf_queue *bbuf_file_queue(const struct file *file)
{
	const struct bbuf_file *bf = file->private_data;

	return &bf->node->queue;
}

static void bbuf_file_set_flags(struct bbuf_file *bf, u32 flags)
{
	bool tokens = bf->holder && bf->node->queue.type == BBUF_STREAM;

	WRITE_ONCE(bf->flags, flags);
	WRITE_ONCE(bf->fast_reads, !(flags & BBUF_FRAMED) && !bf->holder);
	WRITE_ONCE(bf->fast_writes, !(flags & BBUF_FRAMED) && !tokens);
}

/*
 * The node can't disappear under an open file: the file holds its cdev, and the cdev the device
 * that the node is part of.
 */
static struct bbuf_file *bbuf_file_alloc(struct bbuf_node *node)
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

static void bbuf_file_free(struct bbuf_file *bf)
{
	if (bf->picky)
		atomic_dec(&bf->node->queue.picky_files);
	if (bf->refused)
		atomic_dec(&bf->node->queue.refused_files);
	if (bf->holder)
		bbuf_holder_put(&bf->node->queue, bf->holder);
	kfree(bf);
}

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
	struct bbuf_file *bf = bbuf_file_alloc(node);
	int ret;

	if (!bf)
		return -ENOMEM;
	ret = bbuf_queue_open(&node->queue, file->f_mode);
	if (ret) {
		bbuf_file_free(bf);
		return ret;
	}
	file->private_data = bf;
	file->f_mode |= FMODE_NOWAIT;
	bbuf_file_hide_traffic(file);
	return stream_open(inode, file);
}

static int bbuf_release(struct inode *inode, struct file *file)
{
	struct bbuf_file *bf = file->private_data;

	bbuf_queue_release(&bf->node->queue, file->f_mode);
	bbuf_file_free(bf);
	return 0;
}

static u64 bbuf_deadline(u64 timeout)
{
	u64 now;

	if (!timeout)
		return BBUF_NEVER;
	now = ktime_get_ns();
	return timeout < BBUF_NEVER - now ? now + timeout : BBUF_NEVER;
}

/* @iocb: from the file operation, or NULL for a plain system call. */
static struct bbuf_restart_call bbuf_file_restart_call(const struct bbuf_file *bf,
						       enum bbuf_restart_kind kind,
						       struct kiocb *iocb)
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

/* io_uring and RWF_NOWAIT pass @nowait with each call, fcntl(2) sets it for the file. */
static struct bbuf_io_opts bbuf_file_io_opts(const struct file *file, bool nowait,
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

/*
 * Out of line, because what most calls don't need takes time: the kernel may clear variables on the
 * stack.
 */
static noinline ssize_t bbuf_file_read_slow(struct file *file, struct iov_iter *to,
					    struct kiocb *iocb)
{
	const struct bbuf_file *bf = file->private_data;
	struct bbuf_restart_call call = bbuf_file_restart_call(bf, BBUF_RESTART_READ, iocb);
	struct bbuf_io_opts opts = bbuf_file_io_opts(file, bbuf_iocb_nowait(iocb), &call);
	ssize_t ret = 0;

	if (!bf->holder)
		ret = bbuf_read(&bf->node->queue, to, opts);
	else if (iov_iter_count(to))
		ret = bbuf_lease_read(&bf->node->queue, bf->holder, to, opts, NULL);
	return bbuf_restart_end(&call, ret);
}

/*
 * Remember that a write was refused that needs @need bytes of room, or, with 0, that none was. A
 * file that needs more than the write mark is counted: it would swallow an exclusive wake-up that
 * another poller needs. Threads that poll this file check again.
 */
static void bbuf_file_set_refused(struct bbuf_file *bf, size_t need)
{
	struct bbuf_queue *q = &bf->node->queue;
	bool picky, changed;

	spin_lock(&bf->refused_lock);
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
	spin_unlock(&bf->refused_lock);
	if (!changed)
		return;
	/* Tokens of the holder can be written back, whatever room there is. */
	if (bf->holder && q->type == BBUF_STREAM)
		bbuf_side_recheck_pollers(&q->producer);
	else
		bbuf_side_notify(&q->producer, 0, 0);
}

static noinline ssize_t bbuf_file_write_slow(struct file *file, struct iov_iter *from,
					     struct kiocb *iocb)
{
	struct bbuf_file *bf = file->private_data;
	struct bbuf_restart_call call = bbuf_file_restart_call(bf, BBUF_RESTART_WRITE, iocb);
	struct bbuf_io_opts opts = bbuf_file_io_opts(file, bbuf_iocb_nowait(iocb), &call);
	size_t refused = 0;
	ssize_t ret;

	opts.refused = &refused;
	if (!bf->holder || bf->node->queue.type == BBUF_RECORD)
		ret = bbuf_write(&bf->node->queue, from, opts);
	else
		ret = bbuf_token_write(&bf->node->queue, bf->holder, from, opts);
	if (ret > 0 || ret == -EAGAIN)
		bbuf_file_set_refused(bf, ret > 0 ? 0 : refused);
	return bbuf_restart_end(&call, ret);
}

/* A call that is executed again must take the slow path as well: it has a tag to remove. */
static inline ssize_t bbuf_file_read(struct file *file, struct iov_iter *to,
				     struct kiocb *iocb)
{
	struct bbuf_file *bf = file->private_data;
	size_t done = 0;

	if (READ_ONCE(bf->fast_reads) && !bbuf_restart_tagged())
		done = bbuf_read_fast(&bf->node->queue, to);
	return done ?: bbuf_file_read_slow(file, to, iocb);
}

static inline ssize_t bbuf_file_write(struct file *file, struct iov_iter *from,
				      struct kiocb *iocb)
{
	struct bbuf_file *bf = file->private_data;
	size_t done = 0;

	if (READ_ONCE(bf->fast_writes) && !bbuf_restart_tagged())
		done = bbuf_write_fast(&bf->node->queue, from);
	if (!done)
		return bbuf_file_write_slow(file, from, iocb);
	if (unlikely(READ_ONCE(bf->refused)))
		bbuf_file_set_refused(bf, 0);
	return done;
}

static ssize_t bbuf_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	return bbuf_file_read(iocb->ki_filp, to, iocb);
}

static ssize_t bbuf_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	return bbuf_file_write(iocb->ki_filp, from, iocb);
}

/*
 * Most reads and writes need no kiocb. The price: kernel_read() and kernel_write() refuse files
 * that have both this and the iterators.
 */
static ssize_t bbuf_read_plain(struct file *file, char __user *buf, size_t len, loff_t *pos)
{
	struct iov_iter to;

	iov_iter_ubuf(&to, ITER_DEST, buf, len);
	return bbuf_file_read(file, &to, NULL);
}

static ssize_t bbuf_write_plain(struct file *file, const char __user *buf, size_t len, loff_t *pos)
{
	struct iov_iter from;

	iov_iter_ubuf(&from, ITER_SOURCE, (void __user *)buf, len);
	return bbuf_file_write(file, &from, NULL);
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
	struct bbuf_restart_call call = bbuf_file_restart_call(bf, BBUF_RESTART_LEASE, NULL);
	struct bbuf_io_opts opts;
	struct bbuf_lease lease;
	struct iov_iter to;
	long ret;

	ret = bbuf_copy_struct(&lease, sizeof(lease), cmd, arg);
	if (ret)
		return ret;
	if (!bbuf_file_leases_records(file) || lease.lease || lease.len || lease.deliveries ||
	    (lease.flags & ~BBUF_LEASE_NOWAIT) || lease.reserved)
		return -EINVAL;
	opts = bbuf_file_io_opts(file, lease.flags & BBUF_LEASE_NOWAIT, &call);
	opts.framed = false;
	ret = bbuf_ioctl_buffer(&to, lease.buffer, lease.size);
	if (ret)
		return ret;
	ret = bbuf_lease_read(q, bf->holder, &to, opts, &lease);
	if (ret <= 0 && ret != -EMSGSIZE)
		return bbuf_restart_end(&call, ret);
	if (!bbuf_return_struct(arg, cmd, &lease, sizeof(lease)))
		return ret;
	if (ret > 0)
		bbuf_lease_undo(q, bf->holder, lease.lease);
	return -EFAULT;
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

static long bbuf_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
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
