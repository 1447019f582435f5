// SPDX-License-Identifier: GPL-2.0-only
/*
 * bbuf bench: benchmark bbuf against pipes, message queues and sockets.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <bbuf.h>

#include "common/alloc.h"
#include "common/exit.h"
#include "common/macros.h"
#include "../command.h"
#include "../file.h"
#include "../message.h"
#include "peers.h"
#include "plan.h"
#include "report.h"

/* Maximum number of bytes moved in one round. */
#define VOLUME_MAX		(128UL << 20)

/* One of this number of messages counts as one of the first, unless an option says otherwise. */
#define FIRST_PART		10

/* Raise the limit of open files to the hard limit. */
static void allow_many_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* Whether queues of bbuf can be created and opened. Prints a message if not. */
static bool have_bbuf(void)
{
	char name[BBUF_NAME_SIZE];
	struct subject subject = { .operation = "bench" };
	struct bbuf *queue;

	snprintf(name, sizeof(name), "bench-%d", getpid());
	if (bbuf_create(name, NULL)) {
		fail_control(&subject, errno);
		return false;
	}
	subject.queue = name;
	queue = bbuf_open(name, O_RDWR);
	if (!queue)
		fail(&subject, errno);
	bbuf_close(queue);
	bbuf_destroy(name);
	return queue;
}

static unsigned int bbuf_queues(void)
{
	unsigned int bbuf_kinds = 0;
	size_t i;

	for (i = 0; i < peer_count; i++)
		if (peers[i]->can & PEER_BBUF)
			bbuf_kinds |= 1U << i;
	return bbuf_kinds;
}

/* Without bbuf the other kinds of queues can still be measured. */
static void choose_queues(const struct subject *subject, struct plan *plan)
{
	unsigned int bbuf_kinds = bbuf_queues();

	if (!plan->queues)
		plan->queues = (1U << peer_count) - 1;
	if (!(plan->queues & bbuf_kinds) || have_bbuf())
		return;
	plan->queues &= ~bbuf_kinds;
	if (!plan->queues)
		exit(EXIT_FAILURE);
	print_message(subject, "continuing without bbuf");
}

static size_t messages_of(const struct plan *plan, const struct group *group)
{
	size_t messages = MAX(1U, MIN(plan->messages, VOLUME_MAX / group->size));

	if (!group->first)
		return messages;
	return plan->first ? MIN(plan->first, messages) : MAX(1U, messages / FIRST_PART);
}

/* Measure one round of a kind of queue; drop the kind if it fails. */
static void measure_row(const struct plan *plan, struct group *group, struct row *row)
{
	const struct setup setup = {
		.pattern = group->pattern, .peer = row->peer,
		.size = group->size, .level = group->level,
		.messages = messages_of(plan, group), .fresh = group->first,
		.time_ns = plan->time_ns, .timeout_ns = plan->timeout_ns, .free = plan->free,
	};
	struct figure *figure = &row->rounds[group->rounds];
	size_t i;

	for (i = 0; i < MEASURES; i++)
		figure->value[i] = NAN;
	if (!group->pattern->run(&setup, figure))
		return;
	if (errno != EMSGSIZE)
		warn("bench: %s: %s", group->pattern->name, row->peer->name);
	free(row->rounds);
	row->rounds = NULL;
}

/* Each round measures all kinds in turn, so that a disturbance affects all of them. */
static void measure_rounds(const struct plan *plan, struct group *group)
{
	struct machine_watch watch;
	size_t i;

	group->rows = xcalloc(peer_count, sizeof(*group->rows));
	for (i = 0; i < peer_count; i++) {
		group->rows[i].peer = peers[i];
		if (plan->queues & 1U << i &&
		    (peers[i]->can & group->pattern->can) == group->pattern->can)
			group->rows[i].rounds = xcalloc(plan->rounds, sizeof(struct figure));
	}
	machine_begin(&watch);
	for (; group->rounds < plan->rounds; group->rounds++)
		for (i = 0; i < peer_count; i++)
			if (group->rows[i].rounds)
				measure_row(plan, group, &group->rows[i]);
	machine_end(&watch, &group->conditions);
}

/* Number of kinds of queues that were measured: one may have failed in one attempt only. */
static size_t group_kinds(const struct group *group)
{
	size_t kinds = 0, i;

	for (i = 0; i < peer_count; i++)
		kinds += group->rows[i].rounds != NULL;
	return kinds;
}

static double spread_limit(const struct plan *plan)
{
	return plan->spread / 100.0;
}

/* Rounds that differ too much are measured again. Returns the attempt whose rounds agree best. */
static struct group measure_group(const struct plan *plan, const struct group *what)
{
	struct group best = *what, next;
	size_t attempts = 1;

	measure_rounds(plan, &best);
	while (attempts < plan->attempts && group_spread(&best) > spread_limit(plan)) {
		next = *what;
		measure_rounds(plan, &next);
		attempts++;
		if (group_kinds(&next) == group_kinds(&best) &&
		    group_spread(&next) < group_spread(&best)) {
			group_free(&best);
			best = next;
		} else {
			group_free(&next);
		}
	}
	best.attempts = attempts;
	return best;
}

/**
 * struct results - all results
 * @groups: the results
 * @count: number of groups
 * @conditions: state of the machine before any measurement
 */
struct results {
	struct group *groups;
	size_t count;
	struct conditions conditions;
};

static void add_group(struct results *results, struct group group)
{
	results->groups = xrealloc(results->groups, results->count + 1, sizeof(struct group));
	results->groups[results->count++] = group;
}

/* Patterns without numbers have a single level, of 0. */
static void measure_pattern(const struct plan *plan, const struct pattern *pattern,
			    struct results *results)
{
	const struct level *levels = pattern->levels[0].first && plan->levels[0].first ?
				     plan->levels : pattern->levels;
	const size_t *sizes = plan->sizes[0] ? plan->sizes : pattern->sizes;
	const struct level *level;
	const size_t *size;
	int phase;

	for (size = sizes; *size; size++) {
		level = levels;
		do {
			struct group group = {
				.pattern = pattern, .size = *size, .level = *level,
				.conditions = results->conditions,
			};

			for (phase = pattern->phased ? 0 : 1; phase < 2; phase++) {
				group.first = phase == 0;
				add_group(results, measure_group(plan, &group));
			}
		} while (level->first && (++level)->first);
	}
}

static void print_conditions(const struct plan *plan, const struct results *results)
{
	struct utsname system;

	uname(&system);
	printf("Linux %s, %ld processors, %llu messages in each of %llu rounds\n",
	       system.release, sysconf(_SC_NPROCESSORS_ONLN), (unsigned long long)plan->messages,
	       (unsigned long long)plan->rounds);
	report_conditions(&results->conditions);
}

static void measure_all(const struct plan *plan, struct results *results)
{
	bool text = !file_is_stdout(plan->json) && !file_is_stdout(plan->csv);
	size_t i, first;

	if (text)
		print_conditions(plan, results);
	for (i = 0; i < pattern_count; i++) {
		if (plan->chosen && !(plan->chosen & 1U << i))
			continue;
		first = results->count;
		measure_pattern(plan, patterns[i], results);
		if (text)
			report_text(&results->groups[first], results->count - first,
				    spread_limit(plan));
	}
}

/* Returns an exit code. */
static int write_data(const struct results *results, const char *file, bool json)
{
	FILE *out;

	if (!file)
		return EXIT_SUCCESS;
	out = file_open(file);
	if (!out) {
		warn("bench: %s", file);
		return EXIT_FAILURE;
	}
	report_data(results->groups, results->count, json, out);
	if (out == stdout || !fclose(out))
		return EXIT_SUCCESS;
	warn("bench: %s", file);
	return EXIT_FAILURE;
}

static void free_results(struct results *results)
{
	size_t i;

	for (i = 0; i < results->count; i++)
		group_free(&results->groups[i]);
	free(results->groups);
}

int cmd_bench(int argc, char **argv)
{
	const struct subject subject = { .operation = "bench" };
	struct results results = { 0 };
	struct plan plan;
	int status;

	plan_parse(&plan, argc, argv);
	/* JSON, CSV and /proc have a decimal point, whatever the locale. */
	setlocale(LC_NUMERIC, "C");
	allow_many_files();
	workers_init();
	machine_inspect(&results.conditions, plan.timeout_ns, plan.free);
	choose_queues(&subject, &plan);
	measure_all(&plan, &results);
	status = write_data(&results, plan.json, true) | write_data(&results, plan.csv, false);
	free_results(&results);
	return status | output_end();
}
