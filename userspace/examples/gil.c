// SPDX-License-Identifier: GPL-2.0-only
/*
 * gil: one lock over all, as an interpreter has it.
 *
 * A global interpreter lock lets one thread of a process run at a time. It is taken in
 * slices, as in CPython: who wants it waits for an interval, and if nobody has given it up
 * by then, asks for it. The holder looks every now and then whether somebody asks, and if
 * so, hands it over in the middle of its work. It also gives it up around a call that may
 * block. The workers here take jobs from a queue. A job is to compute something, or to ask a
 * slow device, by one queue, and wait for the answers, which come by another.
 *
 * Look at: "at once", how many computed (on a CPU, with the lock) or waited for an answer at
 * the same moment, on average. Threads that compute share one CPU; processes have a lock
 * each, and use all CPUs; threads that wait do it without the lock, all at once.
 *
 * Then compare "turns", how often a worker stopped in the middle of a job for another, with
 * "slept". Threads pay for each turn with several switches by the kernel. Coroutines, which
 * share a thread, take many more turns without any: no faster, but cheaper.
 */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include "coroutine.h"
#include "example.h"

/* A job that computes looks at so many numbers. The first one finds two. */
#define FIRST_NUMBER	24678000
#define JOB_NUMBERS	150000

/* Numbers from one look whether somebody asks for the lock to the next. */
#define NUMBERS_PER_CHECK	1000

/* A job that asks does it so often. */
#define JOB_QUESTIONS	10

#define MEMBERS_MAX	100
#define CAPACITY	4096
#define JOBS_MAX	(CAPACITY / sizeof(uint64_t))

static uint64_t worker_count, job_count, interval_ns, answer_ns;

static const struct setting settings[] = {
	{ "workers", "4", "how many to compare with one", &worker_count, arg_count, MEMBERS_MAX },
	{ "jobs", "8", "how many there are, for all workers together", &job_count, arg_count,
	  JOBS_MAX },
	{ "interval", "5ms", "wait so long before asking for the lock", &interval_ns, arg_time, 0 },
	{ "answer", "5ms", "the device takes so long for an answer", &answer_ns, arg_time, 0 },
	{ 0 }
};

/**
 * struct tally - what a thread or process did, as it says itself when it ends
 * @result: sum of the results of its jobs
 * @cpu_ns: time on a CPU, with the lock
 * @turns: times that it stopped in the middle of a job for another
 */
struct tally {
	uint64_t result;
	uint64_t cpu_ns;
	uint64_t turns;
};

/**
 * struct way - to have the jobs done
 * @name: of it
 * @kind: what its members are
 * @single: there is one member, whatever the number of workers
 * @run: what a member does, given this
 * @task: what a job is; returns its result
 * @alone: by a single worker, for comparison
 * @cost: what it took
 * @tally: what all members did
 * @waited_ns: time that they waited for answers, all together
 */
struct way {
	const char *name;
	enum team_kind kind;
	bool single;
	void (*run)(void *way);
	uint64_t (*task)(uint64_t job);
	const struct way *alone;
	struct cost cost;
	struct tally tally;
	uint64_t waited_ns;
};

/* The queues. */
static const char *jobs, *tallies, *questions, *answers;

/* Of this thread. CPU time counts from gil_take() to gil_drop(). */
static _Thread_local struct tally tally;

/**
 * struct gil - the lock
 * @mutex: for all that follows; nobody has it for long
 * @dropped: signalled when the lock is given up
 * @taken: signalled when it is taken
 * @held: somebody has it
 * @takes: times that it was taken
 * @asked: somebody has waited for it long enough; the holder looks without @mutex
 */
static struct gil {
	pthread_mutex_t mutex;
	pthread_cond_t dropped;
	pthread_cond_t taken;
	bool held;
	uint64_t takes;
	atomic_bool asked;
} gil = {
	.mutex = PTHREAD_MUTEX_INITIALIZER,
	.dropped = PTHREAD_COND_INITIALIZER,
	.taken = PTHREAD_COND_INITIALIZER,
};

static uint64_t thread_cpu_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return time.tv_sec * NSEC_PER_SEC + time.tv_nsec;
}

/* For an interval at the most; asks for the lock if one holder has had it all the time. */
static void gil_wait(void)
{
	uint64_t end = now_ns() + interval_ns, takes = gil.takes;
	struct timespec deadline = { end / NSEC_PER_SEC, end % NSEC_PER_SEC };

	if (pthread_cond_clockwait(&gil.dropped, &gil.mutex, CLOCK_MONOTONIC, &deadline) &&
	    takes == gil.takes)
		gil.asked = true;
}

static void gil_take(void)
{
	pthread_mutex_lock(&gil.mutex);
	while (gil.held)
		gil_wait();
	gil.held = true;
	gil.takes++;
	gil.asked = false;
	pthread_cond_signal(&gil.taken);
	pthread_mutex_unlock(&gil.mutex);
	tally.cpu_ns -= thread_cpu_ns();
}

/* If somebody has asked, he is to have it, and not who gives it up once more. */
static void gil_drop(void)
{
	uint64_t takes = gil.takes;

	tally.cpu_ns += thread_cpu_ns();
	pthread_mutex_lock(&gil.mutex);
	gil.held = false;
	pthread_cond_signal(&gil.dropped);
	while (gil.asked && takes == gil.takes)
		pthread_cond_wait(&gil.taken, &gil.mutex);
	pthread_mutex_unlock(&gil.mutex);
}

static void gil_check(void)
{
	if (!gil.asked)
		return;
	tally.turns++;
	gil_drop();
	gil_take();
}

static void coroutine_check(void)
{
	tally.turns++;
	coroutine_yield();
}

/* What a job that computes calls now and then, for it may be another's turn. */
static _Thread_local void (*check)(void) = gil_check;

/* Calls that may block; nobody needs the lock for them. */
static void put_number(struct bbuf *queue, uint64_t number)
{
	gil_drop();
	queue_put(queue, &number, sizeof(number));
	gil_take();
}

static bool get_number(struct bbuf *queue, uint64_t *number)
{
	bool there;

	gil_drop();
	there = queue_get(queue, number, sizeof(*number));
	gil_take();
	return there;
}

/* Returns how many numbers it has found. */
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

/* Returns the sum of the answers, which need not be those to the own questions. */
static uint64_t ask(uint64_t job)
{
	struct bbuf *to = queue_open(questions, O_WRONLY), *from = queue_open(answers, O_RDONLY);
	uint64_t sum = 0, answer;
	unsigned int i;

	for (i = 0; i < JOB_QUESTIONS; i++) {
		put_number(to, job);
		get_number(from, &answer);
		sum += answer;
	}
	bbuf_close(to);
	bbuf_close(from);
	return sum;
}

/* The slow device: processes, as many as there are workers. The answer is twice the question. */
static void answer_questions(void *pause_ns)
{
	struct bbuf *from = queue_open(questions, O_RDONLY), *to = queue_open(answers, O_WRONLY);
	uint64_t number;

	while (queue_get(from, &number, sizeof(number))) {
		sleep_for(*(uint64_t *)pause_ns);
		number *= 2;
		queue_put(to, &number, sizeof(number));
	}
	bbuf_close(from);
	bbuf_close(to);
}

static void do_jobs(void *arg)
{
	struct bbuf *queue = queue_open(jobs, O_RDONLY);
	const struct way *way = arg;
	uint64_t job;

	while (get_number(queue, &job))
		tally.result += way->task(job);
	bbuf_close(queue);
}

/* In turn, until all are done. */
static void do_jobs_by_coroutines(void *way)
{
	struct coroutine *coroutines[worker_count];
	bool going = true;
	size_t i;

	check = coroutine_check;
	for (i = 0; i < worker_count; i++)
		coroutines[i] = coroutine_new(do_jobs, way);
	while (going) {
		going = false;
		for (i = 0; i < worker_count; i++)
			going |= !coroutine_done(coroutines[i]) && coroutine_resume(coroutines[i]);
	}
	for (i = 0; i < worker_count; i++)
		coroutine_free(coroutines[i]);
}

/* A thread or process, from its start to its end. */
static void member(void *arg)
{
	struct bbuf *queue = queue_open(tallies, O_WRONLY);
	const struct way *way = arg;

	gil_take();
	way->run(arg);
	gil_drop();
	queue_put(queue, &tally, sizeof(tally));
	bbuf_close(queue);
}

static void put_jobs(void)
{
	struct bbuf *queue = queue_open(jobs, O_WRONLY);
	uint64_t job;

	for (job = 0; job < job_count; job++)
		queue_put(queue, &job, sizeof(job));
	queue_shutdown(queue);
	bbuf_close(queue);
}

static void get_tallies(struct way *way, size_t members)
{
	struct bbuf *queue = queue_open(tallies, O_RDONLY);
	struct tally of_one;

	while (members--) {
		queue_get(queue, &of_one, sizeof(of_one));
		way->tally.result += of_one.result;
		way->tally.cpu_ns += of_one.cpu_ns;
		way->tally.turns += of_one.turns;
	}
	bbuf_close(queue);
}

static void measure(struct way *way, struct bbuf *answers_queue)
{
	uint64_t waited_ns = queue_info(answers_queue).out.blocked_ns;
	size_t members = way->single ? 1 : worker_count;
	struct team *team;

	jobs = queue_new(BBUF_RECORD, CAPACITY);
	tallies = queue_new(BBUF_RECORD, CAPACITY);
	put_jobs();
	team = team_start(way->kind, members, member, way);
	get_tallies(way, members);
	way->cost = team_join(team);
	way->waited_ns = queue_info(answers_queue).out.blocked_ns - waited_ns;
}

static struct way ways[] = {
	{ .name = "compute: 1 thread", .kind = TEAM_THREADS, .single = true,
	  .run = do_jobs, .task = compute, .alone = &ways[0] },
	{ .name = "compute: threads", .kind = TEAM_THREADS,
	  .run = do_jobs, .task = compute, .alone = &ways[0] },
	{ .name = "compute: processes", .kind = TEAM_PROCESSES,
	  .run = do_jobs, .task = compute, .alone = &ways[0] },
	{ .name = "compute: coroutines", .kind = TEAM_THREADS, .single = true,
	  .run = do_jobs_by_coroutines, .task = compute, .alone = &ways[0] },
	{ .name = "ask: 1 thread", .kind = TEAM_THREADS, .single = true,
	  .run = do_jobs, .task = ask, .alone = &ways[4] },
	{ .name = "ask: threads", .kind = TEAM_THREADS,
	  .run = do_jobs, .task = ask, .alone = &ways[4] },
};

static void measure_all(void)
{
	struct bbuf *to, *from;
	struct team *device;
	size_t i;

	questions = queue_new(BBUF_RECORD, CAPACITY);
	answers = queue_new(BBUF_RECORD, CAPACITY);
	device = team_start(TEAM_PROCESSES, worker_count, answer_questions, &answer_ns);
	to = queue_open(questions, O_WRONLY);
	from = queue_open(answers, O_RDONLY);
	for (i = 0; i < ARRAY_SIZE(ways); i++)
		measure(&ways[i], from);
	queue_shutdown(to);
	team_join(device);
	bbuf_close(to);
	bbuf_close(from);
}

static double at_once(const struct way *way)
{
	return (double)(way->tally.cpu_ns + way->waited_ns) / way->cost.ns;
}

static void print_table(void)
{
	static const struct table_column columns[] = {
		{ .heading = "jobs" }, { .heading = "seconds" }, { .heading = "CPU seconds" },
		{ .heading = "at once" }, { .heading = "turns" }, { .heading = "slept" },
		{ .heading = "preempted" }, { .heading = "speed-up" }, { .heading = "result" },
	};
	struct libscols_table *table = table_new(columns, ARRAY_SIZE(columns), NULL);
	const struct way *way;

	for (way = ways; way < ways + ARRAY_SIZE(ways); way++) {
		struct libscols_line *row = table_row(table);

		table_cell(row, 0, "%s", way->name);
		table_cell(row, 1, "%.2f", (double)way->cost.ns / NSEC_PER_SEC);
		table_cell(row, 2, "%.2f", (double)way->cost.cpu_ns / NSEC_PER_SEC);
		table_cell(row, 3, "%.2f", at_once(way));
		table_count(row, 4, way->tally.turns);
		table_count(row, 5, way->cost.slept);
		table_count(row, 6, way->cost.preempted);
		table_cell(row, 7, "%.2f", (double)way->alone->cost.ns / way->cost.ns);
		table_count(row, 8, way->tally.result);
	}
	table_print(table, stdout);
}

static void print_chart(void)
{
	struct chart chart = { .title = "At work, or waiting for an answer, at the same moment" };
	const struct way *way;

	for (way = ways; way < ways + ARRAY_SIZE(ways); way++)
		chart_bar(&chart, way->name, at_once(way), "%.2f", at_once(way));
	chart_print(&chart);
}

int main(int argc, char **argv)
{
	example_settings(argc, argv, "Has the same jobs done by one worker and by several, under "
			 "one lock that is taken in turns.\v" HELP_SIZES "\n" HELP_EXIT ".",
			 settings);
	printf("%llu jobs, for 1 worker and for %llu:\n", (unsigned long long)job_count,
	       (unsigned long long)worker_count);
	measure_all();
	print_table();
	print_chart();
	return output_end();
}
