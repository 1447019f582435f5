// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading a file item by item. See input.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/macros.h"
#include "input.h"
#include "queue.h"

void input_init(struct input *input, int fd, size_t limit)
{
	*input = (struct input){ .fd = fd, .limit = limit, .size = MIN(limit, CHUNK) };
	input->buffer = xcalloc(input->size, 1);
}

void input_uninit(struct input *input)
{
	free(input->buffer);
}

/* Make room behind the data. Returns false if the limit is reached. */
static bool input_make_room(struct input *input)
{
	memmove(input->buffer, input->buffer + input->start, input->end - input->start);
	input->end -= input->start;
	input->start = 0;
	if (input->end < input->size)
		return true;
	if (input->size == input->limit)
		return false;
	input->size = MIN(2 * input->size, input->limit);
	input->buffer = xrealloc(input->buffer, input->size, 1);
	return true;
}

/*
 * Read what is available, blocking until there is some. Returns the number of bytes, 0 at EOF,
 * or -1: ENOBUFS if the limit is reached.
 */
ssize_t input_fill(struct input *input)
{
	ssize_t ret;

	if (!input_make_room(input)) {
		errno = ENOBUFS;
		return -1;
	}
	do {
		ret = read(input->fd, input->buffer + input->end, input->size - input->end);
	} while (ret < 0 && errno == EINTR);
	if (ret > 0)
		input->end += ret;
	return ret;
}

/* Next complete item, followed by its separator; NULL if more data must be read first. */
char *input_next(struct input *input, char separator, size_t *len)
{
	char *item = input->buffer + input->start;
	char *end = memchr(item, separator, input->end - input->start);

	if (!end)
		return NULL;
	*len = end - item;
	input->start += *len + 1;
	return item;
}

/* Remaining data, without a separator; NULL if there is none. */
char *input_rest(struct input *input, size_t *len)
{
	char *rest = input->buffer + input->start;

	*len = input->end - input->start;
	input->start = input->end;
	return *len ? rest : NULL;
}
