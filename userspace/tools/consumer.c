// SPDX-License-Identifier: GPL-2.0-only
/*
 * consumer: read from a queue, and write to standard output, verify, or discard.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/arguments.h"
#include "common/exit.h"
#include "common/macros.h"
#include "common/settings.h"
#include "report.h"
#include "verify.h"
#include "workers.h"

/* Exit code in addition to EXIT_SUCCESS, EXIT_FAILURE and EXIT_USAGE. */
#define EXIT_BAD_DATA	3

/**
 * struct plan - options of consumer
 * @verify: verify items instead of writing bytes to standard output
 * @discard: discard the bytes instead of writing them
 * @producers: number of end markers to wait for; 0 if not given
 * @bytes: number of bytes to read; 0 for no limit
 * @budget: number of bytes that may still be read, if limited by @bytes
 * @verifier: state of the verification
 */
struct plan {
	bool verify;
	bool discard;
	uint64_t producers;
	uint64_t bytes;
	atomic_ullong budget;
	struct verifier verifier;
};

/* Reject combinations that cannot work. */
static void plan_check(const struct plan *plan, struct argp_state *state)
{
	if (plan->verify && (plan->discard || plan->bytes))
		argp_error(state, "--verify reads complete items until the producers end: leave "
			   "out --bytes and --discard");
	if (!plan->verify && plan->producers > 1)
		argp_error(state, "--producers requires --verify");
	if (!plan->verify && !plan->discard && worker_options.jobs > 1)
		argp_error(state, "--jobs=%llu: several workers would mix their output: add "
			   "--verify or --discard", (unsigned long long)worker_options.jobs);
}

static error_t parse_end(int key, char *arg, struct argp_state *state, void *input)
{
	struct plan *plan = input;

	(void)arg;
	if (key != ARGP_KEY_END)
		return ARGP_ERR_UNKNOWN;
	plan_check(plan, state);
	plan->budget = plan->bytes;
	return 0;
}

static void parse(struct plan *plan, int argc, char **argv)
{
	const struct setting settings[] = {
		{ .name = "verify", .key = 'v', .yes = &plan->verify,
		  .doc = "verify that all items of `producer --items' arrive intact, once and in "
			 "order, until all producers have ended" },
		{ .name = "producers", .key = 'p', .count = &plan->producers,
		  .doc = "with --verify: number of producers to wait for (default: 1)" },
		{ .name = "discard", .key = 'x', .yes = &plan->discard,
		  .doc = "discard the data" },
		{ .name = "bytes", .key = 'n', .size = &plan->bytes,
		  .doc = "exit after this number of bytes (default: at end of file)" },
		{ 0 }
	};
	const struct command_line line = {
		.settings = settings,
		.shared = worker_settings,
		.doc = "Reads a queue and writes the data to standard output, or verifies or "
		       "discards it. Then prints statistics on standard error.\v"
		       "A stream has no item boundaries, and a read may end within an item. "
		       "Therefore the workers of one `consumer --verify' take turns at the device: "
		       "each reads until its data ends with a complete item, and verifies it while "
		       "the others read. Another process that reads the same queue meanwhile makes "
		       "the verification fail.\n\n"
		       HELP_REPORT("read()") "\n\n"
		       HELP_UNITS "\n" HELP_EXIT ", 3 the verification failed or is incomplete.",
		.parse = parse_end,
		.input = plan,
	};

	command_line_parse(&line, argc, argv);
}

/* Take n bytes, or what is left, from the budget. */
static size_t budget_take(struct plan *plan, size_t n)
{
	unsigned long long left = atomic_load(&plan->budget), take;

	if (!plan->bytes)
		return n;
	do {
		take = MIN(left, n);
	} while (!atomic_compare_exchange_weak(&plan->budget, &left, left - take));
	return take;
}

static void budget_return(struct plan *plan, size_t n)
{
	if (plan->bytes)
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
	bool verified = !plan->verify || verifier_report(&plan->verifier, worker_options.json);

	if (workers_failed(group))
		return EXIT_FAILURE;
	if (!verified)
		return EXIT_BAD_DATA;
	if (end == WORKERS_INTERRUPTED && plan->bytes) {
		warnx("%s: interrupted before all of --bytes had been read", worker_options.device);
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct plan plan = { 0 };
	struct worker_group group = { .flags = O_RDONLY, .plan = &plan };
	enum workers_end end;
	int result;

	parse(&plan, argc, argv);
	verifier_init(&plan.verifier, plan.producers ?: 1);
	group.options = worker_options;
	group.work = plan.verify ? work_verify : work_pass;

	end = workers_run(&group);
	result = plan_result(&plan, &group, end);
	workers_free(&group);
	verifier_uninit(&plan.verifier);
	return result;
}
