// SPDX-License-Identifier: GPL-2.0-only
/*
 * consumer: read from a queue, and write to standard output, verify, or discard.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/arguments.h"
#include "common/exit.h"
#include "common/macros.h"
#include "verify.h"
#include "workers.h"

/* Exit code in addition to EXIT_SUCCESS, EXIT_FAILURE and EXIT_USAGE. */
#define EXIT_BAD_DATA	3

#define PRODUCERS_DEFAULT	1

enum option_key {
	KEY_VERIFY = 'v',
	KEY_PRODUCERS = 'p',
	KEY_DISCARD = 'x',
	KEY_BYTES = 'n',
};

/**
 * struct plan - options of consumer
 * @workers: options of the workers
 * @verify: verify items instead of writing bytes to standard output
 * @discard: discard the bytes instead of writing them
 * @producers: number of end markers to wait for
 * @budget: number of bytes that may still be read, if @limited
 * @limited: the number of bytes is limited
 * @verifier: state of the verification
 */
struct plan {
	struct worker_options workers;
	bool verify;
	bool discard;
	uint64_t producers;
	bool limited;
	atomic_ullong budget;
	struct verifier verifier;
};

static const struct argp_option option_list[] = {
	{ .name = "verify", .key = KEY_VERIFY,
	  .doc = "verify that all items of `producer --items' arrive intact, once and in order, "
		 "until all producers have ended" },
	{ .name = "producers", .key = KEY_PRODUCERS, .arg = "N",
	  .doc = "with --verify: number of producers to wait for (default: 1)" },
	{ .name = "discard", .key = KEY_DISCARD, .doc = "discard the data" },
	{ .name = "bytes", .key = KEY_BYTES, .arg = "SIZE",
	  .doc = "exit after this number of bytes (default: at end of file)" },
	{ 0 }
};

/* Reject combinations that cannot work. */
static void plan_check(const struct plan *plan, struct argp_state *state)
{
	if (plan->verify && (plan->discard || plan->limited))
		argp_error(state, "--verify reads complete items until the producers end: leave "
			   "out --bytes and --discard");
	if (!plan->verify && plan->producers != PRODUCERS_DEFAULT)
		argp_error(state, "--producers requires --verify");
	if (!plan->verify && !plan->discard && plan->workers.jobs > 1)
		argp_error(state, "--jobs=%u: several workers would mix their output: add "
			   "--verify or --discard", plan->workers.jobs);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct plan *plan = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &plan->workers;
		break;
	case ARGP_KEY_END:
		plan_check(plan, state);
		break;
	case KEY_VERIFY:
		plan->verify = true;
		break;
	case KEY_PRODUCERS:
		plan->producers = arg_count(state, "producers", arg);
		break;
	case KEY_DISCARD:
		plan->discard = true;
		break;
	case KEY_BYTES:
		plan->budget = arg_size(state, "bytes", arg);
		plan->limited = true;
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
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
	.doc = "Reads a queue and writes the data to standard output, or verifies or discards "
	       "it. Then prints statistics on standard error.\v"
	       "A stream has no item boundaries, and a read may end within an item. Therefore "
	       "the workers of one `consumer --verify' take turns at the device: each reads "
	       "until its data ends with a complete item, and verifies it while the others read. "
	       "Another process that reads the same queue meanwhile makes the verification "
	       "fail.\n\n"
	       "The report has for each worker: calls of read(); slept, the calls during which "
	       "the thread yielded its CPU, and the time spent in them; EAGAIN, the calls that "
	       "moved nothing; polls, the calls of poll() or epoll_wait(); switches, the "
	       "voluntary context switches in all these calls, from getrusage(). Rates are from "
	       "the first byte moved to the last; MB are 1,000,000 bytes.\n\n"
	       HELP_SIZES "\n" HELP_EXIT ", 3 the verification failed or is incomplete.",
};

/* Take n bytes, or what is left, from the budget. */
static size_t budget_take(struct plan *plan, size_t n)
{
	unsigned long long left = atomic_load(&plan->budget), take;

	if (!plan->limited)
		return n;
	do {
		take = MIN(left, n);
	} while (!atomic_compare_exchange_weak(&plan->budget, &left, left - take));
	return take;
}

static void budget_return(struct plan *plan, size_t n)
{
	if (plan->limited)
		atomic_fetch_add(&plan->budget, n);
}

static bool write_stdout(const struct worker *worker, const char *bytes, size_t n)
{
	ssize_t ret;

	for (; n; n -= ret, bytes += ret) {
		ret = write(STDOUT_FILENO, bytes, n);
		if (ret < 0 && errno == EINTR && !atomic_load(&worker->group->stop))
			ret = 0;
		if (ret < 0) {
			warn("standard output: %zu bytes read from the queue cannot be written",
			     n);
			return false;
		}
	}
	return true;
}

/* Returns 1 to n bytes, or 0 when reading ends; then *good is false after an error. */
static size_t take(struct worker *worker, void *buf, size_t n, bool *good)
{
	ssize_t ret = endpoint_read(&worker->endpoint, buf, n);

	*good = ret >= 0 || errno == EINTR;
	if (!*good)
		warn("%s: reading", worker->group->options.device);
	if (ret <= 0)
		return 0;
	worker_moved(worker, ret);
	return ret;
}

static bool work_pass(struct worker *worker)
{
	const struct worker_options *options = &worker->group->options;
	struct plan *plan = worker->group->plan;
	char *buf = xcalloc(1, options->buffer);
	bool good = true;
	size_t want, n;

	do {
		want = budget_take(plan, options->buffer);
		n = want ? take(worker, buf, want, &good) : 0;
		budget_return(plan, want - n);
		if (n && !plan->discard)
			good = write_stdout(worker, buf, n);
	} while (n && good);
	free(buf);
	return good;
}

static bool work_verify(struct worker *worker)
{
	struct plan *plan = worker->group->plan;

	return verifier_work(&plan->verifier, worker);
}

/* Returns the exit code. */
static int plan_result(struct plan *plan, const struct worker_group *group, enum workers_end end)
{
	bool verified = !plan->verify || verifier_report(&plan->verifier, plan->workers.json);

	if (workers_failed(group))
		return EXIT_FAILURE;
	if (!verified)
		return EXIT_BAD_DATA;
	if (end == WORKERS_INTERRUPTED && plan->limited) {
		warnx("%s: interrupted before all of --bytes had been read", plan->workers.device);
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct plan plan = { .producers = PRODUCERS_DEFAULT };
	struct worker_group group = { .flags = O_RDONLY, .plan = &plan };
	enum workers_end end;
	int result;

	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, &plan);
	verifier_init(&plan.verifier, plan.producers);
	group.options = plan.workers;
	group.work = plan.verify ? work_verify : work_pass;

	end = workers_run(&group);
	result = plan_result(&plan, &group, end);
	workers_free(&group);
	verifier_uninit(&plan.verifier);
	return result;
}
