/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Queues of bbuf.
 */
#ifndef BBUF_BENCH_QUEUES_H
#define BBUF_BENCH_QUEUES_H

#include <stddef.h>

#include "channel.h"

extern const struct peer peer_stream, peer_record, peer_framed, peer_buffered;

/* Capacity in bytes of queues opened from now on; 0 for the default. */
extern size_t queue_capacity;

#endif /* BBUF_BENCH_QUEUES_H */
