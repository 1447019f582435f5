/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Messages that tell which queue and operation failed, why, and what to do.
 */
#ifndef BBUF_MESSAGE_H
#define BBUF_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

/**
 * struct subject - what a message is about
 * @queue: name of the queue, or path, as given by the user
 * @operation: name of the command
 */
struct subject {
	const char *queue;
	const char *operation;
};

/* Ending of the plural of a regular noun, for "%s". */
static inline const char *plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

__attribute__((format(printf, 2, 3)))
void print_message(const struct subject *subject, const char *fmt, ...);
int fail(const struct subject *subject, int error);
int fail_control(const struct subject *subject, int error);
int fail_name_taken(const struct subject *subject, const char *instead);
int fail_too_big(const struct subject *subject, uint64_t capacity);
bool check_node(const struct subject *subject);

#endif /* BBUF_MESSAGE_H */
