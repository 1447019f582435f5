// SPDX-License-Identifier: GPL-2.0-only
/*
 * Options of bbuf bench.
 */
#include <stdio.h>
#include <string.h>

#include "common/arguments.h"
#include "common/exit.h"
#include "common/macros.h"
#include "common/settings.h"
#include "../file.h"
#include "peers.h"
#include "plan.h"

const struct pattern *const patterns[] = {
	&pattern_self, &pattern_stream, &pattern_pingpong, &pattern_many, &pattern_epoll,
	&pattern_idle, &pattern_uring, &pattern_splice, &pattern_memory,
};

const size_t pattern_count = ARRAY_SIZE(patterns);

/* Split a list in place. Returns the next item, or NULL. */
static char *next_item(char **list)
{
	return strsep(list, ",");
}

static void set_sizes(struct argp_state *state, const struct setting *setting, char *list)
{
	size_t *sizes = setting->into, count = 0;
	char *item;

	while ((item = next_item(&list))) {
		if (count == SIZES_MAX - 1)
			argp_error(state, "--sizes: at most %d sizes can be given", SIZES_MAX - 1);
		sizes[count++] = arg_size(state, setting->name, item);
	}
}

static struct level arg_level(struct argp_state *state, char *item)
{
	char *first = strsep(&item, ":");
	struct level level = { .first = arg_count(state, "numbers", first) };

	if (item)
		level.second = arg_count(state, "numbers", item);
	return level;
}

static void set_levels(struct argp_state *state, const struct setting *setting, char *list)
{
	struct level *levels = setting->into;
	size_t count = 0;
	char *item;

	while ((item = next_item(&list))) {
		if (count == SIZES_MAX - 1)
			argp_error(state, "--numbers: at most %d numbers can be given",
				   SIZES_MAX - 1);
		levels[count++] = arg_level(state, item);
	}
}

static void set_queues(struct argp_state *state, const struct setting *setting, char *list)
{
	unsigned int *queues = setting->into;
	char *item;
	size_t i;

	while ((item = next_item(&list))) {
		for (i = 0; i < peer_count && strcmp(peers[i]->name, item); i++)
			;
		if (i == peer_count)
			argp_error(state, "--queues=%s: unknown kind of queue; --help lists all",
				   item);
		*queues |= 1U << i;
	}
}

static void arg_pattern(struct argp_state *state, struct plan *plan, const char *arg)
{
	size_t i;

	for (i = 0; i < pattern_count && strcmp(patterns[i]->name, arg); i++)
		;
	if (i == pattern_count)
		argp_error(state, "%s: unknown pattern; --help lists all", arg);
	plan->chosen |= 1U << i;
}

static error_t parse_arguments(int key, char *arg, struct argp_state *state, void *input)
{
	struct plan *plan = input;

	switch (key) {
	case ARGP_KEY_ARG:
		arg_pattern(state, plan, arg);
		return 0;
	case ARGP_KEY_END:
		if (file_is_stdout(plan->json) && file_is_stdout(plan->csv))
			argp_error(state, "only one of --json and --csv can go to standard output: give "
				   "the other one a FILE");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Append the lists of patterns and of kinds of queues to the help. */
static char *help_filter(int key, const char *text, void *input)
{
	char *help = NULL;
	size_t size, i;
	FILE *out;

	(void)input;
	if (key != ARGP_KEY_HELP_POST_DOC)
		return (char *)text;
	out = open_memstream(&help, &size);
	if (!out)
		return (char *)text;
	fputs("Patterns:\n", out);
	for (i = 0; i < pattern_count; i++)
		fprintf(out, "  %-10s%s\n", patterns[i]->name, patterns[i]->summary);
	fputs("\nKinds of queues:", out);
	for (i = 0; i < peer_count; i++)
		fprintf(out, " %s", peers[i]->name);
	fprintf(out, "\n\n%s", text);
	fclose(out);
	return help;
}

void plan_parse(struct plan *plan, int argc, char **argv)
{
	const struct setting settings[] = {
		{ .name = "sizes", .key = 's', .arg = "SIZE,...", .parse = set_sizes,
		  .into = plan->sizes,
		  .doc = "message sizes in bytes (default: several for each pattern)" },
		{ .name = "numbers", .key = 'n', .arg = "N[:M],...", .parse = set_levels,
		  .into = plan->levels,
		  .doc = "numbers of queues (epoll, idle, memory), or of producers and consumers "
			 "(many)" },
		{ .name = "queues", .key = 'q', .arg = "QUEUE,...", .parse = set_queues,
		  .into = &plan->queues, .doc = "kinds of queues to measure (default: all)" },
		{ .name = "messages", .key = 'm', .count = &plan->messages, .initial = "20000",
		  .doc = "maximum number of messages in a round, which moves at most 128M bytes" },
		{ .name = "first", .key = 'f', .count = &plan->first,
		  .doc = "number of messages of a fresh queue to measure apart (default: a tenth of "
			 "the messages)" },
		{ .name = "time", .key = 't', .time = &plan->time_ns, .initial = "500ms",
		  .doc = "approximate time limit of a round, with fewer messages" },
		{ .name = "rounds", .key = 'r', .count = &plan->rounds, .initial = "5",
		  .doc = "number of rounds to take the median of" },
		{ .name = "spread", .key = 'S', .count = &plan->spread, .initial = "25",
		  .arg = "PERCENT",
		  .doc = "measure again if rounds differ by more than this" },
		{ .name = "attempts", .key = 'a', .count = &plan->attempts, .initial = "3",
		  .doc = "maximum number of times to measure rounds that differ" },
		{ .name = "timeout", .key = 'T', .time = &plan->timeout_ns, .initial = "60s",
		  .doc = "fail if no message moves for this long" },
		{ .name = "free", .key = 'F', .yes = &plan->free,
		  .doc = "let the scheduler move processes (default: pin each to a processor)" },
		FILE_SETTING("json", 'J', &plan->json,
			     "print JSON instead of tables, or also write it to FILE"),
		FILE_SETTING("csv", 'C', &plan->csv,
			     "print comma-separated values instead of tables, or also write them to "
			     "FILE"),
		{ 0 }
	};
	const struct command_line line = {
		.settings = settings,
		.args = "[PATTERN...]",
		.doc = "Benchmarks bbuf against pipes, message queues and sockets on the same "
		       "workloads.\v"
		       "NS, CALLS, SWITCHES and WAKEUPS are per message; /pipe and so on are the "
		       "time relative to a pipe. bbuf-bench(1) explains the results.\n\n"
		       HELP_UNITS "\n" HELP_EXIT ".",
		.parse = parse_arguments,
		.input = plan,
		.help_filter = help_filter,
	};

	*plan = (struct plan){ 0 };
	command_line_parse(&line, argc, argv);
}
