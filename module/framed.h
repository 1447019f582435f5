/* SPDX-License-Identifier: GPL-2.0-only */
/* Many records in one call, with frames. */
#ifndef BBUF_FRAMED_H
#define BBUF_FRAMED_H

#include "io.h"
#include "uapi/linux/bbuf.h"

size_t bbuf_frame_size(struct bbuf_io_opts opts);
void bbuf_extent_add_frame(struct bbuf_extent *extent, struct bbuf_frame *frame);
void bbuf_extent_add_lease_frame(struct bbuf_extent *extent, struct bbuf_lease_frame *frame);
ssize_t bbuf_write_framed(struct bbuf_queue *q, struct iov_iter *from, struct bbuf_io_opts opts);
ssize_t bbuf_read_framed(struct bbuf_queue *q, struct iov_iter *to, struct bbuf_io_opts opts);

#endif /* BBUF_FRAMED_H */
