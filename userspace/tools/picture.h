/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Picture of the timeline: the fill level over time, and who waited for how long, as SVG.
 *
 * The picture refers to no other file, needs no particular font, and has a background of its
 * own, so that it can be read in front of any other. It becomes dark if the viewer asks for it.
 * The same events give the same picture, byte by byte.
 */
#ifndef BBUF_TOOLS_PICTURE_H
#define BBUF_TOOLS_PICTURE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "events.h"

/**
 * struct picture - what to draw
 * @device: path of the queue
 * @capacity: capacity of the queue in bytes
 * @logs: runs to draw, one panel each, from top to bottom
 * @count: number of @logs
 * @titles: title of a panel for each way to wait
 */
struct picture {
	const char *device;
	uint64_t capacity;
	const struct event_log *logs;
	size_t count;
	const char *const *titles;
};

void picture_write(const struct picture *picture, FILE *out);

#endif /* BBUF_TOOLS_PICTURE_H */
