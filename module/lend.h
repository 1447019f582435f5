/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading and writing where consumers lease.
 */
#ifndef BBUF_LEND_H
#define BBUF_LEND_H

#include "io.h"
#include "lease.h"

ssize_t bbuf_lend(struct bbuf_queue *q, struct bbuf_holder *holder, struct iov_iter *to,
		  struct bbuf_io_opts opts, struct bbuf_lease *lease);
ssize_t bbuf_lend_tokens_back(struct bbuf_queue *q, struct bbuf_holder *holder,
			      struct iov_iter *from, struct bbuf_io_opts opts);
ssize_t bbuf_lend_peek(struct bbuf_queue *q, struct iov_iter *to);
size_t bbuf_lend_readable(struct bbuf_queue *q);

#endif /* BBUF_LEND_H */
