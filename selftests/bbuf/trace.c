// SPDX-License-Identifier: GPL-2.0-only
/* The tracepoints, as tracefs shows them: each fires, and names the queue. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <string.h>
#include <sys/utsname.h>

#include "fixture.h"
#include "leased.h"

#define CAPACITY	1000

FIXTURE(trace) {
	char tracefs[32];	/* mounted for the test; empty if there is none */
	int fd;
	int nb;
};

static int trace_put(const char *tracefs, const char *file, const char *text)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", tracefs, file);
	return file_put(path, text);
}

static int trace_clear(const char *tracefs)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/trace", tracefs);
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	return fd < 0 ? -errno : close(fd);
}

FIXTURE_SETUP(trace)
{
	strcpy(self->tracefs, "/tmp/bbuf.XXXXXX");
	ASSERT_NE(NULL, mkdtemp(self->tracefs));
	QUEUE_BEGIN(BBUF_STREAM, CAPACITY, 0);
	if (mount("none", self->tracefs, "tracefs", 0, NULL) ||
	    trace_put(self->tracefs, "events/bbuf/enable", "1")) {
		umount(self->tracefs);
		rmdir(self->tracefs);
		self->tracefs[0] = '\0';
		return;
	}
	ASSERT_EQ(0, trace_clear(self->tracefs));
}

FIXTURE_TEARDOWN(trace)
{
	close(self->fd);
	close(self->nb);
	queue_destroy(QUEUE);
	if (!self->tracefs[0])
		return;
	trace_put(self->tracefs, "events/bbuf/enable", "0");
	umount(self->tracefs);
	rmdir(self->tracefs);
}

/* The harness of older kernels runs a test although its setup has skipped. */
#define REQUIRE_TRACEFS()						\
do {									\
	if (!self->tracefs[0])						\
		SKIP(return, "no tracefs, or no events of bbuf in it");	\
} while (0)

/* Lines of the trace that contain the text. */
static int traced(const char *tracefs, const char *text)
{
	char path[PATH_MAX], line[512];
	FILE *trace;
	int n = 0;

	snprintf(path, sizeof(path), "%s/trace", tracefs);
	trace = fopen(path, "re");
	while (trace && fgets(line, sizeof(line), trace))
		n += !!strstr(line, text);
	if (trace)
		fclose(trace);
	return n;
}

TEST_F(trace, shows_the_queue_and_bytes_of_writes_and_reads)
{
	REQUIRE_TRACEFS();
	ASSERT_EQ(300, put(self->fd, 0, 300));
	ASSERT_TRUE(take(self->fd, 0, 100));
	ASSERT_EQ(1, traced(self->tracefs,
			    "bbuf_write: queue=" QUEUE " bytes=300 records=0 queued=300"));
	ASSERT_EQ(1, traced(self->tracefs,
			    "bbuf_read: queue=" QUEUE " bytes=100 records=0 queued=200"));
	ASSERT_EQ(0, traced(self->tracefs, "queue=default"));
}

TEST_F(trace, counts_records)
{
	REQUIRE_TRACEFS();
	RECREATE(BBUF_RECORD, CAPACITY, 0);
	ASSERT_EQ(30, put(self->fd, 0, 30));
	ASSERT_TRUE(take_record(self->fd, 0, 30));
	ASSERT_EQ(1, traced(self->tracefs, "bbuf_write: queue=" QUEUE " bytes=30 records=1"));
	ASSERT_EQ(1, traced(self->tracefs, "bbuf_read: queue=" QUEUE " bytes=30 records=1"));
}

TEST_F(trace, shows_how_leases_end)
{
	REQUIRE_TRACEFS();
	RECREATE(BBUF_RECORD, CAPACITY, BBUF_LEASE);
	ASSERT_EQ(30, put(self->fd, 0, 30));
	ASSERT_EQ(20, put(self->fd, 0, 20));
	ASSERT_TRUE(take_record(self->fd, 0, 30));
	ASSERT_EQ(1, traced(self->tracefs,
			    "bbuf_read: queue=" QUEUE " bytes=30 records=1 queued=20"));
	ASSERT_EQ(0, traced(self->tracefs, "bbuf_settle:"));
	ASSERT_EQ(1, settle(self->fd, 0, BBUF_RETURN));
	ASSERT_EQ(1, traced(self->tracefs,
			    "bbuf_return: queue=" QUEUE " bytes=30 records=1 queued=50"));
	ASSERT_TRUE(take_record(self->fd, 0, 30));
	ASSERT_EQ(1, settle(self->fd, 0, BBUF_ACK));
	ASSERT_EQ(1, traced(self->tracefs, "bbuf_settle: queue=" QUEUE " bytes=30 records=1"));
	ASSERT_EQ(1, traced(self->tracefs, "bbuf_return:"));
}

TEST_F(trace, shows_no_event_for_failed_calls)
{
	char byte;

	REQUIRE_TRACEFS();
	ASSERT_FAILS(EAGAIN, read(self->nb, &byte, 1));
	ASSERT_FAILS(EFAULT, write(self->nb, cliff(0, 0), 1));
	ASSERT_EQ(0, traced(self->tracefs, "bbuf_"));
}

TEST_F(trace, shows_waiters_and_wakeups_of_an_empty_queue)
{
	struct task reader = task_reader(self->fd, 1);

	REQUIRE_TRACEFS();
	ASSERT_BLOCKS(reader);
	ASSERT_EQ(1, traced(self->tracefs, "bbuf_empty: queue=" QUEUE " need=1"));
	ASSERT_EQ(0, traced(self->tracefs, "bbuf_wake:"));
	ASSERT_EQ(1, put(self->nb, 0, 1));
	ASSERT_RETURNS(1, reader);
	ASSERT_EQ(1, traced(self->tracefs, "bbuf_wake: queue=" QUEUE " side=consumer"));
}

TEST_F(trace, shows_waiters_and_wakeups_of_a_full_queue)
{
	struct task writer = task_writer(self->fd, 0, 7);

	REQUIRE_TRACEFS();
	ASSERT_TRUE(fill(self->nb, CAPACITY));
	ASSERT_BLOCKS(writer);
	ASSERT_EQ(1, traced(self->tracefs, "bbuf_full: queue=" QUEUE " need=7"));
	ASSERT_TRUE(discard(self->nb, 7));
	ASSERT_RETURNS(7, writer);
	ASSERT_EQ(1, traced(self->tracefs, "bbuf_wake: queue=" QUEUE " side=producer"));
}

TEST_F(trace, shows_creation_and_destruction_of_each_queue)
{
	struct bbuf_create create = { .name = QUEUE "-b", .capacity = 1 };

	REQUIRE_TRACEFS();
	ASSERT_EQ(0, queue_create(&create));
	ASSERT_EQ(1, traced(self->tracefs, "bbuf_create: queue=" QUEUE "-b\n"));
	ASSERT_EQ(0, queue_shutdown(self->fd));
	ASSERT_EQ(1, traced(self->tracefs, "bbuf_shutdown: queue=" QUEUE "\n"));
	ASSERT_EQ(0, queue_destroy(QUEUE));
	ASSERT_EQ(1, traced(self->tracefs, "bbuf_destroy: queue=" QUEUE "\n"));
	ASSERT_EQ(0, queue_destroy(create.name));
	ASSERT_EQ(1, traced(self->tracefs, "bbuf_destroy: queue=" QUEUE "-b\n"));
}

TEST_F(trace, can_be_filtered_by_queue)
{
	int device = open(BBUF_DEVICE, O_RDWR | O_NONBLOCK);

	REQUIRE_TRACEFS();
	ASSERT_EQ(0, trace_put(self->tracefs, "events/bbuf/filter", "queue == \"" QUEUE "\""));
	ASSERT_EQ(1, put(device, 0, 1));
	ASSERT_TRUE(take(device, 0, 1));
	ASSERT_EQ(1, put(self->fd, 0, 1));
	ASSERT_EQ(0, trace_put(self->tracefs, "events/bbuf/filter", "0"));
	ASSERT_EQ(1, traced(self->tracefs, "bbuf_write:"));
	ASSERT_EQ(0, traced(self->tracefs, "bbuf_read:"));
	close(device);
}

/* A user who may not open a queue may still query its type, and that must not delay its users. */

#define CONTENTION	"events/lock/contention_begin/"
#define MUTEXES		"flags & 32"
#define LOOKS		1000

/* A process that uses the queue all the time. */
static long use(struct task *t)
{
	static char buf[CAPACITY];

	while (write(t->fd, buf, CAPACITY) > 0 && read(t->fd, buf, CAPACITY) > 0 &&
	       settle_all(t->fd, BBUF_ACK) > 0)
		continue;
	return -1;
}

static long look(struct task *t)
{
	static const char * const names[] = {
		"type", "state", "capacity", "read_mark", "write_mark", "eof_on_close",
		"drop_oldest", "lease", "lease_timeout_ns", "max_leases", "max_deliveries",
		"dead_letters",
	};
	char pid[16], value[BBUF_NAME_SIZE], path[64];
	long round;
	size_t i;

	snprintf(pid, sizeof(pid), "%d", getpid());
	if (trace_put((const char *)t->arg[0], "set_event_pid", pid))
		return -1;
	for (round = 0; round < LOOKS; round++)
		for (i = 0; i < ARRAY_SIZE(names); i++) {
			snprintf(path, sizeof(path), QUEUE_SYSFS "%s", names[i]);
			if (!proc_field(path, "", value, sizeof(value)))
				return i;
		}
	return round;
}

TEST_F(trace, shows_that_queries_do_not_contend_for_the_lock)
{
	struct utsname name;
	struct task user, looker = { .fn = look, .arg = { (long)self->tracefs } };
	char path[64];

	REQUIRE_TRACEFS();
	if (!access("/proc/lockdep", F_OK))
		SKIP(return, "with lockdep, each mutex that is taken counts as contention");
	/* There all locks sleep, and patching that much is what emulated processors may not survive. */
	if (!uname(&name) && strstr(name.version, "PREEMPT_RT"))
		SKIP(return, "with PREEMPT_RT any lock counts as contention");
	if (!strcmp(name.machine, "i686"))
		SKIP(return, "other mutexes of the 32-bit kernel count as well");
	if (trace_put(self->tracefs, CONTENTION "filter", MUTEXES))
		SKIP(return, "no events of locks (Linux 5.19)");
	RECREATE(BBUF_RECORD, CAPACITY, BBUF_LEASE);
	snprintf(path, sizeof(path), "%s/set_event_pid", self->tracefs);
	trace_put(self->tracefs, "events/bbuf/enable", "0");
	ASSERT_EQ(0, trace_put(self->tracefs, CONTENTION "enable", "1"));
	user = (struct task){ .fn = use, .fd = self->fd };
	ASSERT_STARTS(user);
	ASSERT_STARTS(looker);
	EXPECT_EQ(LOOKS, task_wait(&looker));
	task_kill(&user);
	trace_put(self->tracefs, CONTENTION "enable", "0");
	trace_put(self->tracefs, CONTENTION "filter", "0");
	close(open(path, O_WRONLY | O_TRUNC));		/* of all processes again */
	ASSERT_EQ(0, traced(self->tracefs, "contention_begin"));
}

BBUF_HARNESS_MAIN
