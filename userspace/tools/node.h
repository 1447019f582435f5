/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The nodes that the module's devices have in /dev, as sysfs says that they should be.
 *
 * Something else may have such a name: a regular file, if somebody wrote there before the
 * module was loaded, or if a program has replaced the node by renaming a file to it. What
 * is written to the name goes there then, and no queue gets it.
 */
#ifndef BBUF_TOOLS_NODE_H
#define BBUF_TOOLS_NODE_H

#include <stdbool.h>

#define CONTROL_NODE	"/dev/bbuf-control"

bool node_is_path(const char *path);
char *node_problem(const char *path);

#endif /* BBUF_TOOLS_NODE_H */
