// SPDX-License-Identifier: GPL-2.0-only
/*
 * Options and arguments that several commands share. See options.h.
 */
#include <string.h>
#include <unistd.h>

#include <bbuf.h>

#include "common/arguments.h"
#include "common/clock.h"
#include "common/macros.h"
#include "common/settings.h"
#include "options.h"

static void set_wait(struct argp_state *state, struct wait_options *wait, uint64_t ns)
{
	if (wait->timeout)
		argp_error(state, "give only one of --timeout and --nonblock, and only once");
	wait->given.tv_sec = ns / NSEC_PER_SEC;
	wait->given.tv_nsec = ns % NSEC_PER_SEC;
	wait->timeout = &wait->given;
}

void set_timeout(struct argp_state *state, const struct setting *setting, char *arg)
{
	set_wait(state, setting->into, arg_time(state, setting->name, arg));
}

void set_nonblock(struct argp_state *state, const struct setting *setting, char *arg)
{
	(void)arg;
	set_wait(state, setting->into, 0);
}

static void set_separator(struct argp_state *state, struct separator *separator, char byte)
{
	if (separator->given)
		argp_error(state, "give only one of --lines and --null, and only once");
	separator->given = true;
	separator->byte = byte;
}

void set_lines(struct argp_state *state, const struct setting *setting, char *arg)
{
	(void)arg;
	set_separator(state, setting->into, '\n');
}

void set_null(struct argp_state *state, const struct setting *setting, char *arg)
{
	(void)arg;
	set_separator(state, setting->into, '\0');
}

static uint32_t arg_count_32(struct argp_state *state, const char *what, const char *arg)
{
	return arg_count_to(state, what, arg, UINT32_MAX);
}

/* Whether the argument turns the limit off. */
static bool is_unlimited(const char *arg)
{
	return !strcmp(arg, "no");
}

void set_lease_timeout(struct argp_state *state, const struct setting *setting, char *arg)
{
	struct bbuf_set *set = setting->into;

	set->fields |= BBUF_SET_LEASE_TIMEOUT;
	set->lease_timeout = is_unlimited(arg) ? 0 : arg_time(state, setting->name, arg);
}

void set_max_leases(struct argp_state *state, const struct setting *setting, char *arg)
{
	struct bbuf_set *set = setting->into;

	set->fields |= BBUF_SET_MAX_LEASES;
	set->max_leases = arg_count_32(state, setting->name, arg);
}

void set_tries(struct argp_state *state, const struct setting *setting, char *arg)
{
	struct bbuf_set *set = setting->into;

	set->fields |= BBUF_SET_MAX_DELIVERIES;
	set->max_deliveries = is_unlimited(arg) ? 0 : arg_count_32(state, setting->name, arg);
}

/* Parse the optional argument of a switch; no argument means yes. */
bool arg_bool(struct argp_state *state, const char *what, const char *arg)
{
	if (!arg || !strcmp(arg, "yes"))
		return true;
	if (strcmp(arg, "no"))
		argp_error(state, "--%s=%s: must be yes or no", what, arg);
	return false;
}

/* Number of processors, up to @most. */
uint64_t default_jobs(uint64_t most)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	return MIN((uint64_t)MAX(processors, 1), most);
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

/* The same for a struct command_line whose input is the variable for the queue. */
error_t parse_queue(int key, char *arg, struct argp_state *state, void *queue)
{
	return arg_queue(key, arg, state, queue);
}

/* Parse the command line of a command that takes a queue and no options. */
const char *parse_one_queue(int argc, char **argv, const char *doc)
{
	const char *queue = NULL;
	const struct command_line line = {
		.args = "QUEUE", .doc = doc, .parse = parse_queue, .input = &queue,
	};

	command_line_parse(&line, argc, argv);
	return queue;
}
