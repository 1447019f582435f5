/* SPDX-License-Identifier: GPL-2.0-only */
/* Reading where consumers lease. */
#ifndef BBUF_LEASE_READ_H
#define BBUF_LEASE_READ_H

#include "io.h"
#include "lease.h"

ssize_t bbuf_lease_read(struct bbuf_queue *q, struct bbuf_holder *holder, struct iov_iter *to,
			struct bbuf_io_opts opts, struct bbuf_lease *lease);
ssize_t bbuf_lease_peek(struct bbuf_queue *q, struct iov_iter *to);
size_t bbuf_lease_readable(struct bbuf_queue *q);

#endif /* BBUF_LEASE_READ_H */
