// SPDX-License-Identifier: GPL-2.0-only
/*
 * All queues, and their nodes in /dev.
 *
 * Queues have a device region of their own: misc devices share few minors, and are opened under one
 * mutex for all.
 */
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/hashtable.h>
#include <linux/idr.h>
#include <linux/module.h>
#include <linux/random.h>
#include <linux/siphash.h>
#include <linux/slab.h>
#include <linux/stat.h>
#include <linux/string.h>
#include <linux/uidgid.h>

#include "compat.h"
#include "devtmpfs.h"
#include "file.h"
#include "lease.h"
#include "manage.h"
#include "node.h"
#include "registry.h"
#include "settle.h"
#include "sysfs.h"
#include "trace.h"

#define BBUF_MINORS	65536
#define BBUF_NAME_BITS	10	/* of the hash: with the maximum number of queues, 64 to compare */

static dev_t bbuf_region;

/* Held to create and remove nodes: a name is free again when its node has been removed. */
static DEFINE_MUTEX(bbuf_nodes_lock);

/* A number is reused only after all others, as a process may still remember it. */
static DEFINE_IDR(bbuf_minors);
static DEFINE_MUTEX(bbuf_minors_lock);

/* By name. The hash has a key, or a user could choose names that all have the same hash. */
static DEFINE_HASHTABLE(bbuf_nodes, BBUF_NAME_BITS);
static siphash_key_t bbuf_nodes_key;

static struct class bbuf_class = {
	.name		= "bbuf",
	.get_ownership	= bbuf_sysfs_get_ownership,
};

/*
 * devtmpfs calls this when it creates the node, and without @mode when it removes it. This must
 * return a name: the default, the bare name of the queue, may be that of any other device.
 */
static char *bbuf_node_devnode(BBUF_DEVNODE_CONST struct device *dev, umode_t *mode,
			       kuid_t *uid, kgid_t *gid)
{
	const struct bbuf_node *node = container_of(dev, struct bbuf_node, dev);

	if (mode)
		*mode = S_IFCHR | node->mode;	/* 0 would not be taken for a mode */
	if (uid)
		*uid = node->uid;
	if (gid)
		*gid = node->gid;
	if (!strcmp(node->name, BBUF_DEFAULT_NAME))
		return kstrdup("bbuf", GFP_KERNEL | __GFP_NOFAIL);
	return kasprintf(GFP_KERNEL | __GFP_NOFAIL, "bbuf-%s", node->name);
}

static int bbuf_minor_alloc(struct bbuf_node *node)
{
	int minor;

	mutex_lock(&bbuf_minors_lock);
	minor = idr_alloc_cyclic(&bbuf_minors, node, 0, BBUF_MINORS, GFP_KERNEL);
	mutex_unlock(&bbuf_minors_lock);
	return minor;
}

static void bbuf_minor_free(unsigned int minor)
{
	mutex_lock(&bbuf_minors_lock);
	idr_remove(&bbuf_minors, minor);
	mutex_unlock(&bbuf_minors_lock);
}

static void bbuf_node_release(struct device *dev)
{
	struct bbuf_node *node = container_of(dev, struct bbuf_node, dev);

	bbuf_expiry_uninit(&node->queue);
	bbuf_leases_uninit(&node->queue);
	bbuf_queue_uninit(&node->queue);
	if (node->dead_letters)
		put_device(&node->dead_letters->dev);
	bbuf_minor_free(node->minor);
	kfree(node);
}

static const struct device_type bbuf_node_type = {
	.name		= "bbuf",
	.groups		= bbuf_public_groups,
	.devnode	= bbuf_node_devnode,
	.release	= bbuf_node_release,
};

static u64 bbuf_name_hash(const char *name)
{
	return siphash(name, strlen(name), &bbuf_nodes_key);
}

static struct bbuf_node *bbuf_node_find(const char *name)
{
	struct bbuf_node *node;

	lockdep_assert_held(&bbuf_nodes_lock);
	hash_for_each_possible(bbuf_nodes, node, entry, bbuf_name_hash(name))
		if (!strcmp(node->name, name))
			return node;
	return NULL;
}

static int bbuf_node_set_owner(struct bbuf_node *node, u32 uid, u32 gid)
{
	struct user_namespace *ns = current_user_ns();

	node->uid = uid == BBUF_ID_CALLER ? current_fsuid() : make_kuid(ns, uid);
	node->gid = gid == BBUF_ID_CALLER ? current_fsgid() : make_kgid(ns, gid);
	return uid_valid(node->uid) && gid_valid(node->gid) ? 0 : -EINVAL;
}

/* Allocate a node with its queue, and its number; put_device() frees them. */
static struct bbuf_node *bbuf_node_alloc(const struct bbuf_create *create)
{
	struct bbuf_node *node;
	int minor, ret;

	node = kzalloc(sizeof(*node), GFP_KERNEL_ACCOUNT);
	if (!node)
		return ERR_PTR(-ENOMEM);
	minor = bbuf_minor_alloc(node);
	if (minor < 0) {
		kfree(node);
		return ERR_PTR(minor);
	}

	strscpy(node->name, create->name, sizeof(node->name));
	node->minor = minor;
	node->mode = create->mode;
	cdev_init(&node->cdev, &bbuf_fops);
	node->cdev.owner = THIS_MODULE;

	device_initialize(&node->dev);
	node->dev.class = &bbuf_class;
	node->dev.type = &bbuf_node_type;
	node->dev.devt = bbuf_region + minor;
	ret = bbuf_queue_init(&node->queue, node->name, create->type, create->capacity,
			      create->policy);
	if (!ret)
		return node;
	put_device(&node->dev);
	return ERR_PTR(ret);
}

/* Find the dead-letter queue, which must exist, and have none itself: so there are no chains. */
static int bbuf_node_find_dead_letters(struct bbuf_node *node, const char *name)
{
	struct bbuf_node *dead_letters = bbuf_node_find(name);

	if (!dead_letters)
		return -ENOENT;
	if (dead_letters->queue.type != BBUF_RECORD || dead_letters->dead_letters)
		return -EINVAL;
	get_device(&dead_letters->dev);
	node->dead_letters = dead_letters;
	return 0;
}

static int bbuf_node_init_leases(struct bbuf_node *node, const struct bbuf_create *create)
{
	int ret = 0;

	if (!(create->policy & BBUF_LEASE))
		return 0;
	if (create->dead_letters[0])
		ret = bbuf_node_find_dead_letters(node, create->dead_letters);
	if (!ret)
		ret = bbuf_leases_init(&node->queue, create,
				       node->dead_letters ? &node->dead_letters->queue : NULL);
	if (!ret)
		bbuf_expiry_init(&node->queue);
	return ret;
}

/* Remove the node, and fail all calls on the queue. */
static void bbuf_node_hide(struct bbuf_node *node)
{
	cdev_device_del(&node->cdev, &node->dev);
	bbuf_queue_destroy(&node->queue);
}

/* The uevent of the device is sent only when all of its files in sysfs exist. */
static int bbuf_node_show(struct bbuf_node *node)
{
	int ret;

	dev_set_uevent_suppress(&node->dev, true);
	ret = cdev_device_add(&node->cdev, &node->dev);
	if (ret)
		return ret;
	ret = bbuf_sysfs_add_traffic(node);
	if (ret) {
		bbuf_node_hide(node);
		return ret;
	}
	dev_set_uevent_suppress(&node->dev, false);
	kobject_uevent(&node->dev.kobj, KOBJ_ADD);
	return 0;
}

static void bbuf_node_check(struct bbuf_node *node)
{
	char *name = bbuf_node_devnode(&node->dev, NULL, NULL, NULL);

	bbuf_devtmpfs_check(name, node->mode, node->dev.devt);
	kfree(name);
}

static int bbuf_node_add(struct bbuf_node *node, const struct bbuf_create *create)
{
	int ret;

	mutex_lock(&bbuf_nodes_lock);
	ret = bbuf_node_find(node->name) ? -EEXIST : bbuf_node_init_leases(node, create);
	if (!ret)
		ret = bbuf_node_show(node);
	if (!ret) {
		hash_add(bbuf_nodes, &node->entry, bbuf_name_hash(node->name));
		trace_bbuf_create(&node->queue);
		bbuf_node_check(node);
	}
	mutex_unlock(&bbuf_nodes_lock);
	return ret;
}

/* The last user of the node frees it. */
static void bbuf_node_remove(struct bbuf_node *node)
{
	lockdep_assert_held(&bbuf_nodes_lock);

	hash_del(&node->entry);
	bbuf_node_hide(node);
	trace_bbuf_destroy(&node->queue);
	put_device(&node->dev);
}

/**
 * bbuf_registry_create() - create a queue and its node in /dev
 * @create: settings, which were checked, but for the owner and the dead-letter queue
 *
 * Context: process context; may sleep.
 * Return: 0, -EEXIST, -EINVAL (an owner without an id here, a dead-letter queue that is a stream or
 * has one itself), -ENOENT (no such dead-letter queue), -ENOSPC (no numbers left), -ENOMEM, or an
 * error of the device core.
 */
int bbuf_registry_create(const struct bbuf_create *create)
{
	struct bbuf_node *node = bbuf_node_alloc(create);
	int ret;

	if (IS_ERR(node))
		return PTR_ERR(node);
	ret = bbuf_node_set_owner(node, create->uid, create->gid);
	if (!ret)
		ret = dev_set_name(&node->dev, "%s", node->name);
	if (!ret)
		ret = bbuf_node_add(node, create);
	if (ret)
		put_device(&node->dev);
	return ret;
}

/**
 * bbuf_registry_destroy() - remove a queue and its node, even if it is in use
 * @name: name of the queue
 *
 * Context: process context; may sleep.
 * Return: 0 or -ENOENT.
 */
int bbuf_registry_destroy(const char *name)
{
	struct bbuf_node *node;

	mutex_lock(&bbuf_nodes_lock);
	node = bbuf_node_find(name);
	if (node)
		bbuf_node_remove(node);
	mutex_unlock(&bbuf_nodes_lock);
	return node ? 0 : -ENOENT;
}

/**
 * bbuf_registry_init() - allocate the device numbers and register the class
 *
 * Return: 0 or a negative errno.
 */
int bbuf_registry_init(void)
{
	int ret;

	get_random_bytes(&bbuf_nodes_key, sizeof(bbuf_nodes_key));
	ret = alloc_chrdev_region(&bbuf_region, 0, BBUF_MINORS, "bbuf");
	if (ret)
		return ret;
	ret = class_register(&bbuf_class);
	if (ret)
		unregister_chrdev_region(bbuf_region, BBUF_MINORS);
	return ret;
}

/**
 * bbuf_registry_uninit() - remove all queues, the class and the device numbers
 *
 * No file of a queue is open: otherwise the module could not be unloaded.
 */
void bbuf_registry_uninit(void)
{
	struct bbuf_node *node;
	struct hlist_node *next;
	int bucket;

	mutex_lock(&bbuf_nodes_lock);
	hash_for_each_safe(bbuf_nodes, bucket, next, node, entry)
		bbuf_node_remove(node);
	mutex_unlock(&bbuf_nodes_lock);
	class_unregister(&bbuf_class);
	unregister_chrdev_region(bbuf_region, BBUF_MINORS);
	idr_destroy(&bbuf_minors);
}
