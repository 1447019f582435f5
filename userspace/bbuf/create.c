// SPDX-License-Identifier: GPL-2.0-only
/*
 * bbuf create, bbuf destroy: commands that use the control device.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bbuf.h>

#include "common/arguments.h"
#include "common/exit.h"
#include "common/node.h"
#include "command.h"
#include "message.h"
#include "name.h"
#include "options.h"
#include "user.h"

#define MODE_MAX	0777

enum option_key {
	KEY_RECORDS = 'r',
	KEY_CAPACITY = 'c',
	KEY_MODE = 'm',
	KEY_OWNER = 'o',
	KEY_GROUP = 'g',
	KEY_EOF_ON_CLOSE = 'e',
	KEY_DROP_OLDEST = 'd',
	KEY_LEASE = 'l',
	KEY_DEAD_LETTERS = 'D',
};

/**
 * struct plan - the queue to create
 * @name: name of the queue
 * @config: its properties
 * @limits: lease limits, until they are copied to @config
 */
struct plan {
	const char *name;
	struct bbuf_config config;
	struct bbuf_set limits;
};

static const struct argp_option option_list[] = {
	{ .name = "records", .key = KEY_RECORDS,
	  .doc = "make each write a record, which one read returns (default: a stream of bytes)" },
	{ .name = "capacity", .key = KEY_CAPACITY, .arg = "SIZE",
	  .doc = "capacity in bytes (default: 64K)" },
	{ .name = "mode", .key = KEY_MODE, .arg = "MODE",
	  .doc = "permissions of the node, in octal (default: 0600)" },
	{ .name = "owner", .key = KEY_OWNER, .arg = "USER",
	  .doc = "owner of the node, as name or number (default: you)" },
	{ .name = "group", .key = KEY_GROUP, .arg = "GROUP",
	  .doc = "group of the node, as name or number (default: your group)" },
	{ .name = "eof-on-close", .key = KEY_EOF_ON_CLOSE,
	  .doc = "report end of file to readers when the last writer closes (default: only after "
		 "shutdown)" },
	{ .name = "drop-oldest", .key = KEY_DROP_OLDEST,
	  .doc = "drop the oldest data if there is no room for a write (default: block the "
		 "writer)" },
	{ .name = "lease", .key = KEY_LEASE,
	  .doc = "redeliver data that is read but not acknowledged (default: reading removes it)" },
	{ .name = "dead-letters", .key = KEY_DEAD_LETTERS, .arg = "QUEUE",
	  .doc = "record queue for records rejected or out of tries (default: drop them)" },
	{ 0 }
};

static mode_t arg_mode(struct argp_state *state, const char *arg)
{
	unsigned long mode;
	char *end;

	mode = strtoul(arg, &end, 8);
	if (end == arg || *end || strspn(arg, "01234567") != strlen(arg) || mode > MODE_MAX)
		argp_error(state, "--mode=%s: must be octal, from 0 to 0777", arg);
	return mode;
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
	const struct bbuf_config *config = &plan->config;
	const char *option = option_of_leases(plan);

	if (option && !(config->policy & BBUF_LEASE))
		argp_error(state, "--%s requires --lease", option);
	option = option_of_records(plan);
	if (option && config->type != BBUF_RECORD)
		argp_error(state, "--%s requires --records", option);
	if (config->policy & BBUF_LEASE && config->policy & BBUF_DROP_OLDEST)
		argp_error(state, "--lease and --drop-oldest are mutually exclusive: leased data "
			   "may return, so its room is kept; leave out one of them");
}

static void set_limits(struct plan *plan)
{
	plan->config.lease_timeout = plan->limits.lease_timeout;
	plan->config.max_leases = plan->limits.max_leases;
	plan->config.max_deliveries = plan->limits.max_deliveries;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct plan *plan = state->input;
	struct bbuf_config *config = &plan->config;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &plan->limits;
		return 0;
	case KEY_RECORDS:
		config->type = BBUF_RECORD;
		return 0;
	case KEY_CAPACITY:
		config->capacity = arg_size(state, "capacity", arg);
		return 0;
	case KEY_MODE:
		config->mode = arg_mode(state, arg);
		return 0;
	case KEY_OWNER:
		config->uid = arg_user(state, arg);
		return 0;
	case KEY_GROUP:
		config->gid = arg_group(state, arg);
		return 0;
	case KEY_EOF_ON_CLOSE:
		config->policy |= BBUF_EOF_ON_CLOSE;
		return 0;
	case KEY_DROP_OLDEST:
		config->policy |= BBUF_DROP_OLDEST;
		return 0;
	case KEY_LEASE:
		config->policy |= BBUF_LEASE;
		return 0;
	case KEY_DEAD_LETTERS:
		config->dead_letters = arg;
		return 0;
	case ARGP_KEY_SUCCESS:
		check_leases(state, plan);
		set_limits(plan);
		return 0;
	default:
		return arg_queue(key, arg, state, &plan->name);
	}
}

static const struct argp_child children[] = {
	{ .argp = &new_limits_argp },
	{ 0 }
};

static const struct argp create_argp = {
	.options = option_list,
	.parser = parse,
	.children = children,
	.args_doc = "QUEUE",
	.doc = "Creates a queue. Its node is /dev/bbuf-QUEUE.\v"
	       "A name has 1 to 63 characters from A-Z a-z 0-9 _ - . and no leading dot.\n\n"
	       "With --lease a stream is a pool of tokens; of the limits only --max-leases "
	       "applies.\n\n"
	       HELP_SIZES "\n" HELP_EXIT ".",
};

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

	argp_parse(&create_argp, argc, argv, 0, NULL, &plan);
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

static error_t parse_names(int key, char *arg, struct argp_state *state)
{
	struct names *names = state->input;

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

static const struct argp destroy_argp = {
	.parser = parse_names,
	.args_doc = "QUEUE...",
	.doc = "Destroys queues and the data in them. Processes that have a queue open, or wait "
	       "in it, get an error.\v"
	       "Exit status: 0 success, 1 failure of any of them, 2 wrong usage.",
};

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
	int ret = EXIT_SUCCESS, i;

	argp_parse(&destroy_argp, argc, argv, 0, NULL, &names);
	for (i = 0; i < names.count; i++)
		if (destroy(names.first[i]))
			ret = EXIT_FAILURE;
	return ret;
}
