// SPDX-License-Identifier: GPL-2.0-only
/*
 * gil: a single lock, as in an interpreter.
 *
 * A global interpreter lock lets one thread of a process run at a time; gil_lock.c implements
 * it. Workers check from time to time whether another one requests it, and if so, hand it over
 * in the middle of their work. They also release it around each call that may block. Their jobs
 * are to compute something, or to send questions to a slow device through one queue, and to wait
 * for the answers, which come through another queue.
 *
 * Look at: "at once", the number of workers that were on a CPU with the lock, or waited for an
 * answer, at the same time. Threads that compute share one CPU; processes have a lock each, and
 * use all CPUs; threads that wait do so without the lock. Then compare "turns", how many times a
 * worker stopped in the middle of a job for another one, with "slept". Each turn of a thread
 * costs context switches by the kernel. Coroutines of one thread take many more turns without
 * any: they are not faster, but cheaper.
 */
#include <fcntl.h>
#include <stdio.h>

#include "coroutine.h"
#include "example.h"
#include "gil_lock.h"
#include "samples.h"

/* A computing job tests this number of numbers. The first job finds two. */
#define FIRST_NUMBER	24678000
#define JOB_NUMBERS	150000

#define NUMBERS_PER_CHECK	1000	/* between two checks for a request of the lock */
#define JOB_QUESTIONS	10		/* of a job that asks */
#define ANSWER_NS	(5 * NSEC_PER_MSEC)
#define MEMBERS_MAX	100
#define CAPACITY	4096
#define JOBS_MAX	(CAPACITY / sizeof(uint64_t))

static uint64_t workers, job_count, rounds;

static const struct setting settings[] = {
	{ .name = "workers", .count = &workers, .initial = "4", .max = MEMBERS_MAX,
	  .doc = "number of workers in the comparison with one" },
	{ .name = "jobs", .count = &job_count, .initial = "8", .max = JOBS_MAX,
	  .doc = "number of jobs for all workers together" },
	ROUNDS_SETTING(&rounds),
	{ .name = "interval", .time = &gil_interval_ns, .initial = "5ms",
	  .doc = "time to wait before requesting the lock" },
	{ 0 }
};

/*
 * Result of a job, or of all jobs. The time is spent on a CPU with the lock, or waiting for
 * answers.
 */
struct result {
	uint64_t value;
	uint64_t turns;
	uint64_t ns;
};

/**
 * struct way - a way to run the jobs
 * @name: name in tables
 * @job: function of a job; returns its result
 * @run: function of a member; its argument is the way
 * @kind: whether members are threads or processes
 * @alone: there is only one member
 * @cost: cost of all members in the last round
 * @result: result of all jobs in the last round
 * @seconds: elapsed time of each round
 * @at_once: number of members that were on a CPU with the lock, or waited for an answer
 * @turns: number of turns of all members
 * @slept: number of voluntary context switches of all members
 * @speed_up: time of the first way with the same job in the same round divided by that of this one
 */
struct way {
	const char *name;
	uint64_t (*job)(uint64_t job);
	void (*run)(void *way);
	enum team_kind kind;
	bool alone;
	struct cost cost;
	struct result result;
	struct samples seconds;
	struct samples at_once;
	struct samples turns;
	struct samples slept;
	struct samples speed_up;
};

static const char *jobs, *results, *questions, *answers;

/*
 * For each thread: whether it runs coroutines, and the turns and the time waited since its last
 * result.
 */
static _Thread_local bool has_coroutines;
static _Thread_local uint64_t turns, waited_ns;

/* Let another worker run, if one waits. */
static void check(void)
{
	if (!has_coroutines && !gil_requested())
		return;
	turns++;
	if (has_coroutines) {
		coroutine_yield();
	} else {
		gil_release();
		gil_acquire();
	}
}

/* Calls that may block are made without the lock. */
static void put(struct bbuf *queue, const void *data, size_t len)
{
	gil_release();
	queue_put(queue, data, len);
	gil_acquire();
}

static bool get_number(struct bbuf *queue, uint64_t *number)
{
	bool there;

	gil_release();
	there = queue_get(queue, number, sizeof(*number));
	gil_acquire();
	return there;
}

/* Returns the number of Armstrong numbers found. */
static uint64_t compute(uint64_t job)
{
	uint32_t first = FIRST_NUMBER + job * JOB_NUMBERS, i;
	uint64_t found = 0;

	for (i = 0; i < JOB_NUMBERS; i++) {
		if (!(i % NUMBERS_PER_CHECK))
			check();
		found += is_armstrong(first + i);
	}
	return found;
}

/* Returns the sum of the answers, which may belong to questions of other workers. */
static uint64_t ask(uint64_t job)
{
	struct ends device = ends_open(answers, questions);
	uint64_t sum = 0, answer, start, i;

	for (i = 0; i < JOB_QUESTIONS; i++) {
		put(device.to, &job, sizeof(job));
		start = now_ns();
		get_number(device.from, &answer);
		waited_ns += now_ns() - start;
		sum += answer;
	}
	ends_close(&device);
	return sum;
}

/* The slow device: as many processes as there are workers. The answer is twice the question. */
static void answer_questions(void *unused)
{
	struct ends ends = ends_open(questions, answers);
	uint64_t number;

	(void)unused;
	while (queue_get(ends.from, &number, sizeof(number))) {
		sleep_for(ANSWER_NS);
		queue_put_number(ends.to, 2 * number);
	}
	ends_close(&ends);
}

static void do_jobs(void *arg)
{
	struct ends ends = ends_open(jobs, results);
	const struct way *way = arg;
	struct result result;
	uint64_t job;

	while (get_number(ends.from, &job)) {
		result.value = way->job(job);
		result.turns = turns;
		result.ns = gil_cpu_ns() + waited_ns;
		turns = waited_ns = 0;
		put(ends.to, &result, sizeof(result));
	}
	ends_close(&ends);
}

/* Resume the coroutines in turn, until all are done. */
static void do_jobs_by_coroutines(void *way)
{
	struct coroutine *coroutines[MEMBERS_MAX];
	size_t left, i;

	has_coroutines = true;
	for (i = 0; i < workers; i++)
		coroutines[i] = coroutine_new(do_jobs, way);
	for (left = workers; left; )
		for (i = 0; i < workers; i++)
			if (!coroutine_done(coroutines[i]))
				left -= !coroutine_resume(coroutines[i]);
	for (i = 0; i < workers; i++)
		coroutine_free(coroutines[i]);
}

/* Body of a thread or process. */
static void member(void *arg)
{
	const struct way *way = arg;

	gil_acquire();
	way->run(arg);
	gil_release();
}

static void measure(struct way *way)
{
	struct result result;
	struct team *team;
	struct ends ends;
	uint64_t i;

	jobs = queue_new(BBUF_RECORD, CAPACITY);
	results = queue_new_for_results(CAPACITY);
	ends = ends_open(results, jobs);
	for (i = 0; i < job_count; i++)
		queue_put_number(ends.to, i);
	queue_shutdown(ends.to);
	way->result = (struct result){ 0 };
	team = team_start(way->kind, way->alone ? 1 : workers, member, way);
	for (i = 0; i < job_count; i++) {
		queue_must_get(ends.from, &result, sizeof(result));
		way->result.value += result.value;
		way->result.turns += result.turns;
		way->result.ns += result.ns;
	}
	way->cost = team_join(team);
	ends_close(&ends);
}

static void measure_all(struct way *ways, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		measure(&ways[i]);
}

/* The first way with the same job is the reference for the others. */
static void keep_all(struct way *ways, size_t count)
{
	const struct way *one = ways;
	struct way *way;

	for (way = ways; way < ways + count; way++) {
		if (way->job != one->job)
			one = way;
		samples_add(&way->seconds, (double)way->cost.ns / NSEC_PER_SEC);
		samples_add(&way->at_once, (double)way->result.ns / way->cost.ns);
		samples_add(&way->turns, way->result.turns);
		samples_add(&way->slept, way->cost.slept);
		samples_add(&way->speed_up, (double)one->cost.ns / way->cost.ns);
	}
}

static void report(const struct way *ways, size_t count)
{
	struct chart chart = {
		.title = "Average number of workers that computed, or waited for an answer, at once" };
	char seconds[TEXT_MAX], speed_up[TEXT_MAX];
	struct libscols_table *table;
	const struct way *way;
	double at_once;

	table = results_new("jobs|seconds|spread|at once|turns|slept|speed-up|spread|result");
	for (way = ways; way < ways + count; way++) {
		at_once = samples_median(&way->at_once);
		results_row(table, "%s|%.2f|%s|%.2f|%.0f|%.0f|%.2f|%s|%ju", way->name,
			    samples_median(&way->seconds), samples_spread(seconds, &way->seconds),
			    at_once, samples_median(&way->turns), samples_median(&way->slept),
			    samples_median(&way->speed_up),
			    samples_spread(speed_up, &way->speed_up), way->result.value);
		chart_bar(&chart, way->name, at_once, "%.2f", at_once);
	}
	results_print(table);
	samples_explain(rounds);
	chart_print(&chart);
}

int main(int argc, char **argv)
{
	struct way ways[] = {
		{ .name = "compute: 1 thread", .job = compute, .run = do_jobs, .alone = true },
		{ .name = "compute: threads", .job = compute, .run = do_jobs },
		{ .name = "compute: processes", .job = compute, .run = do_jobs,
		  .kind = TEAM_PROCESSES },
		{ .name = "compute: coroutines", .job = compute, .run = do_jobs_by_coroutines,
		  .alone = true },
		{ .name = "ask: 1 thread", .job = ask, .run = do_jobs, .alone = true },
		{ .name = "ask: threads", .job = ask, .run = do_jobs },
	};
	struct team *device;
	struct ends ends;
	size_t i;

	example_settings(argc, argv, "Runs the same jobs with one worker and with several, under "
			 "one lock that they hold in turn.\v" HELP_TIMES "\n" HELP_EXIT ".",
			 settings);
	questions = queue_new(BBUF_RECORD, CAPACITY);
	answers = queue_new(BBUF_RECORD, CAPACITY);
	ends = ends_open(answers, questions);
	device = team_start(TEAM_PROCESSES, workers, answer_questions, NULL);
	printf("%ju jobs, for 1 worker and for %ju:\n", job_count, workers);
	measure_all(ways, ARRAY_SIZE(ways));
	for (i = 0; i < rounds; i++) {
		measure_all(ways, ARRAY_SIZE(ways));
		keep_all(ways, ARRAY_SIZE(ways));
	}
	report(ways, ARRAY_SIZE(ways));
	queue_shutdown(ends.to);
	team_join(device);
	ends_close(&ends);
	return output_end();
}
