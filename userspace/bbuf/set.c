// SPDX-License-Identifier: GPL-2.0-only
/*
 * bbuf set: change a queue while it is in use.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "common/arguments.h"
#include "common/exit.h"
#include "common/settings.h"
#include "common/units.h"
#include "command.h"
#include "message.h"
#include "options.h"
#include "queue.h"

#define LIMITS	(BBUF_SET_LEASE_TIMEOUT | BBUF_SET_MAX_LEASES | BBUF_SET_MAX_DELIVERIES)

/**
 * struct plan - options of the command
 * @queue: name of the queue
 * @capacity: capacity in bytes; 0 if not given
 * @read_mark: read mark in bytes; 0 if not given
 * @write_mark: write mark in bytes; 0 if not given
 * @set: all changes; its policy holds the bits to set
 */
struct plan {
	const char *queue;
	uint64_t capacity;
	uint64_t read_mark;
	uint64_t write_mark;
	struct bbuf_set set;
};

static void set_policy(struct bbuf_set *set, uint32_t bit, bool yes)
{
	set->policy_mask |= bit;
	set->policy = (set->policy & ~bit) | (yes ? bit : 0);
}

static void set_eof_on_close(struct argp_state *state, const struct setting *setting, char *arg)
{
	set_policy(setting->into, BBUF_EOF_ON_CLOSE, arg_bool(state, setting->name, arg));
}

static void set_drop_oldest(struct argp_state *state, const struct setting *setting, char *arg)
{
	set_policy(setting->into, BBUF_DROP_OLDEST, arg_bool(state, setting->name, arg));
}

static void set_fields(struct plan *plan)
{
	struct bbuf_set *set = &plan->set;

	if (plan->capacity)
		set->fields |= BBUF_SET_CAPACITY;
	if (plan->read_mark)
		set->fields |= BBUF_SET_READ_MARK;
	if (plan->write_mark)
		set->fields |= BBUF_SET_WRITE_MARK;
	set->capacity = plan->capacity;
	set->read_mark = plan->read_mark;
	set->write_mark = plan->write_mark;
}

static error_t parse_arguments(int key, char *arg, struct argp_state *state, void *input)
{
	struct plan *plan = input;

	if (key != ARGP_KEY_SUCCESS)
		return arg_queue(key, arg, state, &plan->queue);
	set_fields(plan);
	if (!plan->set.fields && !plan->set.policy_mask)
		argp_error(state, "nothing to change: give at least one option");
	return 0;
}

static void parse(struct plan *plan, int argc, char **argv)
{
	struct bbuf_set *set = &plan->set;
	const struct setting settings[] = {
		CAPACITY_SETTING(&plan->capacity, ""),
		{ .name = "read-mark", .key = 'r', .size = &plan->read_mark,
		  .doc = "minimum number of queued bytes for a read to return, and for poll to "
			 "report readable" },
		{ .name = "write-mark", .key = 'w', .size = &plan->write_mark,
		  .doc = "minimum number of free bytes for poll to report writable" },
		{ .name = "eof-on-close", .key = 'e', .arg = "yes|no", .omitted = "yes",
		  .parse = set_eof_on_close, .into = set,
		  .doc = "report end of file to readers when the last writer closes" },
		{ .name = "drop-oldest", .key = 'd', .arg = "yes|no", .omitted = "yes",
		  .parse = set_drop_oldest, .into = set,
		  .doc = "drop the oldest data if there is no room for a write" },
		LEASE_TIMEOUT_SETTING(set, ""),
		MAX_LEASES_SETTING(set, ""),
		TRIES_SETTING(set, ""),
		{ 0 }
	};
	const struct command_line line = {
		.settings = settings,
		.args = "QUEUE",
		.doc = "Changes a queue while it is in use. Either all changes are made or "
		       "none.\v"
		       "Marks are from 1 to the capacity, and their sum is at most the capacity "
		       "plus 1; marks above a new capacity are lowered to it. Lease limits apply "
		       "to new leases. Use chown and chmod on the node to change its owner and "
		       "permissions.\n\n"
		       HELP_UNITS "\n" HELP_EXIT ".",
		.parse = parse_arguments,
		.input = plan,
	};

	command_line_parse(&line, argc, argv);
}

/* Print which of the changes the queue does not permit. */
static void print_invalid(const struct subject *subject, const struct bbuf_set *set,
			  const struct bbuf_info *info)
{
	uint32_t limits = set->fields & LIMITS;
	bool leases = info->policy & BBUF_LEASE;
	char capacity[TEXT_MAX];

	if (limits && !leases) {
		print_message(subject, "the queue has no leases: `bbuf create --lease' creates a "
			      "queue with leases");
	} else if (limits & ~BBUF_SET_MAX_LEASES && info->type != BBUF_RECORD) {
		print_message(subject, "this is a pool of tokens, to which only --max-leases "
			      "applies");
	} else if (leases && set->policy & BBUF_DROP_OLDEST) {
		print_message(subject, "--drop-oldest cannot be used with leases: leased data may "
			      "return, so its room is kept");
	} else {
		format_size(capacity, set->fields & BBUF_SET_CAPACITY ? set->capacity :
			    info->capacity);
		print_message(subject, "a mark must be from 1 to the capacity, %s, and the sum of "
			      "both at most the capacity plus 1%s", capacity,
			      info->type == BBUF_RECORD ? "; the read mark of a record queue is 1"
			      : "");
	}
}

static void print_too_small(const struct subject *subject, const struct bbuf_set *set,
			    const struct bbuf_info *info)
{
	char bytes[TEXT_MAX], leased[TEXT_MAX], capacity[TEXT_MAX];

	format_size(bytes, info->bytes);
	format_size(capacity, set->capacity);
	if (info->leased_bytes)
		print_message(subject, "%s queued and %s leased exceed the new capacity of %s: "
			      "read or `bbuf flush' the queued data, and wait until the leases "
			      "end", bytes, format_size(leased, info->leased_bytes), capacity);
	else
		print_message(subject, "%s queued exceed the new capacity of %s: read the data or "
			      "`bbuf flush' it first", bytes, capacity);
}

static int fail_set(const struct subject *subject, const struct plan *plan,
		    const struct bbuf_info *info, int error)
{
	switch (error) {
	case ERANGE:
		return fail_too_big(subject, plan->set.capacity);
	case EBUSY:
		print_too_small(subject, &plan->set, info);
		return EXIT_FAILURE;
	case EINVAL:
		print_invalid(subject, &plan->set, info);
		return EXIT_FAILURE;
	case EPERM:
		print_message(subject, "only the owner of the node and root may change the queue");
		return EXIT_FAILURE;
	default:
		return fail(subject, error);
	}
}

int cmd_set(int argc, char **argv)
{
	struct subject subject = { .operation = "set" };
	struct plan plan = { 0 };
	struct bbuf_info info;
	struct bbuf *queue;
	int ret = EXIT_SUCCESS;

	parse(&plan, argc, argv);
	subject.queue = plan.queue;
	queue = queue_open(&subject, O_RDONLY);
	if (bbuf_get_info(queue, &info))
		ret = fail(&subject, errno);
	else if (bbuf_set(queue, &plan.set))
		ret = fail_set(&subject, &plan, &info, errno);
	bbuf_close(queue);
	return ret;
}
