// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writing items to standard output. See output.h.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/macros.h"
#include "message.h"
#include "output.h"
#include "watch.h"

static void output_reserve(struct output *output, size_t bytes)
{
	if (output->size - output->len < bytes) {
		output->size = MAX(2 * output->size, output->len + bytes);
		output->buffer = xrealloc(output->buffer, output->size, 1);
	}
	if (output->count == output->room) {
		output->room = MAX(2 * output->room, 1U);
		output->ends = xrealloc(output->ends, output->room, sizeof(*output->ends));
	}
}

/* Append an item for output_write(). */
void output_add(struct output *output, const void *data, size_t len)
{
	output_reserve(output, len + 1);
	memcpy(output->buffer + output->len, data, len);
	output->len += len;
	if (output->separator.given)
		output->buffer[output->len++] = output->separator.byte;
	output->ends[output->count++] = output->len;
}

/* Whether a failed write should be retried. */
static bool try_again(void)
{
	struct pollfd fd = { .fd = STDOUT_FILENO, .events = POLLOUT };

	if (errno == EAGAIN)
		return poll(&fd, 1, -1) >= 0 || (errno == EINTR && !watch_stop());
	return errno == EINTR && !watch_stop();
}

/* Returns the number of bytes written, less than @len after an error. */
static size_t write_all(const char *data, size_t len)
{
	size_t done = 0;
	ssize_t ret;

	while (done < len) {
		ret = write(STDOUT_FILENO, data + done, len - done);
		if (ret > 0)
			done += ret;
		else if (!try_again())
			break;
	}
	return done;
}

static void print_undelivered(const struct output *output, size_t written, int error)
{
	size_t bytes = output->len - written, items = output->count;

	if (output->leased) {
		print_message(output->subject, "standard output: %s; %zu item%s read but not "
			      "acknowledged: returned to the queue", strerror(error), items,
			      plural(items));
		return;
	}
	while (output->ends[output->count - items] <= written)
		items--;
	print_message(output->subject, "standard output: %s; read from the queue and lost: %zu "
		      "byte%s in %zu item%s", strerror(error), bytes, plural(bytes), items,
		      plural(items));
}

/* Write all items. If some cannot be written, print what happens to them and return false. */
bool output_write(struct output *output)
{
	size_t written = write_all(output->buffer, output->len);
	bool good = written == output->len;

	if (!good)
		print_undelivered(output, written, errno);
	output->len = 0;
	output->count = 0;
	return good;
}

void output_free(struct output *output)
{
	free(output->buffer);
	free(output->ends);
}
