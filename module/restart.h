/* SPDX-License-Identifier: GPL-2.0-only */
/* State that an interrupted system call passes to the next execution of it. */
#ifndef BBUF_RESTART_H
#define BBUF_RESTART_H

#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/restart_block.h>
#include <linux/sched.h>
#include <linux/types.h>

/**
 * enum bbuf_restart_kind - system call that was interrupted
 * @BBUF_RESTART_READ: read(2), readv(2), splice(2) and so on
 * @BBUF_RESTART_WRITE: write(2), writev(2), splice(2) and so on
 * @BBUF_RESTART_LEASE: BBUF_IOC_LEASE
 * @BBUF_RESTART_FSYNC: fsync(2), fdatasync(2)
 */
enum bbuf_restart_kind {
	BBUF_RESTART_READ,
	BBUF_RESTART_WRITE,
	BBUF_RESTART_LEASE,
	BBUF_RESTART_FSYNC,
};

/**
 * struct bbuf_restart_call - a call that may be interrupted, and executed again
 * @file: serial number of the open file, which no other file ever has
 * @kind: kind of system call
 * @once: the call is never executed again: io_uring, AIO
 * @value: value for the next execution: the deadline, for fsync(2) the position to wait for
 */
struct bbuf_restart_call {
	u64 file;
	enum bbuf_restart_kind kind;
	bool once;
	u64 value;
};

long bbuf_restart_void(struct restart_block *block);
bool bbuf_restart_take_tagged(struct bbuf_restart_call *call);
int bbuf_restart_save(const struct bbuf_restart_call *call);
void bbuf_restart_uninit(void);

/**
 * bbuf_restart_tagged() - check whether the caller may be executing a call again
 *
 * A call that completes must take its tag back first (bbuf_restart_take()), or the next call would
 * be taken for another execution of it.
 *
 * Return: true if the current task has the tag of this module.
 */
static inline bool bbuf_restart_tagged(void)
{
	return unlikely(current->restart_block.fn == bbuf_restart_void);
}

/**
 * bbuf_restart_take() - take what the interrupted execution of this call has saved
 * @call: the call; @value is filled in
 *
 * Return: true if the call is being executed again, and @value is what was saved.
 */
static inline bool bbuf_restart_take(struct bbuf_restart_call *call)
{
	return bbuf_restart_tagged() && bbuf_restart_take_tagged(call);
}

/**
 * bbuf_restart_end() - end a call, and save its state if it was interrupted
 * @call: the call
 * @ret: its result; -ERESTARTNOHAND if it was interrupted
 *
 * Return: result of the system call.
 */
static inline long bbuf_restart_end(const struct bbuf_restart_call *call, long ret)
{
	return ret == -ERESTARTNOHAND ? bbuf_restart_save(call) : ret;
}

#endif /* BBUF_RESTART_H */
