/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Declarations that the parts of the module share. They depend on each other in one direction:
 * main -> control -> registry -> devtmpfs, file, sysfs -> lease_read, manage -> lease ->
 * io -> queue -> ring; main, control, file -> check -> queue; main, file -> restart -> queue.
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

/**
 * bbuf_command_is() - check whether an ioctl is a known one
 * @cmd: number that the caller has passed
 * @known: number in the uAPI
 *
 * The size of the structure may differ; whether there is one may not.
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
