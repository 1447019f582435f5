/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Numbered items: what a producer generates and a verifying consumer checks. An
 * item says whose it is, which one, and how long; a sum over all of it, with a
 * payload that no two items share, shows when bytes of two items were mixed.
 */
#ifndef BBUF_TOOLS_ITEM_H
#define BBUF_TOOLS_ITEM_H

#include <stdbool.h>
#include <stdint.h>

#define ITEM_SIZE_MAX	(64U << 20)

enum item_kind {
	ITEM_DATA = 0x44667562,	/* "bufD" */
	ITEM_END = 0x45667562,	/* "bufE": the producer has no more */
};

/**
 * struct item - how an item begins; the payload follows
 * @kind: enum item_kind
 * @size: bytes of the whole item, this included
 * @producer: id of the thread that made it, which is unique on the machine
 * @sum: over the whole item, with 0 in this place
 * @seq: number of the item, from 0 up; in an end marker, how many there were
 *
 * In the byte order of the machine: a queue does not leave it. In a stream an item
 * can be at any address: copy its beginning before looking at it.
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
