// SPDX-License-Identifier: GPL-2.0-only
/*
 * A job whose effect can be counted: "effect FOLDER [MILLISECONDS]" reads a number, appends
 * it to FOLDER/effects, and takes some time before it ends.
 *
 * While it runs it holds a lock on the byte with that number in FOLDER/locks. If another job
 * holds that lock, it appends the number to FOLDER/overlaps.
 */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_SIZE	256
#define USEC_PER_MSEC	1000

static int open_in(const char *folder, const char *name)
{
	char path[PATH_SIZE];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_RDWR | O_CREAT | O_APPEND, 0600);
	if (fd < 0)
		err(EXIT_FAILURE, "%s", path);
	return fd;
}

static void append(const char *folder, const char *name, const char *text)
{
	ssize_t len = strlen(text);

	if (write(open_in(folder, name), text, len) != len)
		err(EXIT_FAILURE, "%s/%s", folder, name);
}

int main(int argc, char **argv)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };
	char number[32] = "";
	ssize_t len;

	if (argc < 2)
		return 2;
	len = read(STDIN_FILENO, number, sizeof(number) - 2);
	if (len <= 0)
		errx(EXIT_FAILURE, "no record");
	lock.l_start = strtoul(number, NULL, 10);
	number[len] = '\n';
	if (fcntl(open_in(argv[1], "locks"), F_SETLK, &lock))
		append(argv[1], "overlaps", number);
	append(argv[1], "effects", number);
	if (argc > 2)
		usleep(atoi(argv[2]) * USEC_PER_MSEC);
	return EXIT_SUCCESS;
}
