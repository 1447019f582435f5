/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Numbered items, which producer generates and consumer verifies. An item contains its producer,
 * its number and its length. A checksum, over a payload that no two items share, shows if bytes
 * of two items were mixed.
 */
#ifndef BBUF_TOOLS_ITEM_H
#define BBUF_TOOLS_ITEM_H

#include <stdbool.h>
#include <stdint.h>

#define ITEM_SIZE_MAX	(64U << 20)

enum item_kind {
	ITEM_DATA = 0x44667562,	/* "bufD" */
	ITEM_END = 0x45667562,	/* "bufE": the producer has finished */
};

/**
 * struct item - header of an item; the payload follows
 * @kind: enum item_kind
 * @size: size of the whole item in bytes, including this header
 * @producer: ID of the thread that made it, unique on the machine
 * @sum: checksum of the whole item, computed with 0 in this member
 * @seq: number of the item, from 0; in an end marker, the number of items
 *
 * The byte order is that of the machine, because a queue does not leave it. In a stream an item
 * may have any alignment: copy the header before reading its members.
 */
struct item {
	uint32_t kind;
	uint32_t size;
	uint32_t producer;
	uint32_t sum;
	uint64_t seq;
};

void item_make(struct item *item, enum item_kind kind, uint32_t size, uint32_t producer,
	       uint64_t seq);
bool item_plausible(const struct item *head);
bool item_intact(const void *bytes);

#endif /* BBUF_TOOLS_ITEM_H */
