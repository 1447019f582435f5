/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Queues that one program uses. Their names contain the name of the program, and they are
 * destroyed when it exits. The library <bbuf.h> does the work; these functions succeed, or exit
 * with a message that names the queue.
 */
#ifndef BBUF_EXAMPLES_QUEUE_H
#define BBUF_EXAMPLES_QUEUE_H

#include <stddef.h>
#include <stdint.h>

#include <bbuf.h>

/*
 * Create a record queue or stream, or a record queue whose readers get EOF when its last writer
 * closes it. They return the name of the queue.
 */
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
 * struct ends - handles of two queues
 * @from: handle to get from
 * @to: handle to put into
 */
struct ends {
	struct bbuf *from;
	struct bbuf *to;
};

struct ends ends_open(const char *from, const char *to);
void ends_close(const struct ends *ends);

#endif /* BBUF_EXAMPLES_QUEUE_H */
