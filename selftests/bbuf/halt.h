/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ways to stop a task in a system call without running one of its signal handlers: SIGSTOP, a
 * debugger that attaches, the cgroup freezer. When it continues, the kernel restarts the system
 * call.
 */
#ifndef BBUF_SELFTEST_HALT_H
#define BBUF_SELFTEST_HALT_H

#include "common.h"

enum halt { HALT_STOP, HALT_ATTACH, HALT_SEIZE, HALT_FREEZE, HALTS };

/* A cgroup for HALT_FREEZE: false if there is none. */
bool halt_begin(void);
void halt_end(void);

/* The task, which sleeps in its call, is halted: true when it has come to that. */
bool task_halt(struct task *t, enum halt how);
/* True when it sleeps in its call again. */
bool task_release(struct task *t, enum halt how);
/* The same, but without waiting for what it does then. */
bool task_let_go(struct task *t, enum halt how);

/* A task that writes down its calls of arg[0](fd), in its result's data. */
#define CALLS		2

struct story {
	int made;
	long value[CALLS];	/* what they returned, or -errno */
	unsigned long long start[CALLS];
	unsigned long long end[CALLS];
};

typedef long (*call_fn)(int fd);

struct task task_teller(long (*fn)(struct task *t), int fd, long nr, call_fn call);
struct story *story_of(const struct task *t);

/* Makes the next call. */
void tell(struct task *t);
/* For fn: makes one, and returns what it returned. */
long make_call(struct task *t);
/* Makes all of them, from one place in the program. */
long make_calls(struct task *t);

unsigned long long now_ns(void);
/* Nanoseconds that a call took. */
unsigned long long elapsed(const struct task *t, int call);

#endif /* BBUF_SELFTEST_HALT_H */
