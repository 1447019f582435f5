// SPDX-License-Identifier: GPL-2.0-only
/*
 * Options that several commands share.
 */
#include <string.h>

#include <bbuf.h>

#include "common/arguments.h"
#include "common/clock.h"
#include "options.h"

enum option_key {
	KEY_TIMEOUT = 't',
	KEY_NONBLOCK = 'N',
	KEY_LINES = 'l',
	KEY_NULL = '0',
	KEY_LEASE_TIMEOUT = 256,	/* these have no short form */
	KEY_MAX_LEASES,
	KEY_TRIES,
};

static error_t parse_wait(int key, char *arg, struct argp_state *state)
{
	struct wait_options *wait = state->input;
	uint64_t ns = 0;

	switch (key) {
	case KEY_TIMEOUT:
		ns = arg_time(state, "timeout", arg);
		break;
	case KEY_NONBLOCK:
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	if (wait->timeout)
		argp_error(state, "give one of --timeout and --nonblock, once");
	wait->given.tv_sec = ns / NSEC_PER_SEC;
	wait->given.tv_nsec = ns % NSEC_PER_SEC;
	wait->timeout = &wait->given;
	return 0;
}

static const struct argp_option wait_option_list[] = {
	{ .name = "timeout", .key = KEY_TIMEOUT, .arg = "TIME",
	  .doc = "fail if nothing can be moved for this long (default: no limit)" },
	{ .name = "nonblock", .key = KEY_NONBLOCK, .doc = "fail instead of waiting" },
	{ 0 }
};

const struct argp wait_argp = {
	.options = wait_option_list,
	.parser = parse_wait,
};

static error_t parse_separator(int key, char *arg, struct argp_state *state)
{
	struct separator *separator = state->input;

	(void)arg;
	if (key != KEY_LINES && key != KEY_NULL)
		return ARGP_ERR_UNKNOWN;
	if (separator->given)
		argp_error(state, "give one of --lines and --null, once");
	separator->given = true;
	separator->byte = key == KEY_LINES ? '\n' : '\0';
	return 0;
}

static const struct argp_option separator_options[] = {
	{ .name = "lines", .key = KEY_LINES, .doc = "end each item with a newline" },
	{ .name = "null", .key = KEY_NULL, .doc = "end each item with a NUL" },
	{ 0 }
};

const struct argp separator_argp = {
	.options = separator_options,
	.parser = parse_separator,
};

static uint32_t arg_count_32(struct argp_state *state, const char *what, const char *arg)
{
	uint64_t count = arg_count(state, what, arg);

	if (count > UINT32_MAX)
		argp_error(state, "--%s=%s: must be %u or less", what, arg, UINT32_MAX);
	return count;
}

/* Whether the argument turns the limit off. */
static bool is_unlimited(const char *arg)
{
	return !strcmp(arg, "no");
}

static error_t parse_limits(int key, char *arg, struct argp_state *state)
{
	struct bbuf_set *set = state->input;

	switch (key) {
	case KEY_LEASE_TIMEOUT:
		set->fields |= BBUF_SET_LEASE_TIMEOUT;
		set->lease_timeout = is_unlimited(arg) ? 0 : arg_time(state, "lease-timeout", arg);
		return 0;
	case KEY_MAX_LEASES:
		set->fields |= BBUF_SET_MAX_LEASES;
		set->max_leases = arg_count_32(state, "max-leases", arg);
		return 0;
	case KEY_TRIES:
		set->fields |= BBUF_SET_MAX_DELIVERIES;
		set->max_deliveries = is_unlimited(arg) ? 0 : arg_count_32(state, "tries", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

#define DOC_LEASE_TIMEOUT \
	"time after which a leased record is redelivered, even if its holder is alive"
#define DOC_MAX_LEASES \
	"maximum number of records leased by an open file, or of bytes of a stream by a process"
#define DOC_TRIES \
	"after N deliveries, do not return a record to the queue"

static const struct argp_option limits_options[] = {
	{ .name = "lease-timeout", .key = KEY_LEASE_TIMEOUT, .arg = "TIME|no",
	  .doc = DOC_LEASE_TIMEOUT },
	{ .name = "max-leases", .key = KEY_MAX_LEASES, .arg = "N", .doc = DOC_MAX_LEASES },
	{ .name = "tries", .key = KEY_TRIES, .arg = "N|no", .doc = DOC_TRIES },
	{ 0 }
};

static const struct argp_option new_limits_options[] = {
	{ .name = "lease-timeout", .key = KEY_LEASE_TIMEOUT, .arg = "TIME|no",
	  .doc = DOC_LEASE_TIMEOUT " (default: no)" },
	{ .name = "max-leases", .key = KEY_MAX_LEASES, .arg = "N",
	  .doc = DOC_MAX_LEASES " (default: 1024)" },
	{ .name = "tries", .key = KEY_TRIES, .arg = "N|no", .doc = DOC_TRIES " (default: no)" },
	{ 0 }
};

const struct argp limits_argp = {
	.options = limits_options,
	.parser = parse_limits,
};

const struct argp new_limits_argp = {
	.options = new_limits_options,
	.parser = parse_limits,
};

/* Parse the optional argument of a switch; no argument means yes. */
bool arg_bool(struct argp_state *state, const char *what, const char *arg)
{
	if (!arg || !strcmp(arg, "yes"))
		return true;
	if (strcmp(arg, "no"))
		argp_error(state, "--%s=%s: must be yes or no", what, arg);
	return false;
}

size_t arg_jobs(struct argp_state *state, const char *arg, size_t most)
{
	uint64_t jobs = arg_count(state, "jobs", arg);

	if (jobs > most)
		argp_error(state, "--jobs=%s: must be at most %zu", arg, most);
	return jobs;
}

/*
 * Take the rest of the command line, whose first word was just parsed, as a command with its own
 * options.
 */
char **arg_command(struct argp_state *state)
{
	char **command = state->argv + state->next - 1;

	state->next = state->argc;
	return command;
}

/* Parse the arguments of a command that takes one queue; options are left to the caller. */
error_t arg_queue(int key, char *arg, struct argp_state *state, const char **queue)
{
	switch (key) {
	case ARGP_KEY_ARG:
		if (*queue)
			return ARGP_ERR_UNKNOWN;
		*queue = arg;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "missing argument: QUEUE");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t parse_queue(int key, char *arg, struct argp_state *state)
{
	return arg_queue(key, arg, state, state->input);
}

/* Parse the command line of a command that takes a queue and no options. */
const char *parse_one_queue(int argc, char **argv, const char *doc)
{
	const struct argp argp = {
		.parser = parse_queue,
		.args_doc = "QUEUE",
		.doc = doc,
	};
	const char *queue = NULL;

	argp_parse(&argp, argc, argv, 0, NULL, &queue);
	return queue;
}
