// SPDX-License-Identifier: GPL-2.0-only
/*
 * bbuf bench: how fast queues are, beside what one would take instead.
 */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <bbuf.h>

#include "../command.h"
#include "bench.h"

#define DEFAULT_MESSAGES	20000
#define DEFAULT_ROUNDS		5
/* Bytes that are moved in one round at the most, if messages are large. */
#define VOLUME_MAX		(128UL << 20)

static const struct pattern *const patterns[] = {
	&pattern_self, &pattern_stream, &pattern_pingpong, &pattern_many, &pattern_epoll,
	&pattern_idle, &pattern_memory,
};

enum option_key {
	KEY_MESSAGES = 'm',
	KEY_ROUNDS = 'r',
	KEY_SIZES = 's',
	KEY_NUMBERS = 'n',
	KEY_QUEUES = 'q',
	KEY_FREE = 'F',
	KEY_JSON = 'J',
	KEY_CSV = 'C',
};

/**
 * struct plan - what to measure, and how to tell
 * @chosen: patterns, as bits; 0 is all
 * @queues: kinds of queues, as bits; 0 is all
 * @sizes: of messages, if they were given
 * @levels: of how many, if they were given
 * @messages: for each figure
 * @rounds: of each figure
 * @free: see struct task
 * @json: print that
 * @csv: print that
 */
struct plan {
	unsigned int chosen;
	unsigned int queues;
	size_t sizes[SIZES_MAX];
	struct level levels[SIZES_MAX];
	size_t messages;
	size_t rounds;
	bool free;
	bool json;
	bool csv;
};

static const struct argp_option option_list[] = {
	{ .name = "sizes", .key = KEY_SIZES, .arg = "SIZE,...",
	  .doc = "bytes of a message (default: several for each pattern)" },
	{ .name = "numbers", .key = KEY_NUMBERS, .arg = "N,... or N:M,...",
	  .doc = "of queues (epoll, idle, memory), or of producers and consumers (many)" },
	{ .name = "queues", .key = KEY_QUEUES, .arg = "QUEUE,...",
	  .doc = "measure these kinds of queues only" },
	{ .name = "messages", .key = KEY_MESSAGES, .arg = "N",
	  .doc = "move so many in each round, but no more than 128M (default 20000)" },
	{ .name = "rounds", .key = KEY_ROUNDS, .arg = "N",
	  .doc = "measure each so often, in turn, and take the median (default 5)" },
	{ .name = "free", .key = KEY_FREE,
	  .doc = "let the scheduler move processes (default: each stays on a processor)" },
	{ .name = "json", .key = KEY_JSON, .doc = "print JSON" },
	{ .name = "csv", .key = KEY_CSV, .doc = "print comma-separated values" },
	{ 0 }
};

/* Takes a list apart, in place: the next item, or NULL. */
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
			argp_error(state, "--sizes: %d at the most", SIZES_MAX - 1);
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
			argp_error(state, "--numbers: %d at the most", SIZES_MAX - 1);
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
			argp_error(state, "--queues=%s: there is none of that kind", item);
		plan->queues |= 1U << i;
	}
}

static void arg_pattern(struct argp_state *state, struct plan *plan, const char *arg)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(patterns) && strcmp(patterns[i]->name, arg); i++)
		;
	if (i == ARRAY_SIZE(patterns))
		argp_error(state, "%s: there is no such pattern", arg);
	plan->chosen |= 1U << i;
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
	case KEY_FREE:
		plan->free = true;
		return 0;
	case KEY_JSON:
		plan->json = true;
		return 0;
	case KEY_CSV:
		plan->csv = true;
		return 0;
	case ARGP_KEY_ARG:
		arg_pattern(state, plan, arg);
		return 0;
	case ARGP_KEY_END:
		if (plan->json && plan->csv)
			argp_error(state, "give one of --json and --csv");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* The end of the help lists what there is. */
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
	for (i = 0; i < ARRAY_SIZE(patterns); i++)
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
	.doc = "Measures queues beside what one would take instead of them, all doing the same.\v"
	       "NS is for one message, CALLS, SWITCHES and WAKEUPS too; /PIPE and so on say how "
	       "much that is of what a pipe takes. bbuf-bench(1) says how to read it.\n\n"
	       HELP_SIZES "\n" HELP_EXIT ".",
	.help_filter = help_filter,
};

/* As many files as the administrator allows. */
static void allow_many_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* Can queues of bbuf be made? Says so if not. */
static bool have_ours(const struct subject *subject)
{
	struct channel channel;

	if (!channel_open(&channel, &peer_stream, 1, true)) {
		channel_close(&channel);
		return true;
	}
	if (errno == EACCES)
		say(subject, "only root makes queues: use sudo");
	else
		fail(subject, errno);
	return false;
}

static unsigned int our_queues(void)
{
	unsigned int ours = 0;
	size_t i;

	for (i = 0; i < peer_count; i++)
		if (peers[i]->can & PEER_OURS)
			ours |= 1U << i;
	return ours;
}

/* Without ours the others are still worth a look. */
static void choose_queues(const struct subject *subject, struct plan *plan)
{
	unsigned int ours = our_queues();

	if (!plan->queues)
		plan->queues = (1U << peer_count) - 1;
	if (!(plan->queues & ours) || have_ours(subject))
		return;
	plan->queues &= ~ours;
	if (!plan->queues)
		exit(EXIT_FAILURE);
	say(subject, "going on without bbuf");
}

/* One more figure of a kind of queue, unless it has turned out that there is none. */
static void measure_row(const struct plan *plan, struct group *group, struct row *row)
{
	const struct setup setup = {
		.pattern = group->pattern, .peer = row->peer,
		.size = group->size, .level = group->level,
		.messages = MAX(1U, MIN(plan->messages, VOLUME_MAX / group->size)),
		.free = plan->free,
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

/* Each round has all kinds, one after the other, so that what slows it hits them all. */
static void measure_group(const struct plan *plan, struct group *group)
{
	size_t i;

	group->rows = xcalloc(peer_count, sizeof(*group->rows));
	for (i = 0; i < peer_count; i++) {
		group->rows[i].peer = peers[i];
		if (plan->queues & 1U << i &&
		    (peers[i]->can & group->pattern->can) == group->pattern->can)
			group->rows[i].rounds = xcalloc(plan->rounds, sizeof(struct figure));
	}
	for (; group->rounds < plan->rounds; group->rounds++)
		for (i = 0; i < peer_count; i++)
			if (group->rows[i].rounds)
				measure_row(plan, group, &group->rows[i]);
}

/**
 * struct results - all that was found
 * @groups: that
 * @count: how many
 */
struct results {
	struct group *groups;
	size_t count;
};

static struct group *add_group(struct results *results)
{
	results->groups = xrealloc(results->groups, results->count + 1, sizeof(struct group));
	return &results->groups[results->count++];
}

/* Patterns without a number have one level, of 0. */
static void measure_pattern(const struct plan *plan, const struct pattern *pattern,
			    struct results *results)
{
	const struct level *levels = pattern->levels[0].first && plan->levels[0].first ?
				     plan->levels : pattern->levels;
	const size_t *sizes = plan->sizes[0] ? plan->sizes : pattern->sizes;
	const struct level *level;
	const size_t *size;

	for (size = sizes; *size; size++) {
		level = levels;
		do {
			struct group group = {
				.pattern = pattern, .size = *size, .level = *level,
			};

			measure_group(plan, &group);
			*add_group(results) = group;
		} while (level->first && (++level)->first);
	}
}

static void print_conditions(const struct plan *plan)
{
	struct utsname system;

	uname(&system);
	printf("Linux %s, %ld processors, %zu messages in each of %zu rounds\n\n",
	       system.release, sysconf(_SC_NPROCESSORS_ONLN), plan->messages, plan->rounds);
}

static void measure_all(const struct plan *plan, struct results *results)
{
	bool text = !plan->json && !plan->csv;
	size_t i, first;

	if (text)
		print_conditions(plan);
	for (i = 0; i < ARRAY_SIZE(patterns); i++) {
		if (plan->chosen && !(plan->chosen & 1U << i))
			continue;
		first = results->count;
		measure_pattern(plan, patterns[i], results);
		if (text)
			report_text(&results->groups[first], results->count - first);
	}
	if (!text)
		report_data(results->groups, results->count, plan->json);
}

static void forget(struct results *results)
{
	size_t i, j;

	for (i = 0; i < results->count; i++) {
		for (j = 0; j < peer_count; j++)
			free(results->groups[i].rows[j].rounds);
		free(results->groups[i].rows);
	}
	free(results->groups);
}

int cmd_bench(int argc, char **argv)
{
	const struct subject subject = { .operation = "bench" };
	struct plan plan = { .messages = DEFAULT_MESSAGES, .rounds = DEFAULT_ROUNDS };
	struct results results = { 0 };

	argp_parse(&argp, argc, argv, 0, NULL, &plan);
	allow_many_files();
	crew_init();
	choose_queues(&subject, &plan);
	measure_all(&plan, &results);
	forget(&results);
	return output_end();
}
