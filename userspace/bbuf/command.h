/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Declarations shared by the commands of bbuf: exit codes, options, messages.
 */
#ifndef BBUF_COMMAND_H
#define BBUF_COMMAND_H

#include <argp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <bbuf.h>

#include "common.h"

/* Exit codes in addition to EXIT_SUCCESS, EXIT_FAILURE and EXIT_USAGE. */
#define EXIT_WOULD_BLOCK	3
#define EXIT_TIMED_OUT		4
#define EXIT_END		5
#define EXIT_GIVEN_UP		6

#define HELP_EXIT_WAIT	\
	"Exit status: 0 success, 1 failure, 2 wrong usage, 3 would block (--nonblock), " \
	"4 timed out (--timeout)"

/* Size of one read, and of a batch of records, in bytes. */
#define CHUNK		65536U

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

/**
 * struct wait_options - how long to wait: --timeout, --nonblock
 * @given: storage for @timeout
 * @timeout: argument for libbbuf: &given, or NULL to wait without a limit
 */
struct wait_options {
	struct timespec given;
	const struct timespec *timeout;
};

extern const struct argp wait_argp;

/**
 * struct separator - what separates items: --lines, --null
 * @given: one of the options was given
 * @byte: the separator
 */
struct separator {
	bool given;
	char byte;
};

extern const struct argp separator_argp;

/*
 * Limits of leases: --lease-timeout, --max-leases and --tries. The input of the parser is a
 * struct bbuf_set. The help for a new queue includes the defaults.
 */
extern const struct argp limits_argp;
extern const struct argp new_limits_argp;

bool arg_bool(struct argp_state *state, const char *what, const char *arg);
uid_t arg_user(struct argp_state *state, const char *arg);
size_t arg_jobs(struct argp_state *state, const char *arg, size_t most);
char **arg_command(struct argp_state *state);
error_t arg_queue(int key, char *arg, struct argp_state *state, const char **queue);
const char *parse_one_queue(int argc, char **argv, const char *doc);

/**
 * struct subject - what a message is about
 * @queue: name of the queue, or path, as given by the user
 * @operation: name of the command
 */
struct subject {
	const char *queue;
	const char *operation;
};

/* Ending of the plural of a regular noun, for "%s". */
static inline const char *plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

__attribute__((format(printf, 2, 3)))
void print_message(const struct subject *subject, const char *fmt, ...);
int fail(const struct subject *subject, int error);
int fail_control(const struct subject *subject, int error);
int fail_name_taken(const struct subject *subject, const char *instead);

#define NAME_RULE	\
	"invalid name: it must have 1 to 63 characters from A-Z a-z 0-9 _ - . and no leading dot"

bool name_valid(const char *name);
bool check_node(const struct subject *subject);
int fail_too_big(const struct subject *subject, uint64_t capacity);
struct bbuf *queue_open(const struct subject *subject, int flags);
bool queue_info(const struct subject *subject, struct bbuf_info *info);
char *queue_path(const char *queue);
char *node_description(const char *queue);
char *program_path(const char *name);

/* Format numbers from a struct bbuf_info; BBUF_UNKNOWN becomes "-". */
const char *format_number(char text[TEXT_MAX], uint64_t number);
const char *format_slept(char text[TEXT_MAX], uint64_t ns);

static inline bool is_known(uint64_t number)
{
	return number != BBUF_UNKNOWN;
}

/* Extend a member of 32 bits to 64 bits, preserving "unknown". */
static inline uint64_t widen(uint32_t number)
{
	return number == BBUF_UNKNOWN_32 ? BBUF_UNKNOWN : number;
}

#endif /* BBUF_COMMAND_H */
