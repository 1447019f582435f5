// SPDX-License-Identifier: GPL-2.0-only
/*
 * Queues of an example. See queue.h.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/macros.h"
#include "common/node.h"
#include "queue.h"

/* Maximum number of queues of a program, and maximum size of their names. */
#define QUEUES_MAX	256
#define NAME_SIZE	64

static char queues[QUEUES_MAX][NAME_SIZE];
static atomic_int queue_count;
static pid_t queue_owner;

/* Children inherit the list, but must not destroy the queues. */
static void queues_destroy(void)
{
	if (getpid() != queue_owner)
		return;
	while (queue_count)
		bbuf_destroy(queues[--queue_count]);
}

/* bbuf_destroy() only makes system calls, so it may be called by a signal handler. */
static void interrupted(int sig)
{
	queues_destroy();
	signal(sig, SIG_DFL);
	raise(sig);
}

static void queues_destroy_at_end(void)
{
	static const int signals[] = { SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTERM };
	size_t i;

	queue_owner = getpid();
	atexit(queues_destroy);
	for (i = 0; i < ARRAY_SIZE(signals); i++)
		if (signal(signals[i], interrupted) == SIG_IGN)
			signal(signals[i], SIG_IGN);	/* as under nohup */
}

static _Noreturn void queue_create_failed(const char *name, int error)
{
	switch (error) {
	case ENOENT:
		errx(EXIT_FAILURE, "creating the queue: /dev/bbuf-control does not exist: load "
		     "the module with `insmod bbuf.ko' or `make load'");
	case ENXIO:
		errx(EXIT_FAILURE, "creating the queue %s: %s", name,
		     node_problem(CONTROL_NODE) ?: "the module has no control device: the kernel "
		     "log (dmesg) tells why");
	case ERANGE:
		errx(EXIT_FAILURE, "creating the queue %s: larger than max_capacity, which root "
		     "can raise in /sys/module/bbuf/parameters", name);
	case EACCES:
		errx(EXIT_FAILURE, "creating the queue %s: not permitted by /dev/bbuf-control: "
		     "run this as root", name);
	}
	errno = error;
	err(EXIT_FAILURE, "creating the queue %s", name);
}

static char *queue_create(uint32_t type, uint64_t capacity, uint32_t policy)
{
	struct bbuf_config config = BBUF_CONFIG_INIT;
	char *name = queues[queue_count];

	if (!queue_count)
		queues_destroy_at_end();
	if (queue_count == QUEUES_MAX)
		errx(EXIT_FAILURE, "more than %d queues", QUEUES_MAX);
	config.type = type;
	config.capacity = capacity;
	config.policy = policy;
	snprintf(name, NAME_SIZE, "%.32s-%d-%d", program_invocation_short_name, getpid(),
		 queue_count);
	if (bbuf_create(name, &config))
		queue_create_failed(name, errno);
	queue_count++;
	return name;
}

char *queue_new(uint32_t type, uint64_t capacity)
{
	return queue_create(type, capacity, 0);
}

/* If all workers have died, the reader gets EOF. */
char *queue_new_for_results(uint64_t capacity)
{
	return queue_create(BBUF_RECORD, capacity, BBUF_EOF_ON_CLOSE);
}

struct bbuf *queue_open(const char *name, int flags)
{
	struct bbuf *queue = bbuf_open(name, flags);
	char path[sizeof("/dev/bbuf-") + NAME_SIZE], *problem;
	int error = errno;

	if (queue)
		return queue;
	snprintf(path, sizeof(path), "/dev/bbuf-%s", name);
	problem = node_problem(path);
	if (problem)
		errx(EXIT_FAILURE, "opening the queue %s: %s", name, problem);
	errno = error;
	err(EXIT_FAILURE, "opening the queue %s", name);
}

/* Exit with a message that names the queue. */
static _Noreturn void queue_failed(struct bbuf *queue, const char *what)
{
	struct bbuf_info info = { 0 };
	int error = errno;

	bbuf_get_info(queue, &info);
	errno = error;
	err(EXIT_FAILURE, "the queue %s: %s", info.name, what);
}

void queue_put(struct bbuf *queue, const void *data, size_t len)
{
	if (bbuf_put(queue, data, len, NULL) != (ssize_t)len)
		queue_failed(queue, "putting");
}

/* Returns 0 at EOF: the queue is shut down and empty. */
size_t queue_get(struct bbuf *queue, void *buffer, size_t size)
{
	ssize_t ret = bbuf_get(queue, buffer, size, NULL);

	if (ret < 0)
		queue_failed(queue, "getting");
	return ret;
}

/* Get a record where EOF would be an error. */
void queue_must_get(struct bbuf *queue, void *buffer, size_t size)
{
	if (!queue_get(queue, buffer, size))
		errx(EXIT_FAILURE, "a queue ended before all data arrived: has a worker died?");
}

void queue_put_number(struct bbuf *queue, uint64_t number)
{
	queue_put(queue, &number, sizeof(number));
}

uint64_t queue_get_number(struct bbuf *queue)
{
	uint64_t number;

	queue_must_get(queue, &number, sizeof(number));
	return number;
}

void queue_shutdown(struct bbuf *queue)
{
	if (bbuf_shutdown(queue))
		queue_failed(queue, "shutting down");
}

struct bbuf_info queue_info(struct bbuf *queue)
{
	struct bbuf_info info;

	if (bbuf_get_info(queue, &info))
		queue_failed(queue, "getting its statistics");
	return info;
}

struct ends ends_open(const char *from, const char *to)
{
	return (struct ends){ queue_open(from, O_RDONLY), queue_open(to, O_WRONLY) };
}

void ends_close(const struct ends *ends)
{
	bbuf_close(ends->from);
	bbuf_close(ends->to);
}
