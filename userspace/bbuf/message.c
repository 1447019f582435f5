// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages that tell which queue and operation failed, why, and what to do.
 */
#include <err.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bbuf.h>

#include "common/alloc.h"
#include "common/node.h"
#include "common/units.h"
#include "command.h"
#include "message.h"
#include "name.h"

#define CLASS		"/sys/class/bbuf"
#define MAX_CAPACITY	"/sys/module/bbuf/parameters/max_capacity"

/* Maximum of max_capacity; the same as BBUF_CAPACITY_CEILING of the module. */
#define CEILING		(512ULL << 20)

void print_message(const struct subject *subject, const char *fmt, ...)
{
	va_list args;
	char *text;

	va_start(args, fmt);
	text = xvasprintf(fmt, args);
	va_end(args);
	if (subject->queue)
		warnx("%s: %s: %s", subject->queue, subject->operation, text);
	else
		warnx("%s: %s", subject->operation, text);
	free(text);
}

static bool module_loaded(void)
{
	return !access(CLASS, F_OK);
}

/* If the node is missing or is another file, print a message and return true. */
static bool print_node_problem(const struct subject *subject, const char *queue)
{
	char *path = queue_path(queue), *problem = node_problem(path);

	if (problem)
		print_message(subject, "%s", problem);
	free(path);
	free(problem);
	return problem;
}

static void print_not_found(const struct subject *subject)
{
	if (!module_loaded())
		print_message(subject, "the module is not loaded: load it with `modprobe bbuf' or "
			      "`insmod bbuf.ko', as root");
	else
		print_message(subject, "no such queue: `bbuf list' shows all queues, `bbuf "
			      "create' creates one");
}

static void print_not_permitted(const struct subject *subject, const char *queue)
{
	char *node = node_description(queue);

	print_message(subject, "not permitted by %s: use sudo, or let its owner change the "
		      "permissions with chmod", node);
	free(node);
}

/* A queue is given by name or by path. */
static bool queue_valid(const char *queue)
{
	return !queue || strchr(queue, '/') || name_valid(queue);
}

/* Meaning of an error for a queue, for any operation; NULL if it has no special meaning. */
static const char *meaning(const struct subject *subject, int error)
{
	switch (error) {
	case EAGAIN:
		return "would block, and --nonblock was given";
	case ETIMEDOUT:
		return "timed out";
	case ENODEV:
		return "the queue was destroyed";
	case ENOTTY:
		return "not a bbuf queue";
	case EINVAL:
		return queue_valid(subject->queue) ? NULL : NAME_RULE;
	default:
		return NULL;
	}
}

/* Whether the error may mean that the node is another file. */
static bool is_node_error(int error)
{
	return error == ENOENT || error == ENXIO || error == ENOTTY || error == EACCES;
}

/* Print the meaning of an error if the command has no better message. Returns an exit code. */
int fail(const struct subject *subject, int error)
{
	const char *text = meaning(subject, error);

	if (subject->queue && is_node_error(error) && print_node_problem(subject, subject->queue))
		return EXIT_FAILURE;
	if (error == ENOENT)
		print_not_found(subject);
	else if (error == EACCES && subject->queue)
		print_not_permitted(subject, subject->queue);
	else
		print_message(subject, "%s", text ? text : strerror(error));
	if (error == EAGAIN)
		return EXIT_WOULD_BLOCK;
	return error == ETIMEDOUT ? EXIT_TIMED_OUT : EXIT_FAILURE;
}

/* The same for operations on the control device. */
int fail_control(const struct subject *subject, int error)
{
	if (is_node_error(error) && print_node_problem(subject, CONTROL_NODE))
		return EXIT_FAILURE;
	if (error == EINVAL && !name_valid(subject->queue))
		print_message(subject, NAME_RULE);
	else if (error == ENXIO)
		print_message(subject, "the module is loaded, but has no " CONTROL_NODE ": the "
			      "kernel log (dmesg) tells why");
	else if (error == EACCES)
		print_not_permitted(subject, CONTROL_NODE);
	else
		return fail(subject, error);
	return EXIT_FAILURE;
}

/*
 * Print why a name is taken; @instead tells what to do about the other queue. Returns an exit
 * code.
 */
int fail_name_taken(const struct subject *subject, const char *instead)
{
	if (!strcmp(subject->queue, "control"))
		print_message(subject, "this name is reserved: its node would be "
			      "/dev/bbuf-control; choose another name");
	else if (!strcmp(subject->queue, BBUF_QUEUE_DEFAULT))
		print_message(subject, "this queue exists as long as the module is loaded: choose "
			      "another name");
	else
		print_message(subject, "a queue of this name exists: choose another name, or %s",
			      instead);
	return EXIT_FAILURE;
}

/* Whether a new queue has its node; prints a message if not. */
bool check_node(const struct subject *subject)
{
	return !print_node_problem(subject, subject->queue);
}

/* Current value of max_capacity, or "?". */
static void max_capacity(char text[TEXT_MAX])
{
	FILE *file = fopen(MAX_CAPACITY, "re");
	unsigned long long bytes;

	strcpy(text, "?");
	if (!file)
		return;
	if (fscanf(file, "%llu", &bytes) == 1)
		format_size(text, bytes);
	fclose(file);
}

int fail_too_big(const struct subject *subject, uint64_t capacity)
{
	char asked[TEXT_MAX], limit[TEXT_MAX];

	format_size(asked, capacity);
	max_capacity(limit);
	if (capacity > CEILING)
		print_message(subject, "a capacity of %s exceeds the maximum of %s: choose a "
			      "smaller one", asked, format_size(limit, CEILING));
	else
		print_message(subject, "a capacity of %s exceeds the limit of %s: choose a "
			      "smaller one, or let root raise " MAX_CAPACITY, asked, limit);
	return EXIT_FAILURE;
}
