/* SPDX-License-Identifier: GPL-2.0-only */
/* What becomes of leases. */
#ifndef BBUF_SETTLE_H
#define BBUF_SETTLE_H

#include "lease.h"

void bbuf_expiry_init(struct bbuf_queue *q);
void bbuf_expiry_uninit(struct bbuf_queue *q);
long bbuf_lease_settle(struct bbuf_queue *q, struct bbuf_holder *holder,
		       const struct bbuf_settle *settle);
void bbuf_lease_undo(struct bbuf_queue *q, struct bbuf_holder *holder, u64 id);
void bbuf_holder_return(struct bbuf_queue *q, struct bbuf_holder *holder);

#endif /* BBUF_SETTLE_H */
