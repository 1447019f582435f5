// SPDX-License-Identifier: GPL-2.0-only
/*
 * All kinds of queues.
 */
#include "common/macros.h"
#include "files.h"
#include "messages.h"
#include "peers.h"
#include "queues.h"

const struct peer *const peers[] = {
	&peer_stream, &peer_record, &peer_framed, &peer_buffered,
	&peer_pipe, &peer_mq, &peer_sysv, &peer_unix, &peer_seqpacket, &peer_floor,
};

const size_t peer_count = ARRAY_SIZE(peers);
