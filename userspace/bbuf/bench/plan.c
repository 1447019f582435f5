// SPDX-License-Identifier: GPL-2.0-only
/*
 * Options of bbuf bench.
 */
#include <stdio.h>
#include <string.h>

#include "common/arguments.h"
#include "common/clock.h"
#include "common/exit.h"
#include "common/macros.h"
#include "peers.h"
#include "plan.h"

#define DEFAULT_MESSAGES	20000
#define DEFAULT_ROUNDS		5
#define DEFAULT_TIME		(500 * NSEC_PER_MSEC)
#define DEFAULT_TIMEOUT		(60 * NSEC_PER_SEC)

/* Default file of --json and --csv. */
#define STDOUT		"-"

const struct pattern *const patterns[] = {
	&pattern_self, &pattern_stream, &pattern_pingpong, &pattern_many, &pattern_epoll,
	&pattern_idle, &pattern_uring, &pattern_splice, &pattern_memory,
};

const size_t pattern_count = ARRAY_SIZE(patterns);

enum option_key {
	KEY_MESSAGES = 'm',
	KEY_ROUNDS = 'r',
	KEY_TIME = 't',
	KEY_TIMEOUT = 'T',
	KEY_SIZES = 's',
	KEY_NUMBERS = 'n',
	KEY_QUEUES = 'q',
	KEY_FREE = 'F',
	KEY_JSON = 'J',
	KEY_CSV = 'C',
};

static const struct argp_option option_list[] = {
	{ .name = "sizes", .key = KEY_SIZES, .arg = "SIZE,...",
	  .doc = "message sizes in bytes (default: several for each pattern)" },
	{ .name = "numbers", .key = KEY_NUMBERS, .arg = "N[:M],...",
	  .doc = "numbers of queues (epoll, idle, memory), or of producers and consumers (many)" },
	{ .name = "queues", .key = KEY_QUEUES, .arg = "QUEUE,...",
	  .doc = "kinds of queues to measure (default: all)" },
	{ .name = "messages", .key = KEY_MESSAGES, .arg = "N",
	  .doc = "maximum number of messages in a round, up to 128M of bytes (default: 20000)" },
	{ .name = "time", .key = KEY_TIME, .arg = "TIME",
	  .doc = "approximate time limit of a round, with fewer messages (default: 500ms)" },
	{ .name = "rounds", .key = KEY_ROUNDS, .arg = "N",
	  .doc = "number of rounds to take the median of (default: 5)" },
	{ .name = "timeout", .key = KEY_TIMEOUT, .arg = "TIME",
	  .doc = "fail if no message moves for this long (default: 60s)" },
	{ .name = "free", .key = KEY_FREE,
	  .doc = "let the scheduler move processes (default: pin each to a processor)" },
	{ .name = "json", .key = KEY_JSON, .arg = "FILE", .flags = OPTION_ARG_OPTIONAL,
	  .doc = "print JSON instead of tables, or also write it to FILE" },
	{ .name = "csv", .key = KEY_CSV, .arg = "FILE", .flags = OPTION_ARG_OPTIONAL,
	  .doc = "print comma-separated values instead of tables, or also write them to FILE" },
	{ 0 }
};

/* Split a list in place. Returns the next item, or NULL. */
static char *next_item(char **list)
{
	return strsep(list, ",");
}

static void arg_sizes(struct argp_state *state, struct plan *plan, char *list)
{
	size_t count = 0;
	char *item;

	while ((item = next_item(&list))) {
		if (count == SIZES_MAX - 1)
			argp_error(state, "--sizes: at most %d sizes can be given", SIZES_MAX - 1);
		plan->sizes[count++] = arg_size(state, "sizes", item);
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

static void arg_levels(struct argp_state *state, struct plan *plan, char *list)
{
	size_t count = 0;
	char *item;

	while ((item = next_item(&list))) {
		if (count == SIZES_MAX - 1)
			argp_error(state, "--numbers: at most %d numbers can be given",
				   SIZES_MAX - 1);
		plan->levels[count++] = arg_level(state, item);
	}
}

static void arg_queues(struct argp_state *state, struct plan *plan, char *list)
{
	char *item;
	size_t i;

	while ((item = next_item(&list))) {
		for (i = 0; i < peer_count && strcmp(peers[i]->name, item); i++)
			;
		if (i == peer_count)
			argp_error(state, "--queues=%s: unknown kind of queue; --help lists all",
				   item);
		plan->queues |= 1U << i;
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

/* Whether --json or --csv writes to standard output, which then has no tables. */
bool plan_to_stdout(const char *file)
{
	return file && !strcmp(file, STDOUT);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct plan *plan = state->input;

	switch (key) {
	case KEY_SIZES:
		arg_sizes(state, plan, arg);
		return 0;
	case KEY_NUMBERS:
		arg_levels(state, plan, arg);
		return 0;
	case KEY_QUEUES:
		arg_queues(state, plan, arg);
		return 0;
	case KEY_MESSAGES:
		plan->messages = arg_count(state, "messages", arg);
		return 0;
	case KEY_ROUNDS:
		plan->rounds = arg_count(state, "rounds", arg);
		return 0;
	case KEY_TIME:
		plan->time_ns = arg_time(state, "time", arg);
		return 0;
	case KEY_TIMEOUT:
		plan->timeout_ns = arg_time(state, "timeout", arg);
		return 0;
	case KEY_FREE:
		plan->free = true;
		return 0;
	case KEY_JSON:
		plan->json = arg ? arg : STDOUT;
		return 0;
	case KEY_CSV:
		plan->csv = arg ? arg : STDOUT;
		return 0;
	case ARGP_KEY_ARG:
		arg_pattern(state, plan, arg);
		return 0;
	case ARGP_KEY_END:
		if (plan_to_stdout(plan->json) && plan_to_stdout(plan->csv))
			argp_error(state, "give one of --json and --csv, or a FILE");
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

static const struct argp argp = {
	.options = option_list,
	.parser = parse,
	.args_doc = "[PATTERN...]",
	.doc = "Benchmarks bbuf against pipes, message queues and sockets on the same "
	       "workloads.\v"
	       "NS, CALLS, SWITCHES and WAKEUPS are per message; /pipe and so on are the time "
	       "relative to a pipe. bbuf-bench(1) explains the results.\n\n"
	       HELP_SIZES "\n" HELP_EXIT ".",
	.help_filter = help_filter,
};

void plan_parse(struct plan *plan, int argc, char **argv)
{
	*plan = (struct plan){
		.messages = DEFAULT_MESSAGES, .rounds = DEFAULT_ROUNDS, .time_ns = DEFAULT_TIME,
		.timeout_ns = DEFAULT_TIMEOUT,
	};
	argp_parse(&argp, argc, argv, 0, NULL, plan);
}
