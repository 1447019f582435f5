/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The commands of bbuf, each defined in the file of its topic, and the exit codes that they
 * return.
 */
#ifndef BBUF_COMMAND_H
#define BBUF_COMMAND_H

/* Exit codes in addition to EXIT_SUCCESS, EXIT_FAILURE and EXIT_USAGE. */
#define EXIT_WOULD_BLOCK	3
#define EXIT_TIMED_OUT		4
#define EXIT_END		5
#define EXIT_GIVEN_UP		6

#define HELP_EXIT_WAIT	\
	"Exit status: 0 success, 1 failure, 2 wrong usage, 3 would block (--nonblock), " \
	"4 timed out (--timeout)"

int cmd_create(int argc, char **argv);
int cmd_destroy(int argc, char **argv);
int cmd_list(int argc, char **argv);
int cmd_info(int argc, char **argv);
int cmd_set(int argc, char **argv);
int cmd_put(int argc, char **argv);
int cmd_get(int argc, char **argv);
int cmd_peek(int argc, char **argv);
int cmd_drain(int argc, char **argv);
int cmd_flush(int argc, char **argv);
int cmd_shutdown(int argc, char **argv);
int cmd_reopen(int argc, char **argv);
int cmd_work(int argc, char **argv);
int cmd_jobserver(int argc, char **argv);
int cmd_top(int argc, char **argv);
int cmd_bench(int argc, char **argv);

#endif /* BBUF_COMMAND_H */
