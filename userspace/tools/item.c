// SPDX-License-Identifier: GPL-2.0-only
/*
 * Numbered items. See item.h.
 */
#include <stddef.h>
#include <string.h>

#include "common/macros.h"
#include "item.h"

/* Constants of Knuth's MMIX generator, and of the golden ratio. */
#define LCG_FACTOR	6364136223846793005ULL
#define LCG_SUMMAND	1442695040888963407ULL
#define MIX_FACTOR	0x9e3779b97f4a7c15ULL
#define MIX_SHIFT	29

/* Fill the payload with bytes that no other item of any producer has. */
static void payload_fill(struct item *item)
{
	char *pos = (char *)(item + 1);
	size_t left = item->size - sizeof(*item);
	uint64_t word = item->seq * MIX_FACTOR ^ item->producer;
	size_t n;

	for (; left; left -= n, pos += n) {
		word = word * LCG_FACTOR + LCG_SUMMAND;
		n = MIN(left, sizeof(word));
		memcpy(pos, &word, n);
	}
}

static uint64_t sum_bytes(uint64_t sum, const void *data, size_t left)
{
	const char *pos = data;
	uint64_t word;
	size_t n;

	for (; left; left -= n, pos += n) {
		word = 0;
		n = MIN(left, sizeof(word));
		memcpy(&word, pos, n);
		sum = (sum ^ word) * MIX_FACTOR;
		sum ^= sum >> MIX_SHIFT;
	}
	return sum;
}

static uint32_t item_sum(const void *bytes)
{
	struct item head;
	uint64_t sum;

	memcpy(&head, bytes, sizeof(head));
	head.sum = 0;
	sum = sum_bytes(MIX_FACTOR, &head, sizeof(head));
	sum = sum_bytes(sum, (const char *)bytes + sizeof(head), head.size - sizeof(head));
	return sum ^ sum >> 32;
}

/* @item must have room for @size bytes. */
void item_make(struct item *item, enum item_kind kind, uint32_t size, uint32_t producer,
	       uint64_t seq)
{
	*item = (struct item){
		.kind = kind,
		.size = size,
		.producer = producer,
		.seq = seq,
	};
	payload_fill(item);
	item->sum = item_sum(item);
}

/* Whether an item can begin like this, so that its size can be trusted. */
bool item_plausible(const struct item *head)
{
	return (head->kind == ITEM_DATA || head->kind == ITEM_END) &&
	       head->size >= sizeof(*head) && head->size <= ITEM_SIZE_MAX;
}

/* Whether a complete and plausible item is unchanged. */
bool item_intact(const void *bytes)
{
	struct item head;

	memcpy(&head, bytes, sizeof(head));
	return head.sum == item_sum(bytes);
}
