// SPDX-License-Identifier: GPL-2.0-only
/*
 * Detection of GNU make. See gnumake.h.
 */
#include <fcntl.h>
#include <paths.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gnumake.h"
#include "program.h"

/* Start of the first line of "make --version"; the version follows. */
#define PRODUCT		"GNU Make "

/* First version that accepts a job server by its path. */
#define PATH_MAJOR	4
#define PATH_MINOR	4

static bool is_name_of_make(const char *path)
{
	const char *name = basename(path);

	return !strcmp(name, "make") || !strcmp(name, "gmake");
}

/*
 * Only a program named make is run to ask for its version: another program may not know the
 * option, and start its work instead.
 */
static bool is_make(const char *path)
{
	char *target;
	bool yes;

	if (is_name_of_make(path))
		return true;
	target = realpath(path, NULL);
	yes = target && is_name_of_make(target);
	free(target);
	return yes;
}

/*
 * Print the version of make. It reads flags from the environment first, and an old version fails
 * on a job server path in them.
 */
static _Noreturn void exec_version(const char *path, const char *command, int output)
{
	char *const words[] = { (char *)command, "--version", NULL };
	int null = open(_PATH_DEVNULL, O_RDWR);

	unsetenv("MAKEFLAGS");
	unsetenv("GNUMAKEFLAGS");
	if (null >= 0 && dup2(null, STDIN_FILENO) >= 0 && dup2(null, STDERR_FILENO) >= 0 &&
	    dup2(output, STDOUT_FILENO) >= 0)
		execv(path, words);
	_exit(EXIT_FAILURE);
}

/* Read the first line of the output. Returns an allocated string, or NULL if there is none. */
static char *first_line(int input)
{
	FILE *file = fdopen(input, "r");
	char *line = NULL;
	size_t size = 0;

	if (!file) {
		close(input);
		return NULL;
	}
	if (getline(&line, &size, file) < 0) {
		free(line);
		line = NULL;
	}
	fclose(file);
	return line;
}

static char *ask_version(const char *path, const char *command)
{
	char *line;
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return NULL;
	pid = fork();
	if (!pid)
		exec_version(path, command, fds[1]);
	close(fds[1]);
	line = first_line(fds[0]);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return line;
}

/* Whether the command is GNU make. If so, @make is filled in, for gnumake_uninit(). */
bool gnumake_find(struct gnumake *make, const char *command)
{
	char *path = program_path(command), *line = NULL;
	bool found;

	if (path && is_make(path))
		line = ask_version(path, command);
	found = line && !strncmp(line, PRODUCT, strlen(PRODUCT));
	if (found) {
		line[strcspn(line, "\n")] = '\0';
		snprintf(make->version, sizeof(make->version), "%s", line + strlen(PRODUCT));
		make->path = path;
	} else {
		free(path);
	}
	free(line);
	return found;
}

/* Whether this version accepts a job server by its path. */
bool gnumake_takes_path(const struct gnumake *make)
{
	unsigned int major, minor = 0;

	if (sscanf(make->version, "%u.%u", &major, &minor) < 1)
		return false;
	return major > PATH_MAJOR || (major == PATH_MAJOR && minor >= PATH_MINOR);
}

void gnumake_uninit(struct gnumake *make)
{
	free(make->path);
}
