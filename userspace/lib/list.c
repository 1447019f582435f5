// SPDX-License-Identifier: GPL-2.0-only
/*
 * Properties and statistics of queues, from sysfs.
 *
 * Reading sysfs has no side effects: opening a queue for BBUF_IOC_INFO requires permission and
 * would count as one more reader or writer. The properties of a queue are readable by all users
 * there, its statistics only by users who may read its node.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

#define NODES		"/dev"
#define NODE_PREFIX	"bbuf-"
#define VALUE_SIZE	(BBUF_NAME_SIZE + 1)	/* longest value: name, newline, NUL */

/* Sysfs file with a number, and the member of struct bbuf_info that it fills in. */
struct number {
	const char *file;
	size_t offset;
	size_t size;
};

#define NUMBER(file, field) \
	{ file, offsetof(struct bbuf_info, field), sizeof(((struct bbuf_info *)NULL)->field) }

static const struct number numbers[] = {
	NUMBER("capacity", capacity),
	NUMBER("read_mark", read_mark),
	NUMBER("write_mark", write_mark),
	NUMBER("bytes", bytes),
	NUMBER("records", records),
	NUMBER("peak", peak),
	NUMBER("dropped_bytes", dropped_bytes),
	NUMBER("dropped_records", dropped_records),
	NUMBER("flushed_bytes", flushed_bytes),
	NUMBER("bytes_in", in.bytes),
	NUMBER("records_in", in.records),
	NUMBER("writers", in.files),
	NUMBER("waiting_writers", in.waiters),
	NUMBER("blocked_full", in.blocked),
	NUMBER("blocked_full_ns", in.blocked_ns),
	NUMBER("wakeups_writers", in.wakeups),
	NUMBER("bytes_out", out.bytes),
	NUMBER("records_out", out.records),
	NUMBER("readers", out.files),
	NUMBER("waiting_readers", out.waiters),
	NUMBER("blocked_empty", out.blocked),
	NUMBER("blocked_empty_ns", out.blocked_ns),
	NUMBER("wakeups_readers", out.wakeups),
};

/* Numbers that are 0 without BBUF_LEASE. */
static const struct number lease_numbers[] = {
	NUMBER("leased_bytes", leased_bytes),
	NUMBER("leased_records", leased_records),
	NUMBER("leasing_files", leasing_files),
	NUMBER("returned", returned),
	NUMBER("expired", expired),
	NUMBER("dead_lettered", dead_lettered),
	NUMBER("lease_timeout_ns", lease_timeout),
	NUMBER("max_leases", max_leases),
	NUMBER("max_deliveries", max_deliveries),
};

/* Sysfs file, and the bit to set if it contains @word. */
static const struct word {
	const char *file;
	const char *word;
	size_t offset;
	__u32 bit;
} words[] = {
	{ "type", "record", offsetof(struct bbuf_info, type), BBUF_RECORD },
	{ "state", "shut", offsetof(struct bbuf_info, state), BBUF_SHUT },
	{ "state", "left", offsetof(struct bbuf_info, state), BBUF_LEFT },
	{ "eof_on_close", "1", offsetof(struct bbuf_info, policy), BBUF_EOF_ON_CLOSE },
	{ "drop_oldest", "1", offsetof(struct bbuf_info, policy), BBUF_DROP_OLDEST },
	{ "lease", "1", offsetof(struct bbuf_info, policy), BBUF_LEASE },
};

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

/* Read a file, without the trailing newline. */
static int read_value(int dir, const char *file, char value[VALUE_SIZE])
{
	int fd = openat(dir, file, O_RDONLY | O_CLOEXEC);
	ssize_t n;
	int error;

	if (fd < 0)
		return -1;
	n = read(fd, value, VALUE_SIZE - 1);
	error = errno;
	close(fd);
	errno = error;
	if (n < 0)
		return -1;
	value[n] = '\0';
	value[strcspn(value, "\n")] = '\0';
	return 0;
}

static int read_number(int dir, const struct number *number, struct bbuf_info *info)
{
	char *field = (char *)info + number->offset;
	char value[VALUE_SIZE];
	__u64 wide;
	__u32 narrow;

	if (read_value(dir, number->file, value)) {
		if (errno != EACCES)
			return -1;
		memset(field, 0xff, number->size);	/* BBUF_UNKNOWN */
		return 0;
	}
	wide = strtoull(value, NULL, 10);
	narrow = (__u32)wide;
	memcpy(field, number->size == sizeof(wide) ? (void *)&wide : &narrow, number->size);
	return 0;
}

/*
 * An older module has no file for a newer policy: the bit stays clear. A queue that was
 * destroyed has no files, either; reading the numbers then fails.
 */
static int read_word(int dir, const struct word *word, struct bbuf_info *info)
{
	__u32 *field = (__u32 *)((char *)info + word->offset);
	char value[VALUE_SIZE];

	if (read_value(dir, word->file, value))
		return errno == ENOENT ? 0 : -1;
	if (!strcmp(value, word->word))
		*field |= word->bit;
	return 0;
}

static int read_numbers(int dir, const struct number *from, size_t count,
			struct bbuf_info *info)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (read_number(dir, &from[i], info))
			return -1;
	return 0;
}

static int read_leases(int dir, struct bbuf_info *info)
{
	char value[VALUE_SIZE];

	if (read_value(dir, "dead_letters", value))
		return -1;
	strcpy(info->dead_letters, value);
	return read_numbers(dir, lease_numbers, ARRAY_SIZE(lease_numbers), info);
}

static int read_info(int dir, struct bbuf_info *info)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(words); i++)
		if (read_word(dir, &words[i], info))
			return -1;
	if (read_numbers(dir, numbers, ARRAY_SIZE(numbers), info))
		return -1;
	return info->policy & BBUF_LEASE ? read_leases(dir, info) : 0;
}

BBUF_API int bbuf_lookup(const char *name, struct bbuf_info *info)
{
	char path[sizeof(BBUF_CLASS "/") + BBUF_NAME_SIZE] = BBUF_CLASS "/";
	int dir, ret, error;

	if (!bbuf_name_fits(name))
		return -1;
	dir = open(strcat(path, name), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -1;
	memset(info, 0, sizeof(*info));
	strcpy(info->name, name);
	ret = read_info(dir, info);
	error = errno == ENODEV ? ENOENT : errno;	/* destroyed while a file was open */
	close(dir);
	errno = error;
	return ret;
}

/* Array that grows. */
struct list {
	struct bbuf_info *infos;
	size_t count;
	size_t space;
};

static int list_append(struct list *list, const char *name)
{
	if (list->count == list->space) {
		size_t space = list->space ? 2 * list->space : 16;
		void *infos = reallocarray(list->infos, space, sizeof(*list->infos));

		if (!infos)
			return -1;
		list->infos = infos;
		list->space = space;
	}
	strcpy(list->infos[list->count++].name, name);
	return 0;
}

static int list_append_entries(struct list *list, DIR *dir, const char *prefix)
{
	const struct dirent *entry;
	const char *name;

	for (;;) {
		errno = 0;
		entry = readdir(dir);
		if (!entry)
			return errno ? -1 : 0;
		if (strncmp(entry->d_name, prefix, strlen(prefix)))
			continue;
		name = entry->d_name + strlen(prefix);
		if (bbuf_name_fits(name) && list_append(list, name))
			return -1;
	}
}

/* Append the names of the entries of a directory that begin with @prefix, without the prefix. */
static int list_append_folder(struct list *list, const char *path, const char *prefix)
{
	DIR *dir = opendir(path);
	int ret, error;

	if (!dir)
		return -1;
	ret = list_append_entries(list, dir, prefix);
	error = errno;
	closedir(dir);
	errno = error;
	return ret;
}

/*
 * If a queue is destroyed while its directory in sysfs is being read, readdir() may skip the
 * entry of another queue. The directory of the nodes does not have this problem, but it may not
 * contain all nodes, for example in a container. Hence both are read.
 */
static int list_append_all(struct list *list)
{
	if (list_append_folder(list, BBUF_CLASS, "") ||
	    list_append_folder(list, NODES, NODE_PREFIX))
		return -1;
	return list_append(list, BBUF_QUEUE_DEFAULT);
}

static int compare_names(const void *a, const void *b)
{
	const struct bbuf_info *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* Remove duplicate names, and fill in the entries of the queues that still exist. */
static int list_look_up(struct list *list)
{
	char name[BBUF_NAME_SIZE] = "";
	size_t i, kept = 0;

	for (i = 0; i < list->count; i++) {
		if (!strcmp(list->infos[i].name, name))
			continue;
		strcpy(name, list->infos[i].name);
		if (!bbuf_lookup(name, &list->infos[kept]))
			kept++;
		else if (errno != ENOENT)
			return -1;
	}
	list->count = kept;
	return 0;
}

BBUF_API int bbuf_list(struct bbuf_info **list, size_t *count)
{
	struct list found = { };
	int ret, error;

	ret = list_append_all(&found);
	if (!ret) {
		qsort(found.infos, found.count, sizeof(*found.infos), compare_names);
		ret = list_look_up(&found);
	}
	if (ret) {
		error = errno;
		free(found.infos);
		errno = error;
		return -1;
	}
	*list = found.infos;
	*count = found.count;
	return 0;
}

BBUF_API void bbuf_list_free(struct bbuf_info *list)
{
	free(list);
}
