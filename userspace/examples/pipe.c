// SPDX-License-Identifier: GPL-2.0-only
/*
 * pipe: processes that share nothing but queues.
 *
 * First there is one queue. A child puts 1 and exits, and the parent gets it. Then the other
 * direction: the parent puts 1000, and only then starts the child that gets it. Queued data
 * stays, whether or not a process has the other end open.
 *
 * Then there is a connection: two queues, one for each direction, since with one queue a process
 * would get back what it has put itself. The parent sends 55, and the child replies with 110,
 * twice that number.
 *
 * Look at: serve(). Each number is a record, so it arrives completely or not at all, and there
 * is nothing to parse. The child does not know how many numbers will come; it serves until EOF,
 * which the parent causes by shutting down its direction.
 *
 * Also look at the variable role: a child changes it, but only its own copy; in the parent it
 * stays "parent". Changes to the memory of one process are invisible to another.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "example.h"

#define CAPACITY	4096

static uint64_t request;

static const struct setting settings[] = {
	{ .name = "request", .count = &request, .initial = "55", .max = INT32_MAX / 2,
	  .doc = "number that the parent sends" },
	{ 0 }
};

static const char *role = "parent";

/**
 * struct connection - two queues, as seen by the parent
 * @requests: name of the queue to put into
 * @answers: name of the queue to get from
 */
struct connection {
	const char *requests;
	const char *answers;
};

static void print_step(const char *does, int number)
{
	printf("  %s, process %d, %s %d\n", role, getpid(), does, number);
}

static void put_number(struct bbuf *queue, int number)
{
	print_step("puts", number);
	queue_put(queue, &number, sizeof(number));
}

/* Returns false at EOF. */
static bool get_number(struct bbuf *queue, int *number)
{
	if (!queue_get(queue, number, sizeof(*number)))
		return false;
	print_step("gets", *number);
	return true;
}

static void must_get_number(struct bbuf *queue)
{
	int number;

	if (!get_number(queue, &number))
		errx(EXIT_FAILURE, "a queue ended too early");
}

static void putting_child(void *name)
{
	struct bbuf *queue = queue_open(name, O_WRONLY);

	role = "child";
	put_number(queue, 1);
	bbuf_close(queue);
}

static void getting_child(void *name)
{
	struct bbuf *queue = queue_open(name, O_RDONLY);

	role = "child";
	must_get_number(queue);
	bbuf_close(queue);
}

static void report_queued(struct bbuf *queue)
{
	printf("  records queued: %ju\n", (uintmax_t)queue_info(queue).records);
}

static void one_queue(void)
{
	char *name = queue_new(BBUF_RECORD, CAPACITY);
	struct bbuf *queue = queue_open(name, O_RDWR);

	printf("one queue:\n");
	process_join(process_start(putting_child, name));
	report_queued(queue);
	must_get_number(queue);
	put_number(queue, 1000);
	report_queued(queue);
	process_join(process_start(getting_child, name));
	bbuf_close(queue);
}

static void serve(struct bbuf *requests, struct bbuf *answers)
{
	int number;

	while (get_number(requests, &number))
		put_number(answers, 2 * number);
}

static void serving_child(void *arg)
{
	const struct connection *connection = arg;
	struct bbuf *requests = queue_open(connection->requests, O_RDONLY);
	struct bbuf *answers = queue_open(connection->answers, O_WRONLY);

	role = "child";
	serve(requests, answers);
	bbuf_close(requests);
	bbuf_close(answers);
}

static void two_queues(void)
{
	struct connection connection = {
		.requests = queue_new(BBUF_RECORD, CAPACITY),
		.answers = queue_new(BBUF_RECORD, CAPACITY),
	};
	pid_t child = process_start(serving_child, &connection);
	struct bbuf *requests = queue_open(connection.requests, O_WRONLY);
	struct bbuf *answers = queue_open(connection.answers, O_RDONLY);

	printf("two queues:\n");
	put_number(requests, request);
	must_get_number(answers);
	queue_shutdown(requests);
	process_join(child);
	bbuf_close(requests);
	bbuf_close(answers);
}

int main(int argc, char **argv)
{
	example_settings(argc, argv, "Hands numbers from one process to another: through one "
			 "queue, then through a connection of two.\v" HELP_EXIT ".", settings);
	setvbuf(stdout, NULL, _IOLBF, 0);
	one_queue();
	two_queues();
	return output_end();
}
