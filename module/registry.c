// SPDX-License-Identifier: GPL-2.0-only
/*
 * The queues there are, and their nodes in /dev.
 *
 * Queues have a device region of their own: misc devices share few minors, and
 * are opened under one mutex for all.
 */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/stat.h>

#include "bbuf.h"
#include "compat.h"

#define BBUF_MINORS	1

static dev_t bbuf_region;

static struct class bbuf_class = {
	.name = "bbuf",
};

/* devtmpfs asks when it makes the node, and without @mode when it removes it. */
static char *bbuf_node_devnode(BBUF_DEVNODE_CONST struct device *dev, umode_t *mode,
			       kuid_t *uid, kgid_t *gid)
{
	if (mode)
		*mode = S_IFCHR | container_of(dev, struct bbuf_node, dev)->mode;
	return NULL;
}

static void bbuf_node_release(struct device *dev)
{
	struct bbuf_node *node = container_of(dev, struct bbuf_node, dev);

	bbuf_queue_uninit(&node->queue);
	kfree(node);
}

static const struct device_type bbuf_node_type = {
	.name		= "bbuf",
	.devnode	= bbuf_node_devnode,
	.release	= bbuf_node_release,
};

/**
 * bbuf_node_create() - make a queue and show it in /dev
 * @capacity: of the queue, in bytes, 1 to %BBUF_CAPACITY_CEILING
 * @mode: permissions of its node, as chmod(2) takes them
 *
 * Context: process context; may sleep.
 * Return: the node, or an ERR_PTR() of -ENOMEM or what the device core says.
 */
struct bbuf_node *bbuf_node_create(size_t capacity, umode_t mode)
{
	struct bbuf_node *node;
	int ret;

	node = kzalloc(sizeof(*node), GFP_KERNEL);
	if (!node)
		return ERR_PTR(-ENOMEM);

	node->name = BBUF_DEFAULT_NAME;
	bbuf_queue_init(&node->queue, node->name, BBUF_STREAM, capacity, 0);
	node->mode = mode;
	cdev_init(&node->cdev, &bbuf_fops);
	node->cdev.owner = THIS_MODULE;

	device_initialize(&node->dev);
	node->dev.class = &bbuf_class;
	node->dev.type = &bbuf_node_type;
	node->dev.devt = bbuf_region;

	/* From here on the device's last reference frees the node. */
	ret = dev_set_name(&node->dev, "bbuf");
	if (ret)
		goto err_put;
	ret = cdev_device_add(&node->cdev, &node->dev);
	if (ret)
		goto err_put;
	return node;

err_put:
	put_device(&node->dev);
	return ERR_PTR(ret);
}

/**
 * bbuf_node_destroy() - take a queue out of /dev
 * @node: what bbuf_node_create() returned
 *
 * Context: process context; may sleep. No file has it open: the module could not
 * be unloaded otherwise.
 */
void bbuf_node_destroy(struct bbuf_node *node)
{
	cdev_device_del(&node->cdev, &node->dev);
	put_device(&node->dev);
}

/**
 * bbuf_registry_init() - take the device numbers and make the class
 *
 * Return: 0 or a negative errno.
 */
int bbuf_registry_init(void)
{
	int ret;

	ret = alloc_chrdev_region(&bbuf_region, 0, BBUF_MINORS, "bbuf");
	if (ret)
		return ret;
	ret = class_register(&bbuf_class);
	if (ret)
		unregister_chrdev_region(bbuf_region, BBUF_MINORS);
	return ret;
}

/**
 * bbuf_registry_uninit() - give back what bbuf_registry_init() took
 *
 * All nodes have been destroyed.
 */
void bbuf_registry_uninit(void)
{
	class_unregister(&bbuf_class);
	unregister_chrdev_region(bbuf_region, BBUF_MINORS);
}
