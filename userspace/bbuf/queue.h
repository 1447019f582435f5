/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The queue that a command uses, given by name or path.
 */
#ifndef BBUF_QUEUE_H
#define BBUF_QUEUE_H

#include <stdbool.h>

#include <bbuf.h>

#include "message.h"

/* Size of one read, and of a batch of records, in bytes. */
#define CHUNK		65536U

struct bbuf *queue_open(const struct subject *subject, int flags);
bool queue_info(const struct subject *subject, struct bbuf_info *info);

#endif /* BBUF_QUEUE_H */
