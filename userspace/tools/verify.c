// SPDX-License-Identifier: GPL-2.0-only
/*
 * A group of consumers that verifies items. See verify.h.
 */
#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/alloc.h"
#include "item.h"
#include "verify.h"

/* Bytes that a worker has read while holding the lock: complete items, unless reading ended. */
struct batch {
	char *bytes;
	size_t size;
	size_t len;
	size_t whole;	/* number of bytes that are complete items */
};

void verifier_init(struct verifier *verifier, uint64_t producers)
{
	*verifier = (struct verifier){ .producers = producers };
	pthread_mutex_init(&verifier->lock, NULL);
}

void verifier_uninit(struct verifier *verifier)
{
	pthread_mutex_destroy(&verifier->lock);
	ledger_free(&verifier->ledger);
}

/* Read up to n more bytes. Returns false if there are none; then *good is false after an error. */
static bool batch_read(struct batch *batch, struct worker *worker, size_t n, bool *good)
{
	ssize_t ret;

	if (batch->size < batch->len + n) {
		batch->size = batch->len + n;
		batch->bytes = xrealloc(batch->bytes, batch->size, 1);
	}
	ret = endpoint_read(&worker->endpoint, batch->bytes + batch->len, n);
	*good = ret >= 0 || errno == EINTR;
	if (!*good)
		warn("%s: reading", worker->group->options.device);
	if (ret <= 0)
		return false;
	worker_moved(worker, ret);
	batch->len += ret;
	return true;
}

/*
 * Record the complete items. Returns the number of bytes missing to complete the next one; 0 if
 * there is no partial item, or the bytes cannot be an item.
 */
static size_t batch_note(struct batch *batch, struct verifier *verifier, struct worker *worker)
{
	size_t rest;
	struct item head;

	while ((rest = batch->len - batch->whole)) {
		if (rest < sizeof(head))
			return sizeof(head) - rest;
		memcpy(&head, batch->bytes + batch->whole, sizeof(head));
		if (!item_plausible(&head)) {
			verifier->ledger.lost_track = true;
			return 0;
		}
		if (rest < head.size)
			return head.size - rest;
		ledger_note(&verifier->ledger, &head);
		worker->endpoint.meter.items += head.kind == ITEM_DATA;
		batch->whole += head.size;
	}
	return 0;
}

/* Read items while holding the lock. Returns false when reading has ended. */
static bool verifier_read(struct verifier *verifier, struct worker *worker, struct batch *batch,
			  bool *good)
{
	size_t want = worker->group->options.buffer;
	bool more = true;

	batch->len = 0;
	batch->whole = 0;
	pthread_mutex_lock(&verifier->lock);
	while (want && more) {
		more = batch_read(batch, worker, want, good);
		want = batch_note(batch, verifier, worker);
	}
	if (verifier->ledger.ended >= verifier->producers || verifier->ledger.lost_track)
		workers_stop(worker->group);
	pthread_mutex_unlock(&verifier->lock);
	return more;
}

static void verifier_check(struct verifier *verifier, const struct batch *batch)
{
	struct item head;
	size_t pos;

	for (pos = 0; pos < batch->whole; pos += head.size) {
		memcpy(&head, batch->bytes + pos, sizeof(head));
		if (!item_intact(batch->bytes + pos))
			atomic_fetch_add(&verifier->torn, 1);
	}
}

/* Body of each worker. */
bool verifier_work(struct verifier *verifier, struct worker *worker)
{
	struct batch batch = { 0 };
	bool more, good = true;

	do {
		more = verifier_read(verifier, worker, &batch, &good);
		verifier_check(verifier, &batch);
	} while (more);
	free(batch.bytes);
	return good;
}

/* Call this after all workers have finished. */
bool verifier_report(struct verifier *verifier, bool json)
{
	verifier->ledger.torn = atomic_load(&verifier->torn);
	return ledger_report(&verifier->ledger, verifier->producers, json);
}
