/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A list of queues: a table for people, or JSON for programs.
 */
#ifndef BBUF_LISTING_H
#define BBUF_LISTING_H

#include <stdbool.h>
#include <stddef.h>

#include <bbuf.h>

void listing_print(const struct bbuf_info *list, size_t count, bool json);

#endif /* BBUF_LISTING_H */
