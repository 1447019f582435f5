// SPDX-License-Identifier: GPL-2.0-only
/*
 * Deciding when to stop. See watch.h.
 */
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/macros.h"
#include "watch.h"

/* Signal that interrupts the main thread, and the interval at which it is repeated. */
#define SIGNAL_INTERRUPT	SIGUSR1
#define INTERRUPT_NS	(50 * NSEC_PER_MSEC)

static pthread_t worker;
static int signal_fd;
static atomic_int stop;

static void on_interrupt(int signal)
{
	(void)signal;
}

/* Signals that would terminate the program, without those that are ignored. */
void watch_signals(sigset_t *set)
{
	static const int ending[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action;
	size_t i;

	sigemptyset(set);
	for (i = 0; i < ARRAY_SIZE(ending); i++)
		if (!sigaction(ending[i], NULL, &action) && action.sa_handler != SIG_IGN)
			sigaddset(set, ending[i]);
}

/* Wait up to @timeout milliseconds, -1 for no limit. Returns the reason to stop, or 0. */
static int wait_for_reason(int timeout)
{
	struct pollfd fds[] = {
		{ .fd = signal_fd, .events = POLLIN },
		{ .fd = STDOUT_FILENO },
	};
	struct signalfd_siginfo info;
	int ret;

	do {
		ret = poll(fds, ARRAY_SIZE(fds), timeout);
	} while (ret < 0 && errno == EINTR);
	if (!ret)
		return 0;
	if (fds[0].revents && read(signal_fd, &info, sizeof(info)) == sizeof(info))
		return info.ssi_signo;
	return SIGPIPE;
}

static void *watch(void *arg)
{
	atomic_store(&stop, wait_for_reason(-1));
	for (;;) {
		pthread_kill(worker, SIGNAL_INTERRUPT);
		sleep_until(now_ns() + INTERRUPT_NS);
	}
	return arg;
}

void watch_start(void)
{
	const struct sigaction interrupt = { .sa_handler = on_interrupt };
	pthread_t thread;
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigaction(SIGNAL_INTERRUPT, &interrupt, NULL);
	watch_signals(&set);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	worker = pthread_self();
	signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (signal_fd < 0)
		err(EXIT_FAILURE, "signalfd");
	atomic_store(&stop, wait_for_reason(0));
	if (watch_stop())
		return;
	errno = pthread_create(&thread, NULL, watch, NULL);
	if (errno)
		err(EXIT_FAILURE, "starting a thread");
	pthread_detach(thread);
}

/* Returns the signal that asked to stop, SIGPIPE if standard output has no reader, or 0. */
int watch_stop(void)
{
	return atomic_load(&stop);
}

/* Terminate by a signal, as if it had not been blocked. Returns if @signal is 0. */
void watch_raise(int signal)
{
	sigset_t set;

	if (!signal)
		return;
	sigemptyset(&set);
	sigaddset(&set, signal);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	raise(signal);
}

/* Terminate by the signal that asked to stop, if any. */
void watch_end(void)
{
	int reason = watch_stop();

	if (reason != SIGPIPE)
		watch_raise(reason);
}
