/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A group of consumers that verifies the items that it reads from a stream.
 *
 * A stream has no item boundaries: a read may end within an item, and another reader would get
 * the rest. Therefore the workers take a lock for reading. A worker that holds it reads until
 * its data ends with a complete item, records all items in the ledger, in the order in which
 * they left the queue, and releases the lock. It verifies checksums without the lock.
 */
#ifndef BBUF_TOOLS_VERIFY_H
#define BBUF_TOOLS_VERIFY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "ledger.h"
#include "workers.h"

/**
 * struct verifier - state shared by the workers of a group
 * @producers: number of producers to wait for
 * @lock: held while reading from the device and changing @ledger
 * @ledger: items that have arrived
 * @torn: number of items with a wrong checksum
 */
struct verifier {
	uint64_t producers;
	pthread_mutex_t lock;
	struct ledger ledger;
	atomic_ullong torn;
};

void verifier_init(struct verifier *verifier, uint64_t producers);
void verifier_uninit(struct verifier *verifier);
bool verifier_work(struct verifier *verifier, struct worker *worker);
bool verifier_report(struct verifier *verifier, bool json);

#endif /* BBUF_TOOLS_VERIFY_H */
