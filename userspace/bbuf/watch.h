/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Deciding when to stop: after a signal, or when the reader of standard output has gone.
 *
 * A command that has just taken data from a queue must not be killed before it has written the
 * data. Therefore a thread handles the signals that terminate a program. It sets the reason that
 * watch_stop() returns, then interrupts the main thread with a signal, so that a blocked call
 * fails with EINTR. It repeats the signal, because the first one may arrive just before the
 * call.
 *
 * The thread also notices when the reader of standard output closes it. Otherwise only the next
 * write would fail, and its data would be lost.
 */
#ifndef BBUF_WATCH_H
#define BBUF_WATCH_H

#include <signal.h>

void watch_start(void);
int watch_stop(void);
void watch_end(void);

/* For commands that handle signals differently. */
void watch_signals(sigset_t *set);
void watch_raise(int signal);

#endif /* BBUF_WATCH_H */
