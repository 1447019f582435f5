// SPDX-License-Identifier: GPL-2.0-only
/*
 * Functions shared by all tools. See common.h.
 */
#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bbuf.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <linux/bbuf.h>

#include "common.h"
#include "node.h"

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

/* Returns early when a signal arrives: the caller checks whether it should stop. */
void sleep_until(uint64_t deadline_ns)
{
	struct timespec ts = {
		.tv_sec = deadline_ns / NSEC_PER_SEC,
		.tv_nsec = deadline_ns % NSEC_PER_SEC,
	};

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

/* Parse a decimal number without a sign: strtoull() would accept "-1". */
static bool parse_number(const char *text, uint64_t *number, const char **rest)
{
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	*number = strtoull(text, &end, 10);
	*rest = end;
	return !errno;
}

bool parse_size(const char *text, uint64_t *bytes)
{
	static const char suffixes[] = "KMG";
	const char *rest, *suffix;
	unsigned int supervisor = 0;
	uint64_t number;

	if (!parse_number(text, &number, &rest))
		return false;
	if (*rest) {
		suffix = strchr(suffixes, toupper((unsigned char)*rest));
		if (!suffix || rest[1])
			return false;
		supervisor = 10 * (suffix - suffixes + 1);
	}
	if (number > UINT64_MAX >> supervisor)
		return false;
	*bytes = number << supervisor;
	return true;
}

static bool parse_time(const char *text, uint64_t *ns)
{
	static const struct {
		const char *name;
		double ns;
	} units[] = {
		{ "ns", 1 }, { "us", NSEC_PER_USEC }, { "ms", NSEC_PER_MSEC },
		{ "s", NSEC_PER_SEC }, { "min", 60.0 * NSEC_PER_SEC },
	};
	double number, product;
	size_t i;
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	number = strtod(text, &end);
	for (i = 0; i < ARRAY_SIZE(units); i++) {
		if (strcmp(end, units[i].name))
			continue;
		product = number * units[i].ns;
		if (!isfinite(product) || product >= (double)INT64_MAX)
			return false;
		*ns = product;
		return true;
	}
	return false;
}

uint64_t arg_size(struct argp_state *state, const char *what, const char *arg)
{
	uint64_t bytes = 0;

	if (!parse_size(arg, &bytes) || !bytes || bytes > SSIZE_MAX)
		argp_error(state, "--%s=%s: must be a size such as 4096, 64K or 1M", what, arg);
	return bytes;
}

uint64_t arg_count(struct argp_state *state, const char *what, const char *arg)
{
	uint64_t number = 0;
	const char *rest;

	if (!parse_number(arg, &number, &rest) || *rest || !number)
		argp_error(state, "--%s=%s: must be a number, 1 or more", what, arg);
	return number;
}

uint64_t arg_time(struct argp_state *state, const char *what, const char *arg)
{
	uint64_t ns = 0;

	if (!parse_time(arg, &ns) || !ns)
		argp_error(state, "--%s=%s: must be a time such as 500ms or 2s", what, arg);
	return ns;
}

/* Format a size with a suffix if that is exact: 64K, but 1000. */
const char *format_size(char text[TEXT_MAX], uint64_t bytes)
{
	static const char suffixes[] = { '\0', 'K', 'M', 'G' };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(suffixes) - 1 && bytes && !(bytes % 1024); i++)
		bytes /= 1024;
	snprintf(text, TEXT_MAX, "%llu%.1s", (unsigned long long)bytes, &suffixes[i]);
	return text;
}

const char *format_time(char text[TEXT_MAX], uint64_t ns)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {
		{ "s", NSEC_PER_SEC }, { "ms", NSEC_PER_MSEC }, { "us", NSEC_PER_USEC },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(units) - 1 && ns < units[i].ns; i++)
		;
	snprintf(text, TEXT_MAX, "%.3g %s", (double)ns / units[i].ns, units[i].name);
	return text;
}

void *xcalloc(size_t n, size_t size)
{
	void *mem = calloc(n, size);

	if (!mem)
		err(EXIT_FAILURE, "%zu bytes of memory", n * size);
	return mem;
}

void *xrealloc(void *mem, size_t n, size_t size)
{
	mem = reallocarray(mem, n, size);
	if (!mem)
		err(EXIT_FAILURE, "memory for %zu entries", n);
	return mem;
}

/* Flush standard output. Returns an exit code, after printing a message if that fails. */
int output_end(void)
{
	if (!fflush(stdout) && !ferror(stdout))
		return EXIT_SUCCESS;
	warn("standard output");
	return EXIT_FAILURE;
}

static const char *access_name(int flags)
{
	return (flags & O_ACCMODE) == O_WRONLY ? "writing" : "reading";
}

/* Exit if the path is that of a node and another file has taken its place. */
static void device_check_node(const char *path)
{
	char *problem = node_problem(path);

	if (problem)
		errx(EXIT_FAILURE, "%s: %s", path, problem);
}

/* The node is missing or dead, and the module does not know a queue for it. */
static _Noreturn void device_missing(const char *path, const char *what)
{
	if (access("/sys/class/bbuf", F_OK))
		errx(EXIT_FAILURE, "%s: %s: load the module with `insmod bbuf.ko` or `make load`",
		     path, what);
	errx(EXIT_FAILURE, "%s: %s: no such queue: `bbuf list` shows all queues, `bbuf create` "
	     "creates one", path, what);
}

/* Exit with a message that tells why the device cannot be opened and what to do. */
static _Noreturn void device_refused(const char *path, int flags, int error)
{
	struct stat st;

	if (error == ENOENT && node_is_path(path))
		device_missing(path, "no such device");
	if (stat(path, &st))
		st.st_mode = 0;
	if ((error == ENXIO || error == ENODEV) && S_ISCHR(st.st_mode))
		device_missing(path, "no device exists for this node");
	if ((error == EACCES || error == EPERM) && st.st_mode)
		errx(EXIT_FAILURE, "%s: opening for %s: not permitted: it belongs to user %u, "
		     "group %u, with mode %04o; use sudo, or let its owner change the permissions "
		     "with chmod", path, access_name(flags), st.st_uid, st.st_gid,
		     st.st_mode & 07777);
	errno = error;
	err(EXIT_FAILURE, "%s: opening for %s", path, access_name(flags));
}

/*
 * A node may have been replaced by a FIFO, on which open() would block, or by another file since
 * the first check.
 */
int device_open(const char *path, int flags)
{
	struct stat st;
	int fd;

	device_check_node(path);
	fd = open(path, flags | O_CLOEXEC);
	if (fd < 0)
		device_refused(path, flags, errno);
	if (fstat(fd, &st))
		err(EXIT_FAILURE, "%s", path);
	if (S_ISREG(st.st_mode))
		errx(EXIT_FAILURE, "%s: is a regular file, not a device: something wrote to that "
		     "name while no module was loaded; remove it and load the module", path);
	if (!S_ISCHR(st.st_mode) && !S_ISFIFO(st.st_mode))
		errx(EXIT_FAILURE, "%s: is neither a queue nor a FIFO", path);
	device_check_node(path);
	return fd;
}

/* Capacity of the queue in bytes; 0 if it is unknown. */
uint64_t device_capacity(int fd)
{
	int pipe_size = fcntl(fd, F_GETPIPE_SZ);
	struct bbuf_info info;

	if (pipe_size > 0)
		return pipe_size;
	return ioctl(fd, BBUF_IOC_INFO, &info) ? 0 : info.capacity;
}

/* Number of bytes queued. FIONREAD on a queue requires a file that is open for reading. */
uint64_t device_fill(int fd, const char *path)
{
	struct bbuf_info info;
	int bytes;

	if (!ioctl(fd, BBUF_IOC_INFO, &info))
		return info.bytes;
	if (ioctl(fd, FIONREAD, &bytes))
		err(EXIT_FAILURE, "%s: cannot get the number of bytes queued: is it a bbuf "
		    "device?", path);
	return info.bytes;
}

/* For tools that must not share the queue. Returns its capacity. */
uint64_t device_require_empty(int fd, const char *path)
{
	uint64_t capacity = device_capacity(fd), fill = device_fill(fd, path);

	if (!capacity)
		errx(EXIT_FAILURE, "%s: cannot get its capacity: is it a bbuf device?", path);
	if (fill)
		errx(EXIT_FAILURE, "%s: the queue must be empty, but holds %llu bytes: empty it "
		     "with `consumer --device=%s --discard --idle=100ms`", path,
		     (unsigned long long)fill, path);
	return capacity;
}
