/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Writing items taken from a queue to standard output, and tracking which have arrived.
 */
#ifndef BBUF_OUTPUT_H
#define BBUF_OUTPUT_H

#include <stddef.h>

#include "message.h"
#include "options.h"

/**
 * struct output - items to be written
 * @subject: for messages
 * @separator: byte to append to each item
 * @leased: items that cannot be written return to the queue
 * @buffer: the items with their separators
 * @len: number of bytes in @buffer
 * @size: size of @buffer in bytes
 * @ends: offsets in @buffer of the end of each item, including its separator
 * @count: number of items
 * @room: size of @ends in elements
 */
struct output {
	const struct subject *subject;
	struct separator separator;
	bool leased;
	char *buffer;
	size_t len;
	size_t size;
	size_t *ends;
	size_t count;
	size_t room;
};

void output_add(struct output *output, const void *data, size_t len);
bool output_write(struct output *output);
void output_free(struct output *output);

#endif /* BBUF_OUTPUT_H */
