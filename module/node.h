/* SPDX-License-Identifier: GPL-2.0-only */
/* A queue and its node in /dev. */
#ifndef BBUF_NODE_H
#define BBUF_NODE_H

#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/types.h>
#include <linux/uidgid.h>

#include "queue.h"
#include "uapi/linux/bbuf.h"

/* Name of the queue that exists from the start; its node is /dev/bbuf. */
#define BBUF_DEFAULT_NAME	"default"

/**
 * struct bbuf_node - a queue and its node in /dev
 * @dev: device of the queue, which holds the memory of this structure
 * @cdev: character device that open() finds
 * @entry: entry in the hash table of nodes; under the registry's mutex
 * @minor: number in the device region
 * @mode: permissions of the node, as for chmod(2)
 * @uid: owner of the node
 * @gid: group of the node
 * @adds_traffic: files that sysfs creates now get the node's owner, instead of root; under the
 *                registry's mutex
 * @dead_letters: node of the dead-letter queue, or NULL; constant
 * @name: name of the queue
 * @queue: the queue
 */
struct bbuf_node {
	struct device dev;
	struct cdev cdev;
	struct hlist_node entry;
	unsigned int minor;
	umode_t mode;
	kuid_t uid;
	kgid_t gid;
	bool adds_traffic;
	struct bbuf_node *dead_letters;
	char name[BBUF_NAME_SIZE];
	struct bbuf_queue queue;
};

#endif /* BBUF_NODE_H */
