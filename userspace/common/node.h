/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nodes of the module's devices in /dev, compared with what sysfs says about them.
 *
 * Another file may have the name of a node: a regular file, if the name was written to before
 * the module was loaded, or if a program has replaced the node by renaming a file to it. Data
 * written to the name then goes to that file, and not to the queue.
 */
#ifndef BBUF_COMMON_NODE_H
#define BBUF_COMMON_NODE_H

#include <stdbool.h>

#define CONTROL_NODE	"/dev/bbuf-control"

bool node_is_path(const char *path);
char *node_problem(const char *path);

#endif /* BBUF_COMMON_NODE_H */
