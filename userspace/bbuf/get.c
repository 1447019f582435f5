// SPDX-License-Identifier: GPL-2.0-only
/*
 * bbuf get, bbuf peek: read from a queue and write to standard output.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/arguments.h"
#include "common/exit.h"
#include "common/macros.h"
#include "common/settings.h"
#include "command.h"
#include "message.h"
#include "options.h"
#include "output.h"
#include "queue.h"
#include "watch.h"

#define WITHOUT_END	UINT64_MAX

/**
 * struct plan - options of the command
 * @queue: name of the queue
 * @number: number of records, or of bytes of a stream; 0 for one record, or for what a stream
 *          has
 * @separator: byte to append to each record; nothing is appended to a stream
 * @wait: how long to wait
 */
struct plan {
	const char *queue;
	uint64_t number;
	struct separator separator;
	struct wait_options wait;
};

/**
 * struct get - state of the command
 * @subject: for messages
 * @plan: options of the command
 * @queue: handle of the queue
 * @records: whether it is a record queue
 * @leased: whether data must be acknowledged
 * @left: records, or bytes of a stream, that are still wanted
 * @buffer: memory for a record, or for bytes of a stream
 * @size: size of @buffer in bytes
 * @output: data read from the queue
 */
struct get {
	struct subject subject;
	const struct plan *plan;
	struct bbuf *queue;
	bool records;
	bool leased;
	uint64_t left;
	char *buffer;
	size_t size;
	struct output output;
};

static void set_number(struct argp_state *state, const struct setting *setting, char *arg)
{
	uint64_t *number = setting->into;

	if (*number)
		argp_error(state, "give only one of --number and --follow, and only once");
	*number = arg ? arg_size(state, setting->name, arg) : WITHOUT_END;
}

static void parse(struct plan *plan, int argc, char **argv)
{
	const struct setting settings[] = {
		{ .name = "number", .key = 'n', .arg = "N", .parse = set_number,
		  .into = &plan->number,
		  .doc = "number of records, or of bytes of a stream (default: one record, or the "
			 "bytes that a stream has, at least one)" },
		{ .name = "follow", .key = 'f', .parse = set_number, .into = &plan->number,
		  .doc = "read until end of file" },
		LINES_SETTING(&plan->separator),
		NULL_SETTING(&plan->separator),
		TIMEOUT_SETTING(&plan->wait),
		NONBLOCK_SETTING(&plan->wait),
		{ 0 }
	};
	const struct command_line line = {
		.settings = settings,
		.args = "QUEUE",
		.doc = "Reads records, or bytes of a stream, from a queue and writes them unchanged "
		       "to standard output; --lines and --null append a byte to each record, but "
		       "nothing to a stream.\v"
		       "Stops after a signal, or when standard output has no reader any more. If "
		       "data that was read cannot be written, a message tells how much. With "
		       "leases, data is acknowledged after it has been written; the rest returns "
		       "to the queue.\n\n"
		       HELP_UNITS "\n" HELP_EXIT_WAIT ", 5 end of file before all was read.",
		.parse = parse_queue,
		.input = &plan->queue,
	};

	command_line_parse(&line, argc, argv);
}

/* Allocate a buffer for any record, or for all bytes that a stream can hold. */
static void get_prepare(struct get *get)
{
	struct bbuf_info info;

	if (bbuf_get_info(get->queue, &info))
		exit(fail(&get->subject, errno));
	get->records = info.type == BBUF_RECORD;
	get->leased = info.policy & BBUF_LEASE;
	get->size = info.capacity;
	free(get->buffer);
	get->buffer = malloc(get->size);
	if (!get->buffer)
		err(EXIT_FAILURE, "%zu bytes of memory", get->size);
}

static void get_uninit(struct get *get)
{
	output_free(&get->output);
	free(get->buffer);
	bbuf_close(get->queue);
}

/* Read one record, or the bytes that a stream has, up to the number wanted. */
static ssize_t get_one(struct get *get)
{
	size_t size = get->records ? get->size : MIN(get->size, get->left);
	ssize_t ret = bbuf_get(get->queue, get->buffer, size, get->plan->wait.timeout);

	if (ret > 0)
		output_add(&get->output, get->buffer, ret);
	if (ret < 0 && errno == EMSGSIZE) {	/* the capacity has grown since */
		get_prepare(get);
		return get_one(get);
	}
	return ret > 0 && get->records ? 1 : ret;
}

/*
 * Read several records, but no more than are wanted: the batch has room for that number of
 * records of the smallest size. A record that does not fit into the batch is read by itself.
 */
static ssize_t get_several(struct get *get)
{
	size_t size = MIN(get->left, CHUNK / BBUF_FRAME_SPACE(1)) * BBUF_FRAME_SPACE(1);
	struct bbuf_batch *batch = bbuf_batch_new(size);
	const void *data;
	ssize_t ret;
	size_t len;

	if (!batch)
		err(EXIT_FAILURE, "memory for a batch of %zu bytes", size);
	ret = bbuf_batch_get(get->queue, batch, get->plan->wait.timeout);
	while (bbuf_batch_next(batch, &data, &len))
		output_add(&get->output, data, len);
	bbuf_batch_free(batch);
	return ret < 0 && errno == EMSGSIZE ? get_one(get) : ret;
}

static int get_failed(const struct get *get, int error)
{
	if (error == EAGAIN)
		print_message(&get->subject, "no data is available now");
	else if (error == ETIMEDOUT)
		print_message(&get->subject, "timed out waiting for data");
	else
		return fail(&get->subject, error);
	return error == EAGAIN ? EXIT_WOULD_BLOCK : EXIT_TIMED_OUT;
}

/* EOF is a success with --follow; otherwise data is missing. */
static int get_ended(const struct get *get)
{
	struct bbuf_info info;

	if (get->plan->number == WITHOUT_END)
		return EXIT_SUCCESS;
	if (!bbuf_get_info(get->queue, &info) && info.state == BBUF_LEFT)
		print_message(&get->subject, "end of file: the last writer has closed the queue, "
			      "and it is empty");
	else
		print_message(&get->subject, "end of file: the queue is shut down and empty");
	return EXIT_END;
}

static int get_stopped(const struct get *get)
{
	if (watch_stop() == SIGPIPE)
		print_message(&get->subject, "standard output has no reader any more; no data was "
			      "lost");
	return EXIT_FAILURE;
}

/* Leases that have timed out are not ours any more: their records are delivered again. */
static bool acknowledge(const struct get *get, size_t count)
{
	ssize_t done = bbuf_settle_all(get->queue, BBUF_ACK);
	size_t late;

	if (done < 0) {
		fail(&get->subject, errno);
		return false;
	}
	late = count - done;
	if (late)
		print_message(&get->subject, "%zu record%s written after the lease had timed out: "
			      "delivered again; `bbuf set --lease-timeout' changes the limit",
			      late, plural(late));
	return true;
}

/* Acknowledge leased records only after writing them: they may arrive twice, but are not lost. */
static bool get_write(struct get *get, size_t count)
{
	return output_write(&get->output) && (!get->leased || acknowledge(get, count));
}

static int get_all(struct get *get)
{
	ssize_t ret;

	while (get->left) {
		if (watch_stop())
			return get_stopped(get);
		ret = get->records && get->left > 1 ? get_several(get) : get_one(get);
		if (!ret)
			return get_ended(get);
		if (ret < 0 && errno == EINTR)
			continue;
		if (ret < 0)
			return get_failed(get, errno);
		if (!get_write(get, ret))
			return EXIT_FAILURE;
		get->left = get->plan->number ? get->left - ret : 0;
	}
	return EXIT_SUCCESS;
}

/* Tokens read by this program would return to the pool as soon as it exits. */
static int get_no_tokens(struct get *get)
{
	print_message(&get->subject, "this is a pool of tokens, which return when their holder "
		      "exits: `bbuf peek' shows the available tokens, `bbuf flush' discards them");
	get_uninit(get);
	return EXIT_FAILURE;
}

int cmd_get(int argc, char **argv)
{
	struct plan plan = { 0 };
	struct get get = { .plan = &plan, .subject.operation = "get" };
	int status;

	parse(&plan, argc, argv);
	get.subject.queue = plan.queue;
	if ((fcntl(STDOUT_FILENO, F_GETFL) & O_ACCMODE) == O_RDONLY) {
		print_message(&get.subject, "standard output is closed: no data was read");
		return EXIT_FAILURE;
	}
	get.queue = queue_open(&get.subject, O_RDONLY);
	get_prepare(&get);
	if (get.leased && !get.records)
		return get_no_tokens(&get);
	get.output = (struct output){ .subject = &get.subject, .leased = get.leased };
	if (get.records)
		get.output.separator = plan.separator;
	get.left = plan.number ? plan.number : get.records ? 1 : get.size;

	watch_start();
	status = get_all(&get);
	get_uninit(&get);
	watch_end();
	return status;
}

static ssize_t peek(struct get *get)
{
	ssize_t ret = bbuf_peek(get->queue, get->buffer, get->size);

	if (ret < 0 && errno == EMSGSIZE) {	/* the capacity has grown since */
		get_prepare(get);
		return peek(get);
	}
	return ret;
}

static int peek_write(const struct get *get, size_t len)
{
	fwrite(get->buffer, 1, len, stdout);
	if (get->records && get->plan->separator.given)
		putchar(get->plan->separator.byte);
	return output_end();
}

int cmd_peek(int argc, char **argv)
{
	struct plan plan = { 0 };
	struct get get = { .plan = &plan, .subject.operation = "peek" };
	const struct setting settings[] = {
		LINES_SETTING(&plan.separator),
		NULL_SETTING(&plan.separator),
		{ 0 }
	};
	const struct command_line line = {
		.settings = settings,
		.args = "QUEUE",
		.doc = "Writes the next record, or all data queued in a stream, to standard output, "
		       "without removing it from the queue. Never blocks.\v"
		       HELP_EXIT ", 3 the queue is empty, 5 the queue is empty and at end of file.",
		.parse = parse_queue,
		.input = &plan.queue,
	};
	ssize_t ret;
	int status;

	command_line_parse(&line, argc, argv);
	get.subject.queue = plan.queue;
	get.queue = queue_open(&get.subject, O_RDONLY);
	get_prepare(&get);
	ret = peek(&get);
	if (ret > 0)
		status = peek_write(&get, ret);
	else if (!ret)
		status = get_ended(&get);
	else
		status = get_failed(&get, errno);
	get_uninit(&get);
	return status;
}
