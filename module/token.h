/* SPDX-License-Identifier: GPL-2.0-only */
/* Tokens: the bytes of a stream whose consumers lease. */
#ifndef BBUF_TOKEN_H
#define BBUF_TOKEN_H

#include "io.h"
#include "lease.h"

ssize_t bbuf_token_write(struct bbuf_queue *q, struct bbuf_holder *holder,
			 struct iov_iter *from, struct bbuf_io_opts opts);
int bbuf_holder_wait(struct bbuf_queue *q, struct bbuf_holder *holder,
		     const struct bbuf_waiter *waiter);
void bbuf_holder_end_wait(struct bbuf_queue *q, struct bbuf_holder *holder);
void bbuf_leases_wake_full(struct bbuf_queue *q);

#endif /* BBUF_TOKEN_H */
