/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of the module know of each other. They depend one way:
 * main -> registry -> file -> io, manage -> queue -> ring.
 */
#ifndef BBUF_H
#define BBUF_H

#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/types.h>

#include "queue.h"
#include "uapi/linux/bbuf.h"

/* The queue that is there from the start; its node is /dev/bbuf. */
#define BBUF_DEFAULT_NAME	"default"

/**
 * struct bbuf_node - a queue and its place in /dev
 * @dev: its device, which holds the memory of all of this
 * @cdev: what open() finds
 * @mode: permissions of the node, as chmod(2) takes them
 * @name: of the queue
 * @queue: the queue
 */
struct bbuf_node {
	struct device dev;
	struct cdev cdev;
	umode_t mode;
	const char *name;
	struct bbuf_queue queue;
};

extern const struct file_operations bbuf_fops;
extern unsigned long bbuf_max_capacity;

int bbuf_registry_init(void);
void bbuf_registry_uninit(void);
struct bbuf_node *bbuf_node_create(size_t capacity, umode_t mode);
void bbuf_node_destroy(struct bbuf_node *node);

#endif /* BBUF_H */
