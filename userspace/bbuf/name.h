/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Names of queues, and their nodes.
 */
#ifndef BBUF_NAME_H
#define BBUF_NAME_H

#include <stdbool.h>

#define NAME_RULE	\
	"invalid name: it must have 1 to 63 characters from A-Z a-z 0-9 _ - . and no leading dot"

bool name_valid(const char *name);
char *queue_path(const char *queue);
char *node_description(const char *queue);

#endif /* BBUF_NAME_H */
