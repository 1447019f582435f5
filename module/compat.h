/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where the supported kernels (6.1, 6.12, 7.2) spell a thing differently, the
 * newest spelling is used everywhere else, and made here for the older ones.
 */
#ifndef BBUF_COMPAT_H
#define BBUF_COMPAT_H

#include <linux/fs.h>
#include <linux/version.h>

/* 6.5: splicing out of a file without page cache got a function of its own. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
#define copy_splice_read generic_file_splice_read
/* Before, it read straight into a pipe, whose pages came with the copy. */
#define bbuf_iter_allocates(iter) iov_iter_is_pipe(iter)
#else
#define bbuf_iter_allocates(iter) false
#endif

/* 6.3: a device type's devnode callback promises not to change the device. */
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

/* 6.10: a trace event knows by itself from where a string of it is taken. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 10, 0)
#define bbuf_assign_str(field, string) __assign_str(field, string)
#else
#define bbuf_assign_str(field, string) __assign_str(field)
#endif

/* 6.4: other tasks than io_uring's, too, are a process's own and never in user mode. */
#ifndef PF_USER_WORKER
#define PF_USER_WORKER 0
#endif

/* 6.14: two bits say what fsnotify is to tell of a file, 6.12 got that later; before, one. */
#ifndef FMODE_FSNOTIFY_MASK
#define FMODE_FSNOTIFY_MASK FMODE_NONOTIFY
#endif

/*
 * Before 6.13 io_uring, woken without a key, looked at the file, and waited on. Since then a poll
 * of a file with two wait queues, such as one of a queue that is open for both sides, would fail
 * with EINVAL: so it gets the key, and may be told too early.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
#define bbuf_doubtful_key(events) NULL
#else
#define bbuf_doubtful_key(events) poll_to_key(events)
#endif

/* 6.3: what a mount maps ids by has a type of its own. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
#define bbuf_file_idmap(file) file_mnt_user_ns(file)
#else
#define bbuf_file_idmap(file) file_mnt_idmap(file)
#endif

#endif /* BBUF_COMPAT_H */
