/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Message queues: POSIX and System V.
 */
#ifndef BBUF_BENCH_MESSAGES_H
#define BBUF_BENCH_MESSAGES_H

#include "channel.h"

extern const struct peer peer_mq, peer_sysv;

#endif /* BBUF_BENCH_MESSAGES_H */
