// SPDX-License-Identifier: GPL-2.0-only
/*
 * producer: write standard input, or numbered items that it generates, to a queue.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/arguments.h"
#include "common/clock.h"
#include "common/exit.h"
#include "item.h"
#include "workers.h"

#define SIZE_DEFAULT	64

enum option_key {
	KEY_ITEMS = 'n',
	KEY_SIZE = 's',
	KEY_RATE = 'r',
};

/**
 * struct plan - options of producer
 * @workers: options of the workers
 * @generate: generate items instead of reading standard input
 * @items: number of items of each worker; UINT64_MAX for no limit
 * @size: size of an item in bytes
 * @rate: items per second of each worker; 0 for no limit
 */
struct plan {
	struct worker_options workers;
	bool generate;
	uint64_t items;
	uint32_t size;
	uint64_t rate;
};

static const struct argp_option option_list[] = {
	{ .name = "items", .key = KEY_ITEMS, .arg = "N",
	  .doc = "number of items that each worker generates (default: no limit)" },
	{ .name = "size", .key = KEY_SIZE, .arg = "SIZE",
	  .doc = "size of an item in bytes, at least 24 (default: 64)" },
	{ .name = "rate", .key = KEY_RATE, .arg = "N",
	  .doc = "items per second of each worker (default: no limit)" },
	{ 0 }
};

static uint32_t arg_item_size(struct argp_state *state, const char *arg)
{
	uint64_t size = arg_size(state, "size", arg);

	if (size < sizeof(struct item) || size > ITEM_SIZE_MAX)
		argp_error(state, "--size=%s: must be %zu to %u bytes", arg, sizeof(struct item),
			   ITEM_SIZE_MAX);
	return size;
}

/* Reject combinations that cannot work. */
static void plan_check(const struct plan *plan, struct argp_state *state)
{
	const struct worker_options *options = &plan->workers;

	if (!plan->generate && options->jobs > 1)
		argp_error(state, "--jobs=%u: several workers would mix parts of standard input: "
			   "add --items", options->jobs);
	if (plan->generate && plan->size > PIPE_BUF && options->jobs > 1 &&
	    options->mode != MODE_BLOCK)
		argp_error(state, "--size=%u --mode=%s --jobs=%u: a non-blocking write of more "
			   "than %u bytes may be partial, and would be mixed with the items of "
			   "other workers: use --mode=block", plan->size,
			   endpoint_mode_name(options->mode), options->jobs, PIPE_BUF);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct plan *plan = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &plan->workers;
		return 0;
	case ARGP_KEY_END:
		plan_check(plan, state);
		return 0;
	case KEY_ITEMS:
		plan->items = arg_count(state, "items", arg);
		break;
	case KEY_SIZE:
		plan->size = arg_item_size(state, arg);
		break;
	case KEY_RATE:
		plan->rate = arg_count(state, "rate", arg);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	plan->generate = true;
	return 0;
}

static const struct argp_child children[] = {
	{ .argp = &worker_argp, .header = "Options of producer and consumer:" },
	{ 0 }
};

static const struct argp argp = {
	.options = option_list,
	.parser = parse,
	.children = children,
	.doc = "Writes standard input to a queue; or, with --items, --size or --rate, numbered "
	       "items that `consumer --verify' can verify, each by one write, and an end marker "
	       "after the last. Then prints statistics on standard error.\v"
	       "The report has for each worker: calls of write(); slept, the calls during which "
	       "the thread yielded its CPU, and the time spent in them; EAGAIN, the calls that "
	       "moved nothing; polls, the calls of poll() or epoll_wait(); switches, the "
	       "voluntary context switches in all these calls, from getrusage(). Rates are from "
	       "the first byte moved to the last; MB are 1,000,000 bytes.\n\n"
	       HELP_SIZES "\n" HELP_EXIT ".",
};

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
		      plan->workers.device);
	return end != WORKERS_DONE && plan->items != UINT64_MAX;
}

int main(int argc, char **argv)
{
	struct plan plan = { .items = UINT64_MAX, .size = SIZE_DEFAULT };
	struct worker_group group = { .flags = O_WRONLY, .plan = &plan };
	enum workers_end end;
	bool failed;

	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, &plan);
	group.options = plan.workers;
	group.work = plan.generate ? work_generate : work_pass;

	end = workers_run(&group);
	failed = workers_failed(&group) || ended_early(&plan, end);
	workers_free(&group);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
