/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ledger of a verifying consumer: which items of which producer have come, and
 * what was wrong with them.
 */
#ifndef BBUF_TOOLS_LEDGER_H
#define BBUF_TOOLS_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "item.h"

/* Numbers that were passed over: from @from up to, without, @to. */
struct gap {
	uint64_t from;
	uint64_t to;
};

/**
 * struct account - what came from one producer
 * @producer: its id
 * @ended: its end marker has come
 * @next: the number that its next item must have
 * @items: items that came
 * @duplicated: items that had come before
 * @reordered: items that came after a later one
 * @gaps: numbers still missing, in no order
 * @gap_count: how many gaps there are
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
 * struct ledger - all accounts
 * @accounts: one for each producer, in order of appearance
 * @count: how many accounts there are
 * @ended: how many of the producers have ended
 * @torn: items whose sum was wrong
 * @lost_track: bytes came that can't be the beginning of an item
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
