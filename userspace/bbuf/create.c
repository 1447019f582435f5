// SPDX-License-Identifier: GPL-2.0-only
/*
 * bbuf create, bbuf destroy: commands that use the control device.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bbuf.h>

#include "common/arguments.h"
#include "common/exit.h"
#include "common/node.h"
#include "common/settings.h"
#include "command.h"
#include "message.h"
#include "name.h"
#include "options.h"
#include "user.h"

#define MODE_MAX	0777

/**
 * struct plan - the queue to create
 * @name: name of the queue
 * @config: its properties
 * @records: make it a record queue
 * @eof_on_close: give it BBUF_EOF_ON_CLOSE
 * @drop_oldest: give it BBUF_DROP_OLDEST
 * @lease: give it BBUF_LEASE
 * @limits: lease limits, until they are copied to @config
 */
struct plan {
	const char *name;
	struct bbuf_config config;
	bool records;
	bool eof_on_close;
	bool drop_oldest;
	bool lease;
	struct bbuf_set limits;
};

static void set_mode(struct argp_state *state, const struct setting *setting, char *arg)
{
	mode_t *config_mode = setting->into;
	unsigned long mode;
	char *end;

	mode = strtoul(arg, &end, 8);
	if (end == arg || *end || strspn(arg, "01234567") != strlen(arg) || mode > MODE_MAX)
		argp_error(state, "--mode=%s: must be octal, from 0 to 0777", arg);
	*config_mode = mode;
}

/* An option in use that requires leases of records, or NULL. */
static const char *option_of_records(const struct plan *plan)
{
	if (plan->limits.fields & BBUF_SET_LEASE_TIMEOUT)
		return "lease-timeout";
	if (plan->limits.fields & BBUF_SET_MAX_DELIVERIES)
		return "tries";
	return plan->config.dead_letters ? "dead-letters" : NULL;
}

static const char *option_of_leases(const struct plan *plan)
{
	if (plan->limits.fields & BBUF_SET_MAX_LEASES)
		return "max-leases";
	return option_of_records(plan);
}

/* Check combinations for which the kernel would return just EINVAL. */
static void check_leases(struct argp_state *state, const struct plan *plan)
{
	const char *option = option_of_leases(plan);

	if (option && !plan->lease)
		argp_error(state, "--%s requires --lease", option);
	option = option_of_records(plan);
	if (option && !plan->records)
		argp_error(state, "--%s requires --records", option);
	if (plan->lease && plan->drop_oldest)
		argp_error(state, "--lease and --drop-oldest are mutually exclusive: leased data "
			   "may return, so its room is kept; leave out one of them");
}

static void set_config(struct plan *plan)
{
	struct bbuf_config *config = &plan->config;

	if (plan->records)
		config->type = BBUF_RECORD;
	if (plan->eof_on_close)
		config->policy |= BBUF_EOF_ON_CLOSE;
	if (plan->drop_oldest)
		config->policy |= BBUF_DROP_OLDEST;
	if (plan->lease)
		config->policy |= BBUF_LEASE;
	config->lease_timeout = plan->limits.lease_timeout;
	config->max_leases = plan->limits.max_leases;
	config->max_deliveries = plan->limits.max_deliveries;
}

static error_t parse_arguments(int key, char *arg, struct argp_state *state, void *input)
{
	struct plan *plan = input;

	if (key != ARGP_KEY_SUCCESS)
		return arg_queue(key, arg, state, &plan->name);
	check_leases(state, plan);
	set_config(plan);
	return 0;
}

static void parse(struct plan *plan, int argc, char **argv)
{
	struct bbuf_config *config = &plan->config;
	const struct setting settings[] = {
		{ .name = "records", .key = 'r', .yes = &plan->records,
		  .doc = "make each write a record, which one read returns (default: a stream of "
			 "bytes)" },
		CAPACITY_SETTING(&config->capacity, " (default: 64K)"),
		{ .name = "mode", .key = 'm', .arg = "MODE", .parse = set_mode,
		  .into = &config->mode,
		  .doc = "permissions of the node, in octal (default: 0600)" },
		{ .name = "owner", .key = 'o', .arg = "USER", .parse = set_user,
		  .into = &config->uid,
		  .doc = "owner of the node, as name or number (default: you)" },
		{ .name = "group", .key = 'g', .arg = "GROUP", .parse = set_group,
		  .into = &config->gid,
		  .doc = "group of the node, as name or number (default: your group)" },
		{ .name = "eof-on-close", .key = 'e', .yes = &plan->eof_on_close,
		  .doc = "report end of file to readers when the last writer closes (default: "
			 "only after shutdown)" },
		{ .name = "drop-oldest", .key = 'd', .yes = &plan->drop_oldest,
		  .doc = "drop the oldest data if there is no room for a write (default: block "
			 "the writer)" },
		{ .name = "lease", .key = 'l', .yes = &plan->lease,
		  .doc = "redeliver data that is read but not acknowledged (default: reading "
			 "removes it)" },
		{ .name = "dead-letters", .key = 'D', .arg = "QUEUE",
		  .text = &config->dead_letters,
		  .doc = "record queue for records rejected or out of tries (default: drop them)" },
		LEASE_TIMEOUT_SETTING(&plan->limits, " (default: no)"),
		MAX_LEASES_SETTING(&plan->limits, " (default: 1024)"),
		TRIES_SETTING(&plan->limits, " (default: no)"),
		{ 0 }
	};
	const struct command_line line = {
		.settings = settings,
		.args = "QUEUE",
		.doc = "Creates a queue. Its node is /dev/bbuf-QUEUE.\v"
		       "A name has 1 to 63 characters from A-Z a-z 0-9 _ - . and no leading "
		       "dot.\n\n"
		       "With --lease a stream is a pool of tokens; of the limits only --max-leases "
		       "applies.\n\n"
		       HELP_UNITS "\n" HELP_EXIT ".",
		.parse = parse_arguments,
		.input = plan,
	};

	command_line_parse(&line, argc, argv);
}

/* Print a message if the dead-letter queue is invalid. Returns whether one was printed. */
static bool print_dead_letters_problem(const struct subject *subject, const char *name)
{
	struct bbuf_info info;

	if (!name)
		return false;
	if (!name_valid(name)) {
		print_message(subject, "--dead-letters=%s: " NAME_RULE, name);
	} else if (!bbuf_lookup(name, &info)) {
		if (info.type != BBUF_RECORD)
			print_message(subject, "--dead-letters=%s: is a stream: name a queue that "
				      "was created with --records", name);
		else if (*info.dead_letters)
			print_message(subject, "--dead-letters=%s: has a dead-letter queue "
				      "itself: name a queue that was created without "
				      "--dead-letters", name);
		else
			return false;
	} else if (errno == ENOENT && !bbuf_lookup(BBUF_QUEUE_DEFAULT, &info)) {
		print_message(subject, "--dead-letters=%s: no such queue: create it first, with "
			      "`bbuf create %s --records'", name, name);
	} else {
		return false;
	}
	return true;
}

int cmd_create(int argc, char **argv)
{
	struct plan plan = { .config = BBUF_CONFIG_INIT };
	struct subject subject = { .operation = "create" };
	int error;

	parse(&plan, argc, argv);
	subject.queue = plan.name;
	if (!bbuf_create(plan.name, &plan.config))
		return check_node(&subject) ? EXIT_SUCCESS : EXIT_FAILURE;
	switch (errno) {
	case ERANGE:
		return fail_too_big(&subject, plan.config.capacity);
	case EEXIST:
		return fail_name_taken(&subject, "destroy that queue with `bbuf destroy'");
	case ENOSPC:
		print_message(&subject, "the maximum number of queues exists: destroy one with "
			      "`bbuf destroy'");
		return EXIT_FAILURE;
	case EINVAL:
	case ENOENT:
		error = errno;
		if (name_valid(plan.name) &&
		    print_dead_letters_problem(&subject, plan.config.dead_letters))
			return EXIT_FAILURE;
		return fail_control(&subject, error);
	default:
		return fail_control(&subject, errno);
	}
}

/**
 * struct names - queues to destroy
 * @first: first name
 * @count: number of names
 */
struct names {
	char **first;
	int count;
};

static error_t parse_names(int key, char *arg, struct argp_state *state, void *input)
{
	struct names *names = input;

	(void)arg;
	switch (key) {
	case ARGP_KEY_ARGS:
		names->first = state->argv + state->next;
		names->count = state->argc - state->next;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "missing argument: QUEUE");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* The kernel removes a node that it has created, but not one created with mknod. */
static int destroy_with_node(const char *name)
{
	char *path = queue_path(name), *problem = node_problem(path);
	struct stat node, left;
	bool had_node = !problem && !lstat(path, &node) && S_ISCHR(node.st_mode);
	int ret = bbuf_destroy(name), error = errno;

	if (!ret && had_node && !lstat(path, &left) && S_ISCHR(left.st_mode) &&
	    left.st_rdev == node.st_rdev)
		unlink(path);
	free(problem);
	free(path);
	errno = error;
	return ret;
}

static int destroy(const char *name)
{
	const struct subject subject = { name, "destroy" };

	if (!destroy_with_node(name))
		return EXIT_SUCCESS;
	if (errno != EPERM || strcmp(name, BBUF_QUEUE_DEFAULT))
		return fail_control(&subject, errno);
	print_message(&subject, "this queue exists as long as the module is loaded; `bbuf flush' "
		      "empties it");
	return EXIT_FAILURE;
}

int cmd_destroy(int argc, char **argv)
{
	struct names names;
	const struct command_line line = {
		.args = "QUEUE...",
		.doc = "Destroys queues and the data in them. Processes that have a queue open, or "
		       "wait in it, get an error.\v"
		       "Exit status: 0 success, 1 failure of any of them, 2 wrong usage.",
		.parse = parse_names,
		.input = &names,
	};
	int ret = EXIT_SUCCESS, i;

	command_line_parse(&line, argc, argv);
	for (i = 0; i < names.count; i++)
		if (destroy(names.first[i]))
			ret = EXIT_FAILURE;
	return ret;
}
