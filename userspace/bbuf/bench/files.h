/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kinds of queues that are written and read as files.
 */
#ifndef BBUF_BENCH_FILES_H
#define BBUF_BENCH_FILES_H

#include <stddef.h>

#include "channel.h"

extern const struct peer peer_pipe, peer_unix, peer_seqpacket, peer_floor;

/* For other peers that are files. */
void file_put(struct channel *channel);
size_t file_get(struct channel *channel);
void file_close(struct channel *channel);

#endif /* BBUF_BENCH_FILES_H */
