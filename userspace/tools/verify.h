/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A group of consumers that checks the items which it takes out of a stream.
 *
 * The stream has no item boundaries: a read may end within an item, whose rest another
 * reader would get. Hence the workers take turns at the device. One that has the turn
 * reads until what it has ends with a whole item, notes all items in the ledger, in the
 * order in which they left the queue, and gives the turn away. It checks their sums
 * while the others read.
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
 * struct verifier - what the workers of one group share
 * @producers: how many producers must end
 * @lock: held to read from the device, and to change @ledger
 * @ledger: what came
 * @torn: items whose sum was wrong
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
