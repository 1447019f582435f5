/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ledger of a verifying consumer: the items that have arrived from each producer, and the
 * errors.
 */
#ifndef BBUF_TOOLS_LEDGER_H
#define BBUF_TOOLS_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "item.h"

/* Missing numbers: from @from up to, but not including, @to. */
struct gap {
	uint64_t from;
	uint64_t to;
};

/**
 * struct account - items of one producer
 * @producer: ID of the producer
 * @ended: its end marker has arrived
 * @next: number expected in its next item
 * @items: number of items that have arrived
 * @duplicated: number of items that arrived more than once
 * @reordered: number of items that arrived after a later one
 * @gaps: numbers still missing, in no particular order
 * @gap_count: number of @gaps
 */
struct account {
	uint32_t producer;
	bool ended;
	uint64_t next;
	uint64_t items;
	uint64_t duplicated;
	uint64_t reordered;
	struct gap *gaps;
	size_t gap_count;
};

/**
 * struct ledger - items of all producers
 * @accounts: one account for each producer, in order of appearance
 * @count: number of @accounts
 * @ended: number of producers that have finished
 * @torn: number of items with a wrong checksum
 * @lost_track: bytes arrived that cannot be the header of an item
 */
struct ledger {
	struct account *accounts;
	size_t count;
	size_t ended;
	uint64_t torn;
	bool lost_track;
};

void ledger_note(struct ledger *ledger, const struct item *head);
bool ledger_report(const struct ledger *ledger, size_t producers, bool json);
void ledger_free(struct ledger *ledger);

#endif /* BBUF_TOOLS_LEDGER_H */
