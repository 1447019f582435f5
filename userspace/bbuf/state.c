// SPDX-License-Identifier: GPL-2.0-only
/*
 * bbuf drain, flush, shutdown, reopen: commands of a single call.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>

#include "common/arguments.h"
#include "common/clock.h"
#include "common/exit.h"
#include "common/macros.h"
#include "common/settings.h"
#include "command.h"
#include "message.h"
#include "options.h"
#include "queue.h"

static int run(const struct subject *subject, int flags, int (*call)(struct bbuf *queue))
{
	struct bbuf *queue = queue_open(subject, flags);
	int ret = EXIT_SUCCESS;

	if (call(queue))
		ret = fail(subject, errno);
	bbuf_close(queue);
	return ret;
}

int cmd_flush(int argc, char **argv)
{
	struct subject subject = { .operation = "flush" };

	subject.queue = parse_one_queue(argc, argv, "Discards all queued data.\v" HELP_EXIT ".");
	return run(&subject, O_RDONLY, bbuf_flush);
}

int cmd_shutdown(int argc, char **argv)
{
	struct subject subject = { .operation = "shutdown" };

	subject.queue = parse_one_queue(argc, argv,
		"Refuses further writes: writers get an error from now on, readers get the "
		"queued data and then end of file.\v" HELP_EXIT ".");
	return run(&subject, O_WRONLY, bbuf_shutdown);
}

/*
 * Whether the queue is shut down. A file that is open for neither reading nor writing is used to
 * find out: with BBUF_EOF_ON_CLOSE, closing a file that was opened for writing would give
 * readers EOF although there is nothing to undo. If no such file can be opened, return true, and
 * leave the error to the caller.
 */
static bool is_shut(const struct subject *subject)
{
	struct bbuf *queue = bbuf_open(subject->queue, O_ACCMODE);
	struct bbuf_info info;
	bool shut = !queue || bbuf_get_info(queue, &info) || (info.state & BBUF_SHUT);

	bbuf_close(queue);
	return shut;
}

int cmd_reopen(int argc, char **argv)
{
	struct subject subject = { .operation = "reopen" };

	subject.queue = parse_one_queue(argc, argv,
		"Undoes `bbuf shutdown'. With --eof-on-close readers get end of file until the "
		"queue is opened for writing again.\v" HELP_EXIT ".");
	if (!is_shut(&subject))
		return EXIT_SUCCESS;
	return run(&subject, O_WRONLY, bbuf_reopen);
}

static void on_alarm(int signal)
{
	(void)signal;
}

/*
 * bbuf_drain() has no timeout, but a signal interrupts it. The signal is repeated, because the
 * first one may arrive just before the call.
 */
static void set_alarm(uint64_t ns)
{
	const struct sigaction action = { .sa_handler = on_alarm };
	const struct itimerval timer = {
		.it_value.tv_sec = ns / NSEC_PER_SEC,
		.it_value.tv_usec = MAX(ns % NSEC_PER_SEC / NSEC_PER_USEC, 1U),
		.it_interval.tv_usec = 10000,
	};

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
}

int cmd_drain(int argc, char **argv)
{
	struct subject subject = { .operation = "drain" };
	uint64_t timeout_ns = 0;
	const struct setting settings[] = {
		{ .name = "timeout", .key = 't', .time = &timeout_ns,
		  .doc = "maximum time to wait (default: no limit)" },
		{ 0 }
	};
	const struct command_line line = {
		.settings = settings,
		.args = "QUEUE",
		.doc = "Waits until all data that is queued now has been consumed; data queued "
		       "later does not count.\v"
		       HELP_TIMES "\n" HELP_EXIT ", 4 timed out.",
		.parse = parse_queue,
		.input = &subject.queue,
	};
	struct bbuf *queue;
	int ret = EXIT_SUCCESS;

	command_line_parse(&line, argc, argv);
	queue = queue_open(&subject, O_RDONLY);
	if (timeout_ns)
		set_alarm(timeout_ns);
	if (bbuf_drain(queue)) {
		if (errno == EINTR)
			errno = ETIMEDOUT;
		ret = fail(&subject, errno);
	}
	bbuf_close(queue);
	return ret;
}
