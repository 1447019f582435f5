/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an interrupted system call hands on to its re-execution.
 */
#ifndef BBUF_RESTART_H
#define BBUF_RESTART_H

#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/restart_block.h>
#include <linux/sched.h>
#include <linux/types.h>

/**
 * enum bbuf_restart_kind - which call of a file was interrupted
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
 * @kind: which call it is
 * @once: it is not executed again: io_uring, AIO
 * @value: what its re-execution must know: the deadline, for fsync(2) the position to wait for
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
 * bbuf_restart_tagged() - check whether the caller may be in the re-execution of a call
 *
 * A call that completes must take its tag back first (bbuf_restart_take()), or the next call
 * would pass for the re-execution.
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
 * Return: true if this is a re-execution, and @value is what was saved.
 */
static inline bool bbuf_restart_take(struct bbuf_restart_call *call)
{
	return bbuf_restart_tagged() && bbuf_restart_take_tagged(call);
}

/**
 * bbuf_restart_end() - end a call: if it was interrupted, save what is needed to go on
 * @call: the call
 * @ret: its result; -ERESTARTNOHAND if it was interrupted
 *
 * Return: what the system call returns.
 */
static inline long bbuf_restart_end(const struct bbuf_restart_call *call, long ret)
{
	return ret == -ERESTARTNOHAND ? bbuf_restart_save(call) : ret;
}

#endif /* BBUF_RESTART_H */
