// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ledger of a verifying consumer. See ledger.h.
 *
 * Items are recorded in the order in which they left the queue, so the next item of a producer
 * must have the next number. A higher number leaves a gap. An item with a lower number was
 * reordered if it fills a gap, and duplicated otherwise. Numbers still missing at the end were
 * lost.
 */
#include <err.h>
#include <stdlib.h>

#include "common/alloc.h"
#include "common/macros.h"
#include "common/table.h"
#include "ledger.h"

static struct account *account_find(struct ledger *ledger, uint32_t producer)
{
	size_t i;

	for (i = 0; i < ledger->count; i++)
		if (ledger->accounts[i].producer == producer)
			return &ledger->accounts[i];
	ledger->accounts = xrealloc(ledger->accounts, ledger->count + 1,
				    sizeof(*ledger->accounts));
	ledger->accounts[ledger->count] = (struct account){ .producer = producer };
	return &ledger->accounts[ledger->count++];
}

static void account_add_gap(struct account *account, uint64_t from, uint64_t to)
{
	if (from == to)
		return;
	account->gaps = xrealloc(account->gaps, account->gap_count + 1, sizeof(*account->gaps));
	account->gaps[account->gap_count++] = (struct gap){ .from = from, .to = to };
}

/* Remove a number from the gap that contains it, if any. */
static bool account_fill_gap(struct account *account, uint64_t seq)
{
	struct gap *gap;
	uint64_t to;

	for (gap = account->gaps; gap < account->gaps + account->gap_count; gap++) {
		if (seq < gap->from || seq >= gap->to)
			continue;
		to = gap->to;
		gap->to = seq;
		account_add_gap(account, seq + 1, to);
		return true;
	}
	return false;
}

static uint64_t account_lost(const struct account *account)
{
	uint64_t lost = 0;
	size_t i;

	for (i = 0; i < account->gap_count; i++)
		lost += account->gaps[i].to - account->gaps[i].from;
	return lost;
}

/* The number in an end marker is the number of items that should have arrived. */
static void account_advance(struct account *account, uint64_t seq)
{
	if (seq <= account->next)
		return;
	account_add_gap(account, account->next, seq);
	account->next = seq;
}

static void account_note_data(struct account *account, uint64_t seq)
{
	account->items++;
	if (seq >= account->next) {
		account_advance(account, seq);
		account->next = seq + 1;
	} else if (account_fill_gap(account, seq)) {
		account->reordered++;
	} else {
		account->duplicated++;
	}
}

void ledger_note(struct ledger *ledger, const struct item *head)
{
	struct account *account = account_find(ledger, head->producer);

	if (head->kind == ITEM_DATA) {
		account_note_data(account, head->seq);
	} else if (account->ended) {
		account->duplicated++;
	} else {
		account_advance(account, head->seq);
		account->ended = true;
		ledger->ended++;
	}
}

static void account_report(const struct account *account)
{
	uint64_t lost = account_lost(account);

	if (lost || account->duplicated || account->reordered || !account->ended)
		warnx("producer %u: items %llu, lost %llu, duplicated %llu, reordered %llu%s",
		      account->producer, (unsigned long long)account->items,
		      (unsigned long long)lost, (unsigned long long)account->duplicated,
		      (unsigned long long)account->reordered,
		      account->ended ? "" : ", has not ended");
}

struct verdict {
	uint64_t lost;
	uint64_t duplicated;
	uint64_t reordered;
	uint64_t items;
	size_t producers;
	bool good;
	bool whole;
};

static struct verdict ledger_judge(const struct ledger *ledger, size_t producers)
{
	const struct account *account, *end = ledger->accounts + ledger->count;
	struct verdict verdict = { .producers = MAX(producers, ledger->count) };

	for (account = ledger->accounts; account < end; account++) {
		verdict.items += account->items;
		verdict.lost += account_lost(account);
		verdict.duplicated += account->duplicated;
		verdict.reordered += account->reordered;
	}
	verdict.whole = ledger->ended == verdict.producers;
	verdict.good = !verdict.lost && !verdict.duplicated && !verdict.reordered &&
		       !ledger->torn && !ledger->lost_track;
	return verdict;
}

static void verdict_print(const struct verdict *verdict, const struct ledger *ledger, bool json)
{
	static const struct table_column columns[] = {
		{ "", "verdict" }, { "items", "items" }, { "producers", "producers" },
		{ "ended", "ended" }, { "lost", "lost" }, { "torn", "torn" },
		{ "duplicated", "duplicated" }, { "reordered", "reordered" },
	};
	struct libscols_table *table = table_new(columns, ARRAY_SIZE(columns),
						 json ? "verification" : NULL);
	struct libscols_line *row = table_row(table);
	size_t column = 0;

	table_cell(row, column++, "%s", !verdict->good ? "FAILED" :
		   verdict->whole ? "verified" : "INCOMPLETE");
	table_count(row, column++, verdict->items);
	table_count(row, column++, verdict->producers);
	table_count(row, column++, ledger->ended);
	table_count(row, column++, verdict->lost);
	table_count(row, column++, ledger->torn);
	table_count(row, column++, verdict->duplicated);
	table_count(row, column++, verdict->reordered);
	table_print(table, stderr);
}

/*
 * Print the verdict. Returns whether all items of this number of producers arrived intact and in
 * order.
 */
bool ledger_report(const struct ledger *ledger, size_t producers, bool json)
{
	struct verdict verdict = ledger_judge(ledger, producers);
	size_t i;

	verdict_print(&verdict, ledger, json);
	for (i = 0; i < ledger->count && !json; i++)
		account_report(&ledger->accounts[i]);
	if (ledger->lost_track)
		warnx("the queue contains bytes that are not items; if they are older data, empty "
		      "it with `consumer --discard --idle 100ms'");
	return verdict.good && verdict.whole;
}

void ledger_free(struct ledger *ledger)
{
	size_t i;

	for (i = 0; i < ledger->count; i++)
		free(ledger->accounts[i].gaps);
	free(ledger->accounts);
}
