// SPDX-License-Identifier: GPL-2.0-only
/*
 * context: what it costs to stop one thing and to go on with another.
 *
 * Who is to go on later must find the CPU as it was: its registers, its stack, its memory.
 * How much of that is saved and loaded, and by whom, makes the difference between a function
 * call and two processes. A number goes to the other side, which adds 1, and comes back: that
 * is a round. The other side is a function, the kernel (by a system call), a coroutine, a
 * thread or a process.
 *
 * Threads and processes hand the number over through two queues. So one row has the price of
 * the queues alone, put and got by one thread, and one has a coroutine that uses them, too.
 * All this happens on one CPU, where one side runs only once the other has stopped.
 *
 * Look at: the round_ functions, and the column "switches": how often the kernel went on with
 * another thread, because one slept, or because the one that it had just woken was preferred.
 * That is twice a round for threads and processes, and never for coroutines, of which the
 * kernel knows nothing.
 */
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "coroutine.h"
#include "example.h"

#define CAPACITY	4096

/* Each way is measured so often, in turn with the others. The fastest was disturbed least. */
#define SAMPLES		9

static uint64_t rounds, cpus;

static const struct setting settings[] = {
	{ "rounds", "500", "how many to make", &rounds, arg_count, 0 },
	{ "cpus", "1", "2 gives a thread or process on the other side its own", &cpus, arg_count, 2 },
	{ 0 }
};

/**
 * struct way - to the other side and back
 * @name: of it
 * @round: takes a number there and back
 * @measure: starts the other side, if need be, and makes the rounds
 * @why: it costs what it costs
 * @cost: of the rounds, when they were fastest
 */
struct way {
	const char *name;
	uint64_t (*round)(uint64_t number);
	struct cost (*measure)(const struct way *way);
	const char *why;
	struct cost cost;
};

/**
 * struct ends - one side's of the two queues
 * @from: where it gets numbers
 * @to: where it puts them
 */
struct ends {
	struct bbuf *from;
	struct bbuf *to;
};

static unsigned int other_cpu;
static const char *there, *back;
static struct ends here, other;
static struct coroutine *adder, *queue_adder;
static uint64_t handed;

static void put_number(struct bbuf *queue, uint64_t number)
{
	queue_put(queue, &number, sizeof(number));
}

static uint64_t get_number(struct bbuf *queue)
{
	uint64_t number;

	queue_get(queue, &number, sizeof(number));
	return number;
}

static struct ends ends_open(const char *from, const char *to)
{
	return (struct ends){ queue_open(from, O_RDONLY), queue_open(to, O_WRONLY) };
}

static void ends_close(struct ends *ends)
{
	bbuf_close(ends->from);
	bbuf_close(ends->to);
}

/* What the other side does where there are queues. */
static void add_one(const struct ends *ends)
{
	put_number(ends->to, get_number(ends->from) + 1);
}

static uint64_t round_function(uint64_t number)
{
	return number + 1;
}

static uint64_t round_system_call(uint64_t number)
{
	syscall(SYS_getppid);
	return number + 1;
}

static void add_to_variable(void *number)
{
	for (;; coroutine_yield())
		++*(uint64_t *)number;
}

static uint64_t round_coroutine(uint64_t number)
{
	handed = number;
	coroutine_resume(adder);
	return handed;
}

static uint64_t round_alone(uint64_t number)
{
	put_number(here.to, number);
	add_one(&other);
	return get_number(here.from);
}

static void add_by_queues(void *ends)
{
	for (;; coroutine_yield())
		add_one(ends);
}

static uint64_t round_coroutine_queues(uint64_t number)
{
	put_number(here.to, number);
	coroutine_resume(queue_adder);
	return get_number(here.from);
}

/* Another thread or process waits for it. */
static uint64_t round_queues(uint64_t number)
{
	put_number(here.to, number);
	return get_number(here.from);
}

static struct cost alone(const struct way *way)
{
	struct cost before = cost_now(RUSAGE_THREAD);
	uint64_t number = 0, i;

	for (i = 0; i < rounds; i++)
		number = way->round(number);
	if (number != rounds)
		errx(EXIT_FAILURE, "%s: got a wrong number back", way->name);
	return cost_since(RUSAGE_THREAD, &before);
}

/* The other side: says that it is there, and plays its part. */
static void serve(void *cpu)
{
	struct ends ends = ends_open(there, back);
	uint64_t i;

	cpu_take(*(unsigned int *)cpu);
	put_number(ends.to, 0);
	for (i = 0; i < rounds; i++)
		add_one(&ends);
	ends_close(&ends);
}

static struct cost with_other(const struct way *way, enum team_kind kind)
{
	struct team *team = team_start(kind, 1, serve, &other_cpu);
	struct cost mine, others;

	get_number(here.from);
	mine = alone(way);
	others = team_join(team);
	mine.slept += others.slept;
	mine.preempted += others.preempted;
	return mine;
}

static struct cost with_thread(const struct way *way)
{
	return with_other(way, TEAM_THREADS);
}

static struct cost with_process(const struct way *way)
{
	return with_other(way, TEAM_PROCESSES);
}

static struct way ways[] = {
	{ .name = "function call", .round = round_function, .measure = alone, .why =
	  "The caller knows which registers it needs afterwards, and saves no others; the\n"
	  "place to return to is on the stack that both use." },
	{ .name = "system call", .round = round_system_call, .measure = alone, .why =
	  "The CPU enters the kernel and comes back. The kernel can't know which registers\n"
	  "the caller needs, and saves all; but it goes on with the same thread." },
	{ .name = "coroutine", .round = round_coroutine, .measure = alone, .why =
	  "Two switches by swapcontext(): it saves the registers that a function must keep,\n"
	  "loads the other's, with another stack, and makes a system call for the signal mask." },
	{ .name = "two queues alone", .round = round_alone, .measure = alone, .why =
	  "One thread puts and gets, twice: four system calls, and nothing is switched. It is\n"
	  "in the price of all others that use them." },
	{ .name = "coroutine, two queues", .round = round_coroutine_queues, .measure = alone, .why =
	  "The same calls, and two switches by swapcontext()." },
	{ .name = "thread", .round = round_queues, .measure = with_thread, .why =
	  "The same calls, and two switches by the kernel: who finds nothing sleeps; who puts\n"
	  "wakes; the scheduler chooses, saves all of the one and loads all of the other." },
	{ .name = "process", .round = round_queues, .measure = with_process, .why =
	  "As a thread, with an address space to load: where what is in memory, as far as the\n"
	  "CPU remembered it, is to be looked up anew." },
};

static int compare_ways(const void *one, const void *two)
{
	const struct way *a = one, *b = two;

	return (a->cost.ns > b->cost.ns) - (a->cost.ns < b->cost.ns);
}

static void measure_once(struct way *way)
{
	struct cost cost = way->measure(way);

	if (!way->cost.ns || cost.ns < way->cost.ns)
		way->cost = cost;
}

static void measure(void)
{
	size_t i, sample;

	for (sample = 0; sample < SAMPLES; sample++)
		for (i = 0; i < ARRAY_SIZE(ways); i++)
			measure_once(&ways[i]);
	qsort(ways, ARRAY_SIZE(ways), sizeof(*ways), compare_ways);
}

static void print_table(void)
{
	static const struct table_column columns[] = {
		{ .heading = "there and back" }, { .heading = "ns" }, { .heading = "times" },
		{ .heading = "switches" }, { .heading = "slept" }, { .heading = "preempted" },
	};
	struct libscols_table *table = table_new(columns, ARRAY_SIZE(columns), NULL);
	const struct way *way;

	for (way = ways; way < ways + ARRAY_SIZE(ways); way++) {
		struct libscols_line *row = table_row(table);
		const struct cost *cost = &way->cost;

		table_cell(row, 0, "%s", way->name);
		table_cell(row, 1, "%.1f", (double)cost->ns / rounds);
		table_cell(row, 2, "%.0f", (double)cost->ns / ways->cost.ns);
		table_cell(row, 3, "%.2f", (double)(cost->slept + cost->preempted) / rounds);
		table_cell(row, 4, "%.2f", (double)cost->slept / rounds);
		table_cell(row, 5, "%.2f", (double)cost->preempted / rounds);
	}
	table_print(table, stdout);
}

/* From nanoseconds to microseconds and more: only the logarithm fits on a screen. */
static void print_chart(void)
{
	struct bar bars[ARRAY_SIZE(ways)];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		double ns = (double)ways[i].cost.ns / rounds;

		bars[i].label = ways[i].name;
		bars[i].value = log10(1 + ns);
		snprintf(bars[i].text, TEXT_MAX, "%.1f ns", ns);
	}
	chart_print("\nNanoseconds there and back, on a logarithmic scale", bars,
		    ARRAY_SIZE(bars));
}

static void print_reasons(void)
{
	const struct way *way;

	for (way = ways; way < ways + ARRAY_SIZE(ways); way++)
		printf("\n%s\n%s\n", way->name, way->why);
}

int main(int argc, char **argv)
{
	example_settings(argc, argv, "What it costs to stop one thing and to go on with another: "
			 "function, system call, coroutine, thread, process.\v" HELP_EXIT ".",
			 settings);
	if (cpus > cpu_count())
		errx(EXIT_FAILURE, "--cpus=%ju: there are not so many", cpus);
	other_cpu = cpus - 1;
	cpu_take(0);
	there = queue_new(BBUF_RECORD, CAPACITY);
	back = queue_new(BBUF_RECORD, CAPACITY);
	here = ends_open(back, there);
	other = ends_open(there, back);
	adder = coroutine_new(add_to_variable, &handed);
	queue_adder = coroutine_new(add_by_queues, &other);

	measure();
	print_table();
	print_chart();
	print_reasons();

	coroutine_free(adder);
	coroutine_free(queue_adder);
	ends_close(&here);
	ends_close(&other);
	return output_end();
}
