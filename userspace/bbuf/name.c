// SPDX-License-Identifier: GPL-2.0-only
/*
 * Names of queues, and their nodes. See name.h.
 */
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <bbuf.h>

#include "common/alloc.h"
#include "name.h"

bool name_valid(const char *name)
{
	static const char good[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.";
	size_t len = strspn(name, good);

	return len && len < BBUF_NAME_SIZE && !name[len] && name[0] != '.';
}

/* Path of the node of a queue given by name or path. Allocated. */
char *queue_path(const char *queue)
{
	if (strchr(queue, '/'))
		return xasprintf("%s", queue);
	if (!strcmp(queue, BBUF_QUEUE_DEFAULT))
		return xasprintf("/dev/bbuf");
	return xasprintf("/dev/bbuf-%s", queue);
}

/* Describe the node of a queue and its permissions; just the path if it is no device. Allocated. */
char *node_description(const char *queue)
{
	char *path = queue_path(queue), *text;
	const struct passwd *user;
	const struct group *group;
	struct stat st;

	if (stat(path, &st) || !S_ISCHR(st.st_mode))
		return path;
	user = getpwuid(st.st_uid);
	group = getgrgid(st.st_gid);
	text = xasprintf("%s, mode %04o, owner %s (%u), group %s (%u)", path, st.st_mode & 07777,
			 user ? user->pw_name : "?", st.st_uid, group ? group->gr_name : "?",
			 st.st_gid);
	free(path);
	return text;
}
