// SPDX-License-Identifier: GPL-2.0-only
/*
 * producer: write standard input, or numbered items that it generates, to a queue.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/arguments.h"
#include "common/clock.h"
#include "common/exit.h"
#include "common/settings.h"
#include "item.h"
#include "report.h"
#include "workers.h"

#define SIZE_DEFAULT	64

/**
 * struct plan - options of producer
 * @generate: generate items instead of reading standard input
 * @items: number of items of each worker; UINT64_MAX for no limit
 * @size: size of an item in bytes
 * @rate: items per second of each worker; 0 for no limit
 */
struct plan {
	bool generate;
	uint64_t items;
	uint32_t size;
	uint64_t rate;
};

static void set_item_size(struct argp_state *state, const struct setting *setting, char *arg)
{
	uint64_t size = arg_size(state, setting->name, arg);
	uint32_t *item_size = setting->into;

	if (size < sizeof(struct item) || size > ITEM_SIZE_MAX)
		argp_error(state, "--size=%s: must be %zu to %u bytes", arg, sizeof(struct item),
			   ITEM_SIZE_MAX);
	*item_size = size;
}

/* Reject combinations that cannot work. */
static void plan_check(const struct plan *plan, struct argp_state *state)
{
	unsigned long long jobs = worker_options.jobs;

	if (!plan->generate && jobs > 1)
		argp_error(state, "--jobs=%llu: several workers would mix parts of standard input: "
			   "add --items", jobs);
	if (plan->generate && plan->size > PIPE_BUF && jobs > 1 &&
	    worker_options.mode != MODE_BLOCK)
		argp_error(state, "--size=%u --mode=%s --jobs=%llu: a non-blocking write of more "
			   "than %u bytes may be partial, and would be mixed with the items of "
			   "other workers: use --mode=block", plan->size,
			   endpoint_mode_name(worker_options.mode), jobs, PIPE_BUF);
}

/* Each option for items implies that they are generated. */
static error_t parse_end(int key, char *arg, struct argp_state *state, void *input)
{
	struct plan *plan = input;

	(void)arg;
	if (key != ARGP_KEY_END)
		return ARGP_ERR_UNKNOWN;
	plan->generate = plan->items || plan->size || plan->rate;
	plan->items = plan->items ?: UINT64_MAX;
	plan->size = plan->size ?: SIZE_DEFAULT;
	plan_check(plan, state);
	return 0;
}

static void parse(struct plan *plan, int argc, char **argv)
{
	const struct setting settings[] = {
		{ .name = "items", .key = 'n', .count = &plan->items,
		  .doc = "number of items that each worker generates (default: no limit)" },
		{ .name = "size", .key = 's', .arg = "SIZE", .parse = set_item_size,
		  .into = &plan->size,
		  .doc = "size of an item in bytes, at least 24 (default: 64)" },
		{ .name = "rate", .key = 'r', .count = &plan->rate,
		  .doc = "items per second of each worker (default: no limit)" },
		{ 0 }
	};
	const struct command_line line = {
		.settings = settings,
		.shared = worker_settings,
		.doc = "Writes standard input to a queue; or, with --items, --size or --rate, "
		       "numbered items that `consumer --verify' can verify, each by one write, "
		       "and an end marker after the last. Then prints statistics on standard "
		       "error.\v"
		       HELP_REPORT("write()") "\n\n" HELP_UNITS "\n" HELP_EXIT ".",
		.parse = parse_end,
		.input = plan,
	};

	command_line_parse(&line, argc, argv);
}

/* Returns false when writing ends; then *good is false after an error. */
static bool put(struct worker *worker, const void *bytes, size_t n, bool *good)
{
	const char *pos = bytes;
	ssize_t ret;

	for (; n; n -= ret, pos += ret) {
		ret = endpoint_write(&worker->endpoint, pos, n);
		if (ret < 0) {
			*good = errno == EINTR;
			if (!*good)
				warn("%s: writing", worker->group->options.device);
			return false;
		}
		worker_moved(worker, ret);
	}
	return true;
}

static void pace(const struct worker *worker, const struct plan *plan, uint64_t start, uint64_t seq)
{
	uint64_t due = start + (double)seq * NSEC_PER_SEC / plan->rate;

	while (now_ns() < due && !atomic_load(&worker->group->stop))
		sleep_until(due);
}

static bool work_generate(struct worker *worker)
{
	const struct plan *plan = worker->group->plan;
	struct item *item = xcalloc(1, plan->size);
	uint64_t start = now_ns(), seq;
	uint32_t id = gettid();
	bool good = true;

	for (seq = 0; seq < plan->items; seq++) {
		if (plan->rate)
			pace(worker, plan, start, seq);
		item_make(item, ITEM_DATA, plan->size, id, seq);
		if (!put(worker, item, plan->size, &good))
			break;
		worker->endpoint.meter.items++;
	}
	if (seq == plan->items) {
		item_make(item, ITEM_END, plan->size, id, seq);
		put(worker, item, plan->size, &good);
	}
	free(item);
	return good;
}

static bool work_pass(struct worker *worker)
{
	const struct worker_group *group = worker->group;
	char *buf = xcalloc(1, group->options.buffer);
	bool good = true;
	ssize_t n;

	do {
		n = read(STDIN_FILENO, buf, group->options.buffer);
		if (n < 0 && errno != EINTR) {
			warn("standard input");
			good = false;
			break;
		}
	} while ((n < 0 && !atomic_load(&group->stop)) ||
		 (n > 0 && put(worker, buf, n, &good)));
	free(buf);
	return good;
}

/* Whether the work ended before everything was written. */
static bool ended_early(const struct plan *plan, enum workers_end end)
{
	if (end == WORKERS_IDLE)
		warnx("%s: nothing moved for the time given with --idle: is the queue being read?",
		      worker_options.device);
	return end != WORKERS_DONE && plan->items != UINT64_MAX;
}

int main(int argc, char **argv)
{
	struct plan plan = { 0 };
	struct worker_group group = { .flags = O_WRONLY, .plan = &plan };
	enum workers_end end;
	bool failed;

	parse(&plan, argc, argv);
	group.options = worker_options;
	group.work = plan.generate ? work_generate : work_pass;

	end = workers_run(&group);
	failed = workers_failed(&group) || ended_early(&plan, end);
	workers_free(&group);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
