/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * When to stop: a signal asks for it, or nobody reads standard output any more.
 *
 * Who has just taken something out of a queue must not be killed before it is written
 * out. So the signals that end a program are taken by a thread, which says so in
 * watch_stop() and then ends whatever call the first thread waits in, with EINTR, again
 * and again: whether the call began before or after makes no difference.
 *
 * The thread notices, too, when the reader of standard output goes away. Otherwise only
 * the next write would tell, and what it was to write would be lost.
 */
#ifndef BBUF_WATCH_H
#define BBUF_WATCH_H

#include <signal.h>

void watch_start(void);
int watch_stop(void);
void watch_end(void);

/* For those who take signals in another way. */
void watch_signals(sigset_t *set);
void watch_raise(int signal);

#endif /* BBUF_WATCH_H */
