// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nodes in /dev. See node.h.
 */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "alloc.h"
#include "node.h"

#define DEFAULT_NODE	"/dev/bbuf"
#define NAMED_NODE	DEFAULT_NODE "-"

/* Paths of the devices in sysfs. */
#define QUEUES		"/sys/class/bbuf"
#define CONTROL		"/sys/class/misc/bbuf-control"

#define RELOAD		"reload the module, which discards all queued data"
#define RECREATE	"destroy the queue and create it again"

/**
 * struct wanted - a node as it should be
 * @path: path of the node
 * @device: description of its device
 * @instead: another way to create it
 * @major: major number of the device
 * @minor: minor number of the device
 * @mode: permissions of the node
 * @uid: owner of the node
 * @gid: group of the node
 */
struct wanted {
	const char *path;
	const char *device;
	const char *instead;
	unsigned int major;
	unsigned int minor;
	unsigned int mode;
	unsigned int uid;
	unsigned int gid;
};

/*
 * Find the directory in sysfs for the path of a node, and initialize @wanted. Returns false if
 * nodes do not have such paths.
 */
static bool find_folder(struct wanted *wanted, const char *path, char folder[PATH_MAX])
{
	*wanted = (struct wanted){ .path = path, .device = "the queue", .instead = RELOAD };
	if (!strcmp(path, CONTROL_NODE)) {
		wanted->device = "the module's control device";
		strcpy(folder, CONTROL);
	} else if (!strcmp(path, DEFAULT_NODE)) {
		strcpy(folder, QUEUES "/default");
	} else if (!strncmp(path, NAMED_NODE, strlen(NAMED_NODE)) &&
		   !strchr(path + strlen(NAMED_NODE), '/')) {
		wanted->instead = RECREATE;
		snprintf(folder, PATH_MAX, QUEUES "/%s", path + strlen(NAMED_NODE));
	} else {
		return false;
	}
	return true;
}

/* Parse a line such as "MINOR=1". Returns whether it has this name. */
static bool read_number(const char *line, const char *name, int base, unsigned int *number)
{
	size_t len = strlen(name);

	if (strncmp(line, name, len))
		return false;
	*number = strtoul(line + len, NULL, base);
	return true;
}

/* Read what the kernel tells udev. It omits an owner or group of 0. */
static bool read_wanted(struct wanted *wanted, const char *folder)
{
	char path[PATH_MAX + sizeof("/uevent")], line[PATH_MAX];
	unsigned int found = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/uevent", folder);
	file = fopen(path, "re");
	if (!file)
		return false;
	while (fgets(line, sizeof(line), file)) {
		found += read_number(line, "MAJOR=", 10, &wanted->major);
		found += read_number(line, "MINOR=", 10, &wanted->minor);
		found += read_number(line, "DEVMODE=", 8, &wanted->mode);
		read_number(line, "DEVUID=", 10, &wanted->uid);
		read_number(line, "DEVGID=", 10, &wanted->gid);
	}
	fclose(file);
	return found == 3;
}

static const char *kind_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return "a regular file";
	case S_IFDIR:
		return "a directory";
	case S_IFIFO:
		return "a FIFO";
	case S_IFSOCK:
		return "a socket";
	case S_IFLNK:
		return "a symbolic link to something else";
	default:
		return "a block device";
	}
}

/* Whether a node of the module may have this path, whether or not it exists. */
bool node_is_path(const char *path)
{
	struct wanted wanted;
	char folder[PATH_MAX];

	return find_folder(&wanted, path, folder);
}

static bool is_wanted(const struct wanted *wanted, const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(wanted->major, wanted->minor);
}

/* Shell command that recreates the node. Allocated. */
static char *repair_command(const struct wanted *wanted)
{
	char *owner = wanted->uid || wanted->gid ?
		      xasprintf(" && chown %u:%u %s", wanted->uid, wanted->gid, wanted->path) :
		      xasprintf("%s", "");
	char *text = xasprintf("mknod -m %04o %s c %u %u%s", wanted->mode, wanted->path,
			    wanted->major, wanted->minor, owner);

	free(owner);
	return text;
}

/* Describe the file that is there instead. Allocated. */
static char *describe(const struct wanted *wanted, const struct stat *st)
{
	if (!st)
		return xasprintf("its node %s does not", wanted->path);
	if (S_ISCHR(st->st_mode))
		return xasprintf("%s is another device, %u:%u instead of %u:%u", wanted->path,
			      major(st->st_rdev), minor(st->st_rdev), wanted->major,
			      wanted->minor);
	return xasprintf("%s is %s, not its node", wanted->path, kind_of(st->st_mode));
}

/*
 * If @path is the path of a node whose device exists, and the node is missing or is another
 * file, returns a message that says so and what to do, allocated. Otherwise returns NULL.
 */
char *node_problem(const char *path)
{
	char folder[PATH_MAX], *problem, *command, *text;
	struct wanted wanted;
	struct stat st;
	bool there;

	if (!find_folder(&wanted, path, folder) || !read_wanted(&wanted, folder))
		return NULL;
	if (!stat(path, &st) && is_wanted(&wanted, &st))
		return NULL;
	/* A symbolic link to another file, or a dangling one, has taken the place of the node. */
	there = !lstat(path, &st);
	if (!there && errno != ENOENT)
		return NULL;
	problem = describe(&wanted, there ? &st : NULL);
	command = repair_command(&wanted);
	text = xasprintf("%s exists, but %s: %srecreate the node as root with `%s', or %s", wanted.device,
		      problem, there ? "remove that, then " : "", command, wanted.instead);
	free(problem);
	free(command);
	return text;
}
