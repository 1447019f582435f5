// SPDX-License-Identifier: GPL-2.0-only
/*
 * The nodes in /dev. See node.h.
 */
#include <err.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "node.h"

#define DEFAULT_NODE	"/dev/bbuf"
#define NAMED_NODE	DEFAULT_NODE "-"

/* Where sysfs has the devices. */
#define QUEUES		"/sys/class/bbuf"
#define CONTROL		"/sys/class/misc/bbuf-control"

#define RELOAD		"reload the module, which loses what is queued"
#define RECREATE	"destroy the queue and create it again"

/**
 * struct wanted - a node as it should be
 * @path: of it
 * @device: what it is the node of
 * @instead: what else makes it
 * @major: its numbers
 * @minor: its numbers
 * @mode: its permissions
 * @uid: its owner
 * @gid: its group
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

/* Begins with the path; finds its folder in sysfs. False if it is the path of no node. */
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

/* "MINOR=1": does the line tell this number? */
static bool read_number(const char *line, const char *name, int base, unsigned int *number)
{
	size_t len = strlen(name);

	if (strncmp(line, name, len))
		return false;
	*number = strtoul(line + len, NULL, base);
	return true;
}

/* What the kernel tells udev of it. An owner or group of 0 is left out there. */
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

/* Is it such a path as nodes have, whatever there is? */
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

__attribute__((format(printf, 1, 2)))
static char *format(const char *fmt, ...)
{
	va_list args;
	char *text;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		err(EXIT_FAILURE, "a message");
	va_end(args);
	return text;
}

/* The command that makes the node as it was; to be freed. */
static char *repair_command(const struct wanted *wanted)
{
	char *owner = wanted->uid || wanted->gid ?
		      format(" && chown %u:%u %s", wanted->uid, wanted->gid, wanted->path) :
		      format("%s", "");
	char *text = format("mknod -m %04o %s c %u %u%s", wanted->mode, wanted->path,
			    wanted->major, wanted->minor, owner);

	free(owner);
	return text;
}

/* What is there instead; to be freed. */
static char *describe(const struct wanted *wanted, const struct stat *st)
{
	if (!st)
		return format("its node %s does not", wanted->path);
	if (S_ISCHR(st->st_mode))
		return format("%s is another device, %u:%u instead of %u:%u", wanted->path,
			      major(st->st_rdev), minor(st->st_rdev), wanted->major,
			      wanted->minor);
	return format("%s is %s, not its node", wanted->path, kind_of(st->st_mode));
}

/*
 * If this is the path of a node, and the module has the device, but the node does not exist,
 * or is something else: a message that says so, and what to do; to be freed. Otherwise NULL.
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
	/* A link that leads elsewhere, or nowhere, has the place of the node. */
	there = !lstat(path, &st);
	if (!there && errno != ENOENT)
		return NULL;
	problem = describe(&wanted, there ? &st : NULL);
	command = repair_command(&wanted);
	text = format("%s exists, but %s: %srecreate the node as root with `%s', or %s", wanted.device,
		      problem, there ? "remove that, then " : "", command, wanted.instead);
	free(problem);
	free(command);
	return text;
}
