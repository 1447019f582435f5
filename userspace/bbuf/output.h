/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Writing what was taken out of a queue to standard output, and knowing what arrived.
 */
#ifndef BBUF_OUTPUT_H
#define BBUF_OUTPUT_H

#include "command.h"

/**
 * struct output - what is to be written
 * @subject: for messages
 * @separator: what to put behind each item
 * @leased: what was taken goes back if it can't be written
 * @buffer: the items, with their separators
 * @len: bytes of that
 * @size: bytes of memory at @buffer
 * @ends: where in @buffer each item ends, its separator included
 * @count: how many items
 * @room: how many fit into @ends
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
