// SPDX-License-Identifier: GPL-2.0-only
/*
 * Check whether devtmpfs has created a node.
 *
 * The device core does not tell: if a file of that name exists already, as when someone wrote to
 * /dev/bbuf before the module was loaded, the device has no node, and what is written to that name
 * goes into the file.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/mount.h>
#include <linux/namei.h>
#include <linux/path.h>
#include <linux/printk.h>
#include <linux/string.h>

#include "devtmpfs.h"
#include "uapi/linux/bbuf.h"

/*
 * There is one devtmpfs, and each mount of it shows the same files. A container's /dev may be
 * another file system, which tells nothing about devtmpfs.
 */
static bool bbuf_is_devtmpfs(const struct path *dir)
{
	const struct super_block *sb = dir->dentry->d_sb;

	return dir->dentry == sb->s_root && !strcmp(sb->s_type->name, "devtmpfs");
}

static bool bbuf_is_node(const struct path *path, dev_t devt)
{
	const struct inode *inode = d_inode(path->dentry);

	return S_ISCHR(inode->i_mode) && inode->i_rdev == devt;
}

/*
 * Returns what is wrong with the node, or NULL. A mount over a name in /dev hides the node from
 * this caller only, and must not be mistaken for a file there.
 */
static const char *bbuf_devtmpfs_check_node(const struct path *dir, const char *node, dev_t devt)
{
	const char *problem = NULL;
	struct path path;
	int ret;

	ret = kern_path(node, 0, &path);
	if (ret)
		return ret == -ENOENT ? "could not be made" : NULL;
	if (path.mnt == dir->mnt && !bbuf_is_node(&path, devt))
		problem = "is another file, which must be removed first";
	path_put(&path);
	return problem;
}

/* Returns NULL as well if the caller's /dev is not devtmpfs: then nothing is known. */
static const char *bbuf_devtmpfs_find_problem(const char *node, dev_t devt)
{
	const char *problem = NULL;
	struct path dir;

	if (kern_path("/dev", LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &dir))
		return NULL;
	if (bbuf_is_devtmpfs(&dir))
		problem = bbuf_devtmpfs_check_node(&dir, node, devt);
	path_put(&dir);
	return problem;
}

/**
 * bbuf_devtmpfs_check() - warn if a device that was added has no node in /dev
 * @name: name of the node, below /dev
 * @mode: permissions that it should have
 * @devt: device numbers that it should have
 *
 * Context: process context; may sleep.
 */
void bbuf_devtmpfs_check(const char *name, umode_t mode, dev_t devt)
{
	char node[sizeof("/dev/bbuf-") + BBUF_NAME_SIZE];
	const char *problem;

	snprintf(node, sizeof(node), "/dev/%s", name);
	problem = bbuf_devtmpfs_find_problem(node, devt);
	if (problem)
		pr_warn_ratelimited("device %u:%u has no node: %s %s; create it with `mknod -m %04o %s c %u %u'\n",
				    MAJOR(devt), MINOR(devt), node, problem, mode, node,
				    MAJOR(devt), MINOR(devt));
}
