/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading a file item by item, or as a whole, without waiting for more data than needed.
 */
#ifndef BBUF_INPUT_H
#define BBUF_INPUT_H

#include <stddef.h>
#include <sys/types.h>

/**
 * struct input - a file being read
 * @fd: file descriptor
 * @buffer: data read so far
 * @size: size of @buffer in bytes
 * @limit: maximum of @size
 * @start: offset in @buffer of the next item
 * @end: offset in @buffer of the end of the data
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
