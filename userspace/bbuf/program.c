// SPDX-License-Identifier: GPL-2.0-only
/*
 * Looking up programs in PATH. See program.h.
 */
#include <paths.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/alloc.h"
#include "program.h"

static bool is_program(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISREG(st.st_mode) && !access(path, X_OK);
}

/* Returns an allocated path. An empty directory in PATH is the working directory. */
static char *path_in(const char *folder, size_t len, const char *name)
{
	return xasprintf("%.*s%s/%s", (int)len, folder, len ? "" : ".", name);
}

/* Path of the program that execvp() would run, allocated; NULL if there is none. */
char *program_path(const char *name)
{
	const char *folder = getenv("PATH") ?: _PATH_DEFPATH;
	size_t len;
	char *path;

	if (strchr(name, '/'))
		return is_program(name) ? strdup(name) : NULL;
	for (;; folder += len + 1) {
		len = strcspn(folder, ":");
		path = path_in(folder, len, name);
		if (is_program(path))
			return path;
		free(path);
		if (!folder[len])
			return NULL;
	}
}
