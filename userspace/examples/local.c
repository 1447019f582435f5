// SPDX-License-Identifier: GPL-2.0-only
/*
 * local: thread-local and shared variables.
 *
 * Worker threads take jobs from a queue. Each has its own connection: an open file, a buffer for
 * the job, and a counter. This is one variable, "mine", but _Thread_local: each thread has its
 * own instance. It exists as long as the thread, but its file is not closed automatically;
 * therefore the thread stores the address of the variable under a key (pthread_key_create())
 * with a destructor, which is called when the thread ends.
 *
 * In addition there are a buffer and a counter that all threads share. They are _Atomic, so each
 * load and each store is atomic. But loading, adding 1 and storing are three steps: what other
 * threads stored in between is lost. atomic_fetch_add() does it in one step.
 *
 * Look at: count(), which uses both kinds in the same way; and at the number of open files of
 * the queue, which the kernel counts.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>

#include "example.h"

#define CAPACITY	65536

static uint64_t workers, jobs;

static const struct setting settings[] = {
	{ .name = "workers", .count = &workers, .initial = "4", .max = WORKERS_MAX,
	  .doc = "number of threads" },
	{ .name = "jobs", .count = &jobs, .initial = "4000",
	  .doc = "number of jobs for all threads together" },
	{ 0 }
};

/**
 * struct connection - connection of a thread
 * @jobs: handle of the queue of jobs
 * @file: file descriptor of @jobs
 * @job: buffer: the job received last
 * @count: number of jobs received
 * @overwritten: number of times that @job was not the job received
 * @shared_overwritten: number of times that the shared buffer was not
 * @where: address of this instance
 */
struct connection {
	struct bbuf *jobs;
	int file;
	uint64_t job;
	uint64_t count;
	uint64_t overwritten;
	uint64_t shared_overwritten;
	const void *where;
};

static _Thread_local struct connection mine;
static pthread_key_t connection_key;

static _Atomic uint64_t shared_job, shared_count, shared_count_in_one_step;

static const char *jobs_name;

/* Destructor: called by the thread that ends, with the address stored under the key. */
static void connection_close(void *arg)
{
	struct connection *connection = arg;

	bbuf_close(connection->jobs);
}

static void connection_open(void)
{
	mine.jobs = queue_open(jobs_name, O_RDONLY);
	mine.file = bbuf_fd(mine.jobs);
	mine.where = &mine;
	errno = pthread_setspecific(connection_key, &mine);
	if (errno)
		err(EXIT_FAILURE, "putting a connection under its key");
}

/*
 * Another thread may run in between. sched_yield() makes that more likely; it also happens
 * without it.
 */
static void count(void)
{
	uint64_t job = mine.job, count = mine.count, seen = shared_count;

	shared_job = job;
	sched_yield();
	mine.overwritten += mine.job != job;
	mine.shared_overwritten += shared_job != job;
	mine.count = count + 1;
	shared_count = seen + 1;
	atomic_fetch_add(&shared_count_in_one_step, 1);
}

/* Reports twice: when it is connected, and what it has done. */
static void work(void *reports_name)
{
	struct bbuf *reports = queue_open(reports_name, O_WRONLY);

	connection_open();
	queue_put(reports, &mine, sizeof(mine));
	while (queue_get(mine.jobs, &mine.job, sizeof(mine.job)))
		count();
	queue_put(reports, &mine, sizeof(mine));
	bbuf_close(reports);
}

/* Get one report of each thread, in order of arrival. */
static void get_reports(struct bbuf *queue, struct connection *reports)
{
	uint64_t i;

	for (i = 0; i < workers; i++)
		queue_must_get(queue, &reports[i], sizeof(*reports));
}

static void put_jobs(struct bbuf *queue)
{
	uint64_t job;

	for (job = 0; job < jobs; job++)
		queue_put_number(queue, job);
	queue_shutdown(queue);
}

static void print_reports(const struct connection *reports)
{
	struct libscols_table *table;
	uint64_t i, sum = 0, overwritten = 0;

	table = results_new("counted by|jobs|buffer overwritten|open file|variable at");
	for (i = 0; i < workers; i++) {
		results_row(table, "a thread|%ju|%ju|%d|%p", reports[i].count,
			    reports[i].overwritten, reports[i].file, reports[i].where);
		sum += reports[i].count;
		overwritten += reports[i].shared_overwritten;
	}
	results_row(table, "the threads together|%ju", sum);
	results_row(table, "all, one variable|%ju|%ju", shared_count, overwritten);
	results_row(table, "all, in one step|%ju", shared_count_in_one_step);
	results_print(table);
}

static uint32_t open_files(struct bbuf *queue)
{
	return queue_info(queue).out.files;
}

static void run(struct connection *reports)
{
	char *reports_name = queue_new(BBUF_RECORD, CAPACITY);
	struct bbuf *from = queue_open(reports_name, O_RDONLY);
	struct bbuf *queue = queue_open(jobs_name, O_WRONLY);
	uint32_t before = open_files(queue), meanwhile;
	struct team *team = team_start(TEAM_THREADS, workers, work, reports_name);

	get_reports(from, reports);
	meanwhile = open_files(queue);
	put_jobs(queue);
	get_reports(from, reports);
	team_join(team);
	printf("open files of the queue: %u; with the threads: %u; after them: %u\n\n", before,
	       meanwhile, open_files(queue));
	bbuf_close(queue);
	bbuf_close(from);
}

int main(int argc, char **argv)
{
	struct connection *reports;

	example_settings(argc, argv, "Threads count the jobs of a queue, in variables of their own "
			 "and in one that they share.\v" HELP_EXIT ".", settings);
	jobs_name = queue_new(BBUF_RECORD, CAPACITY);
	errno = pthread_key_create(&connection_key, connection_close);
	if (errno)
		err(EXIT_FAILURE, "making a key");
	reports = xcalloc(workers, sizeof(*reports));
	run(reports);
	print_reports(reports);
	free(reports);
	return output_end();
}
