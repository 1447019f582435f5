/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Differences between the supported kernels (6.1, 6.12, 7.2): the code uses the newest spelling,
 * which is defined here for the older ones.
 */
#ifndef BBUF_COMPAT_H
#define BBUF_COMPAT_H

#include <linux/fs.h>
#include <linux/uio.h>
#include <linux/version.h>

/* 6.5: splicing out of a file without page cache got a function of its own. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
#define copy_splice_read generic_file_splice_read
/* Before, it read directly into a pipe, and allocated the pipe's pages during the copy. */
#define bbuf_iter_allocates(iter) iov_iter_is_pipe(iter)
#else
#define bbuf_iter_allocates(iter) false
#endif

/* 6.4: the segments of an iterator are found by functions. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
static inline void __user *iter_iov_addr(const struct iov_iter *iter)
{
	return iter->iov->iov_base + iter->iov_offset;
}
#endif

/* 6.3: a device type's devnode callback takes a const device. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
#define BBUF_DEVNODE_CONST
#else
#define BBUF_DEVNODE_CONST const
#endif

/* 6.2: so does a class's get_ownership callback. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#define BBUF_OWNERSHIP_CONST
#else
#define BBUF_OWNERSHIP_CONST const
#endif

/* 6.10: a trace event remembers where a string of it comes from. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 10, 0)
#define bbuf_assign_str(field, string) __assign_str(field, string)
#else
#define bbuf_assign_str(field, string) __assign_str(field)
#endif

/* 6.4: besides io_uring's, other tasks of a process never run in user mode. */
#ifndef PF_USER_WORKER
#define PF_USER_WORKER 0
#endif

/* 6.14, and later 6.12: two bits tell fsnotify what to report of a file; before, one. */
#ifndef FMODE_FSNOTIFY_MASK
#define FMODE_FSNOTIFY_MASK FMODE_NONOTIFY
#endif

/*
 * Before 6.13 io_uring, woken without a key, checked the file, and waited on. Since then a poll of
 * a file with two wait queues, such as one that is open for both sides of a queue, would fail with
 * EINVAL: so it gets the key, and may be woken too early.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
#define bbuf_doubtful_key(events) NULL
#else
#define bbuf_doubtful_key(events) poll_to_key(events)
#endif

/* 6.3: the id mapping of a mount has a type of its own. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
#define bbuf_file_idmap(file) file_mnt_user_ns(file)
#else
#define bbuf_file_idmap(file) file_mnt_idmap(file)
#endif

#endif /* BBUF_COMPAT_H */
