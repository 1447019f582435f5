/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reports of a group of workers, on standard error: standard output may be used for data.
 */
#ifndef BBUF_TOOLS_REPORT_H
#define BBUF_TOOLS_REPORT_H

#include "group.h"

/* Explains report_print() in a --help; @call is "read()" or "write()". */
#define HELP_REPORT(call)	\
	"The report has for each worker: calls of " call "; slept, the calls during which the " \
	"thread yielded its CPU, and the time spent in them; EAGAIN, the calls that moved " \
	"nothing; polls, the calls of poll() or epoll_wait(); switches, the voluntary context " \
	"switches in all these calls, from getrusage(). Rates are from the first byte moved to " \
	"the last; MB are 1,000,000 bytes."

void report_print(const struct worker_group *group);
void report_watch(const struct worker_group *group);
void report_watch_end(void);

#endif /* BBUF_TOOLS_REPORT_H */
