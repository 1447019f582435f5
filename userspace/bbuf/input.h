/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading a file item by item, or whole, without waiting for more than is needed.
 */
#ifndef BBUF_INPUT_H
#define BBUF_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/**
 * struct input - a file that is read
 * @fd: the file
 * @buffer: what was read
 * @size: bytes of memory at @buffer
 * @limit: how large that may become
 * @start: where in @buffer the next item begins
 * @end: where what was read ends
 */
struct input {
	int fd;
	char *buffer;
	size_t size;
	size_t limit;
	size_t start;
	size_t end;
};

void input_init(struct input *input, int fd, size_t limit);
void input_uninit(struct input *input);
ssize_t input_fill(struct input *input);
char *input_next(struct input *input, char separator, size_t *len);
char *input_rest(struct input *input, size_t *len);

#endif /* BBUF_INPUT_H */
