/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of the module know of each other. They depend one way:
 * main -> control -> registry -> devtmpfs, file, sysfs -> lease_read, manage -> lease ->
 * io -> queue -> ring; main, file -> restart.
 */
#ifndef BBUF_H
#define BBUF_H

#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/ioctl.h>
#include <linux/list.h>
#include <linux/types.h>

#include "compat.h"
#include "queue.h"
#include "uapi/linux/bbuf.h"

/* The queue that is there from the start; its node is /dev/bbuf. */
#define BBUF_DEFAULT_NAME	"default"

/**
 * struct bbuf_node - a queue and its place in /dev
 * @dev: its device, which holds the memory of all of this
 * @cdev: what open() finds
 * @entry: among all nodes; protected by the registry's mutex
 * @minor: its number in the region
 * @mode: permissions of the node, as chmod(2) takes them
 * @uid: owner of the node
 * @gid: group of the node
 * @adds_traffic: files that sysfs makes now are the node's owner's, not root's; protected by
 *                the registry's mutex
 * @dead_letters: the node of the queue that dead letters go to, or NULL; constant
 * @name: of the queue
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

/**
 * bbuf_command_is() - is an ioctl the one that is known by a number?
 * @cmd: what was asked for
 * @known: as the uAPI has it
 *
 * A structure's size may differ from here. Whether there is one is part of what is
 * asked for.
 *
 * Return: whether it is.
 */
static inline bool bbuf_command_is(unsigned int cmd, unsigned int known)
{
	const unsigned int size = _IOC_SIZEMASK << _IOC_SIZESHIFT;

	return (cmd & ~size) == (known & ~size) && !(cmd & size) == !(known & size);
}

extern const struct file_operations bbuf_fops;
extern const struct attribute_group *bbuf_public_groups[];
extern unsigned long bbuf_max_capacity;

void bbuf_sysfs_get_ownership(BBUF_OWNERSHIP_CONST struct device *dev, kuid_t *uid, kgid_t *gid);
int bbuf_sysfs_add_traffic(struct bbuf_node *node);

void bbuf_control_init(void);
void bbuf_control_uninit(void);

void bbuf_devtmpfs_check(const char *name, umode_t mode, dev_t devt);

int bbuf_registry_init(void);
void bbuf_registry_uninit(void);
int bbuf_registry_create(const struct bbuf_create *create);
int bbuf_registry_destroy(const char *name);

#endif /* BBUF_H */
