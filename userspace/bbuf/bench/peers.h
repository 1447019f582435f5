/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All kinds of queues.
 */
#ifndef BBUF_BENCH_PEERS_H
#define BBUF_BENCH_PEERS_H

#include <stddef.h>

#include "channel.h"

extern const struct peer *const peers[];
extern const size_t peer_count;

#endif /* BBUF_BENCH_PEERS_H */
