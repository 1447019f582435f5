/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Queues that only one program uses. They are named after it, and destroyed when it ends.
 * To use them is the library's part, <bbuf.h>; these calls succeed, or end the program and
 * say which queue it was.
 */
#ifndef BBUF_EXAMPLES_QUEUE_H
#define BBUF_EXAMPLES_QUEUE_H

#include <stddef.h>
#include <stdint.h>

#include <bbuf.h>

/* They return its name. Of records for results, the end comes with the last who puts some. */
char *queue_new(uint32_t type, uint64_t capacity);
char *queue_new_for_results(uint64_t capacity);
struct bbuf *queue_open(const char *name, int flags);

void queue_put(struct bbuf *queue, const void *data, size_t len);
size_t queue_get(struct bbuf *queue, void *buffer, size_t size);
void queue_must_get(struct bbuf *queue, void *buffer, size_t size);
void queue_put_number(struct bbuf *queue, uint64_t number);
uint64_t queue_get_number(struct bbuf *queue);
void queue_shutdown(struct bbuf *queue);
struct bbuf_info queue_info(struct bbuf *queue);

/**
 * struct ends - of two queues: what one side has open
 * @from: to get
 * @to: to put
 */
struct ends {
	struct bbuf *from;
	struct bbuf *to;
};

struct ends ends_open(const char *from, const char *to);
void ends_close(const struct ends *ends);

#endif /* BBUF_EXAMPLES_QUEUE_H */
