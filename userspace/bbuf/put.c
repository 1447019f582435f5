// SPDX-License-Identifier: GPL-2.0-only
/*
 * bbuf put: write arguments, lines or files to a queue.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/arguments.h"
#include "common/settings.h"
#include "command.h"
#include "input.h"
#include "message.h"
#include "options.h"
#include "queue.h"

/**
 * struct plan - options of the command
 * @queue: name of the queue
 * @items: arguments, or names of files
 * @count: number of @items
 * @files: whether @items are files
 * @separator: byte that ends an item in a file
 * @wait: how long to wait for room
 */
struct plan {
	const char *queue;
	char **items;
	int count;
	bool files;
	struct separator separator;
	struct wait_options wait;
};

/**
 * struct put - state of the command
 * @subject: for messages
 * @plan: options of the command
 * @queue: handle of the queue
 * @records: whether it is a record queue
 * @capacity: capacity in bytes when the queue was opened
 * @batch: records that are not queued yet; NULL for a stream
 * @done: records, or bytes of a stream, queued so far
 * @empty: number of empty items, which cannot be records
 * @status: exit code so far
 */
struct put {
	struct subject subject;
	const struct plan *plan;
	struct bbuf *queue;
	bool records;
	uint64_t capacity;
	struct bbuf_batch *batch;
	uint64_t done;
	uint64_t empty;
	int status;
};

static error_t parse_arguments(int key, char *arg, struct argp_state *state, void *input)
{
	struct plan *plan = input;

	switch (key) {
	case ARGP_KEY_ARG:
		plan->queue = arg;
		plan->items = state->argv + state->next;
		plan->count = state->argc - state->next;
		state->next = state->argc;
		return 0;
	case ARGP_KEY_SUCCESS:
		if (plan->files && !plan->count)
			argp_error(state, "--file: missing argument: FILE");
		return 0;
	default:
		return arg_queue(key, arg, state, &plan->queue);
	}
}

static void parse(struct plan *plan, int argc, char **argv)
{
	const struct setting settings[] = {
		{ .name = "file", .key = 'f', .yes = &plan->files,
		  .doc = "write the contents of files; - is standard input" },
		LINES_SETTING(&plan->separator),
		NULL_SETTING(&plan->separator),
		TIMEOUT_SETTING(&plan->wait),
		NONBLOCK_SETTING(&plan->wait),
		{ 0 }
	};
	const struct command_line line = {
		.settings = settings,
		.args = "QUEUE [DATA...]\nQUEUE --file FILE...",
		.doc = "Writes each DATA, each FILE, or standard input to a queue: to a record "
		       "queue each as one record, to a stream as bytes, unchanged.\v"
		       "With --lines or --null each item of standard input or of a FILE becomes a "
		       "record, without its terminator. A stream keeps the terminator, which is "
		       "also appended to DATA, and each item is one write.\n\n"
		       HELP_TIMES "\n" HELP_EXIT_WAIT ".",
		.parse = parse_arguments,
		.input = plan,
	};

	command_line_parse(&line, argc, argv);
}

/* Describe what was queued before an error. Returns an allocated string. */
static char *progress(const struct put *put)
{
	unsigned long long done = put->done;

	if (!done)
		return xasprintf("nothing was queued");
	return xasprintf("queued before that: %llu %s%s", done, put->records ? "record" : "byte",
			 plural(done));
}

/* Print why a record, or bytes of a stream, could not be queued. */
static void put_failed(struct put *put, size_t len, int error)
{
	const struct subject *subject = &put->subject;
	char *done = progress(put);

	put->status = EXIT_FAILURE;
	switch (error) {
	case EAGAIN:
		print_message(subject, "no room for %zu byte%s now; %s", len, plural(len), done);
		put->status = EXIT_WOULD_BLOCK;
		break;
	case ETIMEDOUT:
		print_message(subject, "timed out waiting for room for %zu byte%s; %s", len,
			      plural(len), done);
		put->status = EXIT_TIMED_OUT;
		break;
	case EPIPE:
		print_message(subject, "the queue is shut down: `bbuf reopen %s' permits writes "
			      "again; %s", subject->queue, done);
		break;
	case EMSGSIZE:
		print_message(subject, "a record of %zu bytes is longer than the capacity of %llu "
			      "bytes: raise it with `bbuf set %s --capacity'; %s", len,
			      (unsigned long long)put->capacity, subject->queue, done);
		break;
	default:
		put->status = fail(subject, error);
		print_message(subject, "%s", done);
	}
	free(done);
}

/* Write one record, or bytes of a stream. */
static bool put_bytes(struct put *put, const char *data, size_t len)
{
	ssize_t ret;

	while (len) {
		ret = bbuf_put(put->queue, data, len, put->plan->wait.timeout);
		if (ret < 0 && errno == EINTR)
			continue;
		if (ret < 0) {
			put_failed(put, len, errno);
			return false;
		}
		put->done += put->records ? 1 : ret;
		data += ret;
		len -= ret;
	}
	return true;
}

/* The first record left in the batch is the one that failed. */
static bool put_batch_failed(struct put *put, int error)
{
	const void *data;
	size_t len = 0;

	bbuf_batch_next(put->batch, &data, &len);
	put_failed(put, len, error);
	return false;
}

/* Write the records in the batch. */
static bool put_flush(struct put *put)
{
	ssize_t ret;

	while (put->batch && bbuf_batch_count(put->batch)) {
		ret = bbuf_batch_put(put->queue, put->batch, put->plan->wait.timeout);
		if (ret < 0 && errno == EINTR)
			continue;
		if (ret < 0)
			return put_batch_failed(put, errno);
		put->done += ret;
	}
	return true;
}

/* Add a record to the batch. A record that does not fit into it is written by itself. */
static bool put_record(struct put *put, const char *data, size_t len)
{
	if (!len) {
		put->empty++;
		return true;
	}
	if (!bbuf_batch_add(put->batch, data, len))
		return true;
	if (!put_flush(put))
		return false;
	if (!bbuf_batch_add(put->batch, data, len))
		return true;
	return put_bytes(put, data, len);
}

/* Write an item that is followed by @separator bytes of separator, which only a stream keeps. */
static bool put_item(struct put *put, const char *data, size_t len, size_t separator)
{
	if (put->records)
		return put_record(put, data, len);
	return put_bytes(put, data, len + separator);
}

/* Check the result of input_fill() or open(); returns true at EOF. */
static bool put_read_all(struct put *put, const char *name, ssize_t ret)
{
	int error = errno;
	char *done;

	if (!ret)
		return true;
	if (!put_flush(put))
		return false;
	put->status = EXIT_FAILURE;
	done = progress(put);
	if (error == ENOBUFS)
		print_message(&put->subject, "%s: an item is longer than the capacity of %llu "
			      "bytes; %s", name, (unsigned long long)put->capacity, done);
	else
		print_message(&put->subject, "%s: %s; %s", name, strerror(error), done);
	free(done);
	return false;
}

/* Write the items that are complete before waiting for more input. */
static bool put_items(struct put *put, struct input *input, const char *name)
{
	char separator = put->plan->separator.byte;
	ssize_t ret;
	size_t len;
	char *item;

	do {
		while ((item = input_next(input, separator, &len)))
			if (!put_item(put, item, len, 1))
				return false;
		if (!put_flush(put))
			return false;
		ret = input_fill(input);
	} while (ret > 0);
	if (!put_read_all(put, name, ret))
		return false;
	item = input_rest(input, &len);
	return !item || put_item(put, item, len, 0);
}

/* Write a whole file as one record. */
static bool put_whole(struct put *put, struct input *input, const char *name)
{
	ssize_t ret;
	size_t len;
	char *item;

	do {
		ret = input_fill(input);
	} while (ret > 0);
	if (!put_read_all(put, name, ret))
		return false;
	item = input_rest(input, &len);
	return put_item(put, item, len, 0);
}

/* Write a whole file to a stream, in pieces. */
static bool put_stream(struct put *put, struct input *input, const char *name)
{
	ssize_t ret;
	size_t len;
	char *item;

	for (;;) {
		ret = input_fill(input);
		if (ret <= 0)
			return put_read_all(put, name, ret);
		item = input_rest(input, &len);
		if (!put_item(put, item, len, 0))
			return false;
	}
}

static bool put_fd(struct put *put, int fd, const char *name)
{
	struct input input;
	bool ret;

	/* One byte more than the capacity, to detect an item that is too long. */
	input_init(&input, fd, put->capacity + 1);
	if (put->plan->separator.given)
		ret = put_items(put, &input, name);
	else if (put->records)
		ret = put_whole(put, &input, name);
	else
		ret = put_stream(put, &input, name);
	input_uninit(&input);
	return ret;
}

static bool put_file(struct put *put, const char *name)
{
	bool ret;
	int fd;

	if (!strcmp(name, "-"))
		return put_fd(put, STDIN_FILENO, "standard input");
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return put_read_all(put, name, fd);
	ret = put_fd(put, fd, name);
	close(fd);
	return ret;
}

/* Replace the terminator of an argument by the separator. */
static bool put_argument(struct put *put, char *text)
{
	size_t len = strlen(text);

	text[len] = put->plan->separator.byte;
	return put_item(put, text, len, put->plan->separator.given);
}

static void put_all(struct put *put)
{
	const struct plan *plan = put->plan;
	bool good = true;
	int i;

	if (!plan->count)
		good = put_fd(put, STDIN_FILENO, "standard input");
	for (i = 0; good && i < plan->count; i++)
		good = plan->files ? put_file(put, plan->items[i]) :
				     put_argument(put, plan->items[i]);
	if (good)
		put_flush(put);
	if (!put->empty)
		return;
	print_message(&put->subject, "skipped %llu empty item%s: a record has at least one byte",
		      (unsigned long long)put->empty, plural(put->empty));
	if (!put->status)
		put->status = EXIT_FAILURE;
}

int cmd_put(int argc, char **argv)
{
	struct plan plan = { 0 };
	struct put put = { .plan = &plan, .subject.operation = "put" };
	struct bbuf_info info;

	parse(&plan, argc, argv);
	put.subject.queue = plan.queue;
	put.queue = queue_open(&put.subject, O_WRONLY);
	if (bbuf_get_info(put.queue, &info))
		return fail(&put.subject, errno);
	put.records = info.type == BBUF_RECORD;
	put.capacity = info.capacity;
	if (put.records) {
		put.batch = bbuf_batch_new(CHUNK);
		if (!put.batch)
			err(EXIT_FAILURE, "memory for a batch of %u bytes", CHUNK);
	}

	put_all(&put);
	bbuf_batch_free(put.batch);
	bbuf_close(put.queue);
	return put.status;
}
