// SPDX-License-Identifier: GPL-2.0-only
/*
 * No lock is held for more than one batch, however long the operation: 64 KiB of copying, or 1024
 * records or list entries. The tracepoint bbuf_batch reports each batch. Between two batches,
 * non-blocking calls find the queue as consistent as after any call.
 */
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include "fixture.h"
#include "leased.h"

#define MOST_BYTES	65536
#define MOST_ENTRIES	1024
#define LARGE		(16 << 20)	/* the largest capacity */
#define LONG_COPY	(15 << 20)
#define MANY		100000		/* records */
#define LONG_RECORD	(1 << 20)
#define CROWD		1100		/* threads: more than MOST_ENTRIES */
#define SOON_MS		100
#define MARKS_MAX	1000		/* bytes that are written meanwhile */
#define TEST_SECONDS	240

/* The contents of the trace */

struct trace {
	char path[32];			/* of tracefs, mounted for the test; empty if there is none */
	bool events;			/* there are events of bbuf */
	bool batches;			/* among them bbuf_batch */
};

struct sum {
	unsigned long long events;
	unsigned long long bytes;
	unsigned long long entries;
	unsigned long long most_bytes;
	unsigned long long most_entries;
	bool complete;			/* no event was lost */
};

static int trace_put(const struct trace *trace, const char *file, const char *text)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", trace->path, file);
	return file_put(path, text);
}

static int trace_clear(const struct trace *trace)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/trace", trace->path);
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	return fd < 0 ? -errno : close(fd);
}

#define ENABLE		"events/bbuf/bbuf_batch/enable"

/*
 * The event is switched on once for all tests: each switch patches the kernel's code, which
 * emulated processors do not always survive.
 */
static bool trace_enable(const struct trace *trace)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/" ENABLE, trace->path);
	return file_number(path) == 1 || !trace_put(trace, ENABLE, "1");
}

static void trace_begin(struct trace *trace)
{
	char path[PATH_MAX];

	strcpy(trace->path, "/tmp/bbuf.XXXXXX");
	if (!mkdtemp(trace->path) || mount("none", trace->path, "tracefs", 0, NULL)) {
		rmdir(trace->path);
		trace->path[0] = '\0';
		return;
	}
	snprintf(path, sizeof(path), "%s/events/bbuf", trace->path);
	trace->events = !access(path, F_OK);
	trace->batches = !trace_put(trace, "buffer_size_kb", "4096") &&
			 !trace_put(trace, "events/bbuf/bbuf_batch/filter",
				    "queue == \"" QUEUE "\"") &&
			 trace_enable(trace) &&
			 !trace_clear(trace);
}

static void trace_end(struct trace *trace)
{
	if (!trace->path[0])
		return;
	trace_put(trace, "events/bbuf/bbuf_batch/filter", "0");
	umount(trace->path);
	rmdir(trace->path);
}

/* When all tests are over; those are processes of their own, which end without this. */
static void __attribute__((destructor)) trace_disable(void)
{
	struct trace trace;

	trace_begin(&trace);
	if (trace.path[0])
		trace_put(&trace, ENABLE, "0");
	trace_end(&trace);
}

/* The number that follows a word of a line. */
static unsigned long long number_after(const char *line, const char *word)
{
	const char *at = strstr(line, word);

	return at ? strtoull(at + strlen(word), NULL, 10) : 0;
}

static void sum_line(struct sum *sum, const char *line)
{
	unsigned long long bytes = number_after(line, " bytes=");
	unsigned long long entries = number_after(line, " entries=");

	sum->events++;
	sum->bytes += bytes;
	sum->entries += entries;
	sum->most_bytes = bytes > sum->most_bytes ? bytes : sum->most_bytes;
	sum->most_entries = entries > sum->most_entries ? entries : sum->most_entries;
}

/* All batches of that kind of work, or of all kinds. */
static struct sum trace_sum(const struct trace *trace, const char *work)
{
	char path[PATH_MAX], line[512], wanted[64];
	struct sum sum = { 0 };
	unsigned long kept, written;
	FILE *file;

	snprintf(path, sizeof(path), "%s/trace", trace->path);
	snprintf(wanted, sizeof(wanted), work ? " work=%s " : " work=", work);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "# entries-in-buffer/entries-written: %lu/%lu", &kept,
			   &written) == 2)
			sum.complete = kept == written;
		if (strstr(line, "bbuf_batch: ") && strstr(line, wanted))
			sum_line(&sum, line);
	}
	if (file)
		fclose(file);
	return sum;
}

/* The harness of older kernels runs a test although its setup has skipped. */
#define REQUIRE_TRACEFS()						\
do {									\
	if (!self->trace.events)					\
		SKIP(return, "no tracefs, or no events of bbuf in it");	\
	ASSERT_TRUE(self->trace.batches) {				\
		TH_LOG("there is no event bbuf_batch");			\
	}								\
} while (0)

#define ASSERT_BOUNDED()						\
({									\
	struct sum all = trace_sum(&self->trace, NULL);			\
									\
	ASSERT_TRUE(all.complete);					\
	ASSERT_GE(MOST_BYTES, all.most_bytes);				\
	ASSERT_GE(MOST_ENTRIES, all.most_entries);			\
})

/*
 * True if no batch was too large, and the batches of that kind of work have that number of entries.
 */
#define ASSERT_BATCHES(work, n)						\
do {									\
	ASSERT_BOUNDED();						\
	ASSERT_EQ(n, trace_sum(&self->trace, work).entries);		\
} while (0)

/* Other calls, which are made all the time, and do not wait */

struct prober {
	int nb;
	bool (*consistent)(const struct bbuf_info *info);
	bool marks;		/* it writes, too */
	pthread_t thread;
	bool stop;
	bool wrong;
	long probes;
	size_t marked;
};

static bool adds_up(const struct bbuf_info *info)
{
	unsigned long long dead, flushed;

	dead = info->in.bytes - info->out.bytes - info->bytes - info->leased_bytes -
	       info->dropped_bytes - info->flushed_bytes;
	flushed = info->in.records - info->out.records - info->records - info->leased_records -
		  info->dropped_records - info->dead_lettered;
	return info->bytes + info->leased_bytes <= info->capacity && dead <= info->in.bytes &&
	       flushed <= info->in.records && info->records <= info->bytes;
}

static bool probe_once(struct prober *p)
{
	struct bbuf_info info = queue_info(p->nb);
	int next = queued(p->nb);

	if (next < 0 || next > LARGE || !info.capacity || !adds_up(&info))
		return false;
	if (p->consistent && !p->consistent(&info))
		return false;
	if (queue_events(p->nb) & (POLLHUP | POLLNVAL))
		return false;
	if (!p->marks || p->marked == MARKS_MAX)
		return true;
	if (write(p->nb, "m", 1) == 1)
		p->marked++;
	else if (errno != EAGAIN)
		return false;
	return true;
}

static void *probe(void *argument)
{
	struct prober *p = argument;

	while (!load(p->stop) && !p->wrong) {
		p->wrong = !probe_once(p);
		__atomic_add_fetch(&p->probes, 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

/* Returns when it has begun to look. */
static bool prober_start(struct prober *p)
{
	return !pthread_create(&p->thread, NULL, probe, p) && eventually(load(p->probes) > 0);
}

/* True if it found nothing wrong. */
static bool prober_end(struct prober *p)
{
	store(p->stop, true);
	pthread_join(p->thread, NULL);
	return !p->wrong;
}

#define PROBED(p, what)							\
do {									\
	ASSERT_TRUE(prober_start(&(p)));				\
	what;								\
	ASSERT_TRUE(prober_end(&(p)));					\
} while (0)

/* Many leases */

/* Takes n, which are the numbers from 0 on. */
static bool take_numbers(int fd, size_t n)
{
	static struct framed frames[MOST_ENTRIES];
	size_t done = 0;
	ssize_t got, i;

	while (done < n) {
		got = read(fd, frames, sizeof(frames)) / (ssize_t)sizeof(*frames);
		if (got <= 0)
			return false;
		for (i = 0; i < got; i++)
			if (frames[i].number != done++)
				return false;
	}
	return true;
}

FIXTURE(leases) {
	struct trace trace;
	int fd;
	int other;
	struct prober prober;
};

static int open_framed(void)
{
	int fd = queue_open(QUEUE, O_RDWR | O_NONBLOCK);

	return fd >= 0 && queue_set_options(fd, .flags = BBUF_FRAMED) ? -1 : fd;
}

FIXTURE_SETUP(leases)
{
	trace_begin(&self->trace);
	ASSERT_EQ(0, lease_make(.type = BBUF_RECORD, .capacity = LARGE, .max_leases = 2 * MANY));
	self->fd = open_framed();
	self->other = open_framed();
	ASSERT_LE(0, self->fd);
	ASSERT_LE(0, self->other);
	self->prober.nb = self->other;
	ASSERT_TRUE(put_numbers(self->fd, 0, MANY));
	ASSERT_TRUE(take_numbers(self->fd, MANY));
	if (self->trace.batches) {
		ASSERT_EQ(0, trace_clear(&self->trace));
	}
}

FIXTURE_TEARDOWN(leases)
{
	close(self->fd);
	close(self->other);
	queue_destroy(QUEUE);
	trace_end(&self->trace);
}

static bool none_is_lost(const struct bbuf_info *info)
{
	return info->records + info->leased_records == MANY;
}

static bool all_are_counted(const struct bbuf_info *info)
{
	return info->out.records + info->leased_records + info->dead_lettered == MANY;
}

TEST_F_TIMEOUT(leases, return_in_batches_when_their_file_is_closed, TEST_SECONDS)
{
	REQUIRE_TRACEFS();
	self->prober.consistent = none_is_lost;
	PROBED(self->prober, close(self->fd));
	self->fd = open_framed();
	ASSERT_BATCHES("close", MANY);
	ASSERT_EQ(MANY, queue_info(self->other).returned);
	ASSERT_TRUE(take_numbers(self->other, MANY));
}

static long lease_all(struct task *t)
{
	int fd = open_framed();

	return take_numbers(fd, t->arg[0]) ? pause() : -1;
}

TEST_F_TIMEOUT(leases, return_in_batches_when_their_holder_is_killed, TEST_SECONDS)
{
	struct task holder = { .fn = lease_all, .nr = SYS_pause, .fd = -1, .arg = { MANY } };

	REQUIRE_TRACEFS();
	ASSERT_EQ(MANY, settle_all(self->fd, BBUF_RETURN));
	ASSERT_BLOCKS(holder);
	ASSERT_EQ(0, trace_clear(&self->trace));
	self->prober.consistent = none_is_lost;
	PROBED(self->prober, ({
		task_kill(&holder);
		eventually(queue_info(self->other).leased_records == 0);
	}));
	ASSERT_BATCHES("close", MANY);
	ASSERT_TRUE(take_numbers(self->other, MANY));
}

TEST_F_TIMEOUT(leases, expire_in_batches, TEST_SECONDS)
{
	REQUIRE_TRACEFS();
	ASSERT_EQ(0, queue_set_lease_timeout(self->fd, SOON_MS * NS_PER_MS));
	self->prober.consistent = none_is_lost;
	PROBED(self->prober, ({
		ASSERT_EQ(MANY, settle_all(self->fd, BBUF_RENEW));
		ASSERT_TRUE(eventually(queue_info(self->other).expired == MANY));
	}));
	ASSERT_BATCHES("expire", MANY);
	ASSERT_EQ(0, queue_set_lease_timeout(self->fd, 0));
	ASSERT_TRUE(take_numbers(self->other, MANY));
}

#define SETTLED_IN_BATCHES(how, invariant)				\
do {									\
	int n = 0;							\
									\
	REQUIRE_TRACEFS();						\
	self->prober.consistent = invariant;				\
	PROBED(self->prober, n = settle_all(self->fd, how));		\
	ASSERT_EQ(MANY, n);						\
	ASSERT_BATCHES("settle", MANY);					\
} while (0)

TEST_F_TIMEOUT(leases, are_acknowledged_in_batches, TEST_SECONDS)
{
	SETTLED_IN_BATCHES(BBUF_ACK, all_are_counted);
	ASSERT_EQ(MANY, queue_info(self->other).out.records);
	ASSERT_EQ(0, queue_info(self->other).bytes);
}

TEST_F_TIMEOUT(leases, are_rejected_in_batches, TEST_SECONDS)
{
	SETTLED_IN_BATCHES(BBUF_REJECT, all_are_counted);
	ASSERT_EQ(MANY, queue_info(self->other).dead_lettered);
}

TEST_F_TIMEOUT(leases, are_returned_in_batches, TEST_SECONDS)
{
	SETTLED_IN_BATCHES(BBUF_RETURN, none_is_lost);
	ASSERT_TRUE(take_numbers(self->other, MANY));
}

TEST_F_TIMEOUT(leases, are_returned_to_the_back_in_batches, TEST_SECONDS)
{
	SETTLED_IN_BATCHES(BBUF_RETURN_LAST, none_is_lost);
	ASSERT_TRUE(take_numbers(self->other, MANY));
}

TEST_F_TIMEOUT(leases, are_renewed_in_batches, TEST_SECONDS)
{
	SETTLED_IN_BATCHES(BBUF_RENEW, none_is_lost);
	ASSERT_EQ(MANY, settle_all(self->fd, BBUF_ACK));
}

TEST_F_TIMEOUT(leases, are_flushed_in_batches_after_a_return, TEST_SECONDS)
{
	int n = -1;

	REQUIRE_TRACEFS();
	ASSERT_EQ(MANY, settle_all(self->fd, BBUF_RETURN));
	ASSERT_EQ(0, trace_clear(&self->trace));
	PROBED(self->prober, n = queue_flush(self->fd));
	ASSERT_EQ(0, n);
	ASSERT_BOUNDED();
	ASSERT_LE(MANY, trace_sum(&self->trace, "flush").entries);
	ASSERT_EQ(MANY * sizeof(__u64), queue_info(self->other).flushed_bytes);
	ASSERT_EQ(0, queue_info(self->other).records);
	ASSERT_EQ(LARGE, queue_info(self->other).capacity);
}

TEST_F_TIMEOUT(leases, are_granted_and_written_in_batches, TEST_SECONDS)
{
	REQUIRE_TRACEFS();
	ASSERT_EQ(MANY, settle_all(self->fd, BBUF_ACK));
	ASSERT_EQ(0, trace_clear(&self->trace));
	PROBED(self->prober, ({
		ASSERT_TRUE(put_numbers(self->fd, 0, MANY));
		ASSERT_TRUE(take_numbers(self->fd, MANY));
	}));
	ASSERT_BOUNDED();
	ASSERT_EQ(2 * MANY, trace_sum(&self->trace, NULL).entries);
}

/* Tokens: what a process holds is that of all of its files, so it is another process. */

FIXTURE(pool) {
	struct trace trace;
	int nb;
	unsigned char *tokens;
	struct prober prober;
};

FIXTURE_SETUP(pool)
{
	trace_begin(&self->trace);
	ASSERT_EQ(0, lease_make(.type = BBUF_STREAM, .capacity = LARGE, .max_leases = 2 * MANY));
	ASSERT_OPENS(self->nb, O_RDWR | O_NONBLOCK);
	self->prober.nb = self->nb;
	self->tokens = malloc(MANY);
	ASSERT_NE(NULL, self->tokens);
	ASSERT_TRUE(fill(self->nb, MANY));
	if (self->trace.batches) {
		ASSERT_EQ(0, trace_clear(&self->trace));
	}
}

FIXTURE_TEARDOWN(pool)
{
	close(self->nb);
	queue_destroy(QUEUE);
	free(self->tokens);
	trace_end(&self->trace);
}

static long hold_all(struct task *t)
{
	return read_exactly(queue_open(QUEUE, O_RDONLY), t->result->data, t->len) ? pause() : -1;
}

static bool no_token_is_lost(const struct bbuf_info *info)
{
	return info->bytes + info->leased_bytes == MANY;
}

TEST_F_TIMEOUT(pool, is_leased_and_returned_in_batches, TEST_SECONDS)
{
	struct task holder = { .fn = hold_all, .nr = SYS_pause, .fd = -1, .len = MANY };

	REQUIRE_TRACEFS();
	self->prober.consistent = no_token_is_lost;
	PROBED(self->prober, ({
		ASSERT_BLOCKS(holder);
		ASSERT_EQ(MANY, queue_info(self->nb).leased_bytes);
	}));
	ASSERT_BOUNDED();
	ASSERT_EQ(0, trace_clear(&self->trace));
	self->prober = (struct prober){ .nb = self->nb, .consistent = no_token_is_lost };
	PROBED(self->prober, ({
		task_kill(&holder);
		ASSERT_TRUE(eventually(queue_info(self->nb).leased_bytes == 0));
	}));
	ASSERT_BATCHES("close", MANY);
	ASSERT_EQ(MANY, queued(self->nb));
	ASSERT_LT(0, queue_peek(self->nb, self->tokens, MANY));
	ASSERT_BOUNDED();
}

TEST_F_TIMEOUT(pool, is_written_back_and_flushed_in_batches, TEST_SECONDS)
{
	int n = -1;

	REQUIRE_TRACEFS();
	ASSERT_TRUE(read_exactly(self->nb, self->tokens, MANY));
	self->prober.consistent = no_token_is_lost;
	PROBED(self->prober, n = write(self->nb, self->tokens, MANY));
	ASSERT_EQ(MANY, n);
	ASSERT_EQ(0, queue_info(self->nb).leased_bytes);
	self->prober = (struct prober){ .nb = self->nb };
	PROBED(self->prober, n = queue_flush(self->nb));
	ASSERT_EQ(0, n);
	ASSERT_BOUNDED();
	ASSERT_EQ(MANY, queue_info(self->nb).flushed_bytes);
	ASSERT_EQ(0, queued(self->nb));
}

/* Records and bytes without leases */

FIXTURE(batch) {
	struct trace trace;
	int fd;		/* blocking */
	int nb;		/* O_NONBLOCK, of the prober, and to look what is there */
	unsigned char *buf;	/* the pattern, LARGE bytes */
	unsigned char *copy;	/* the same size */
	struct prober prober;
};

FIXTURE_VARIANT(batch) {
	enum bbuf_type type;
	unsigned int policy;
	bool nowait;		/* the calls that copy are those of a file with O_NONBLOCK */
};

FIXTURE_VARIANT_ADD(batch, stream) {
	.type = BBUF_STREAM,
};

FIXTURE_VARIANT_ADD(batch, stream_nonblocking) {
	.type = BBUF_STREAM, .nowait = true,
};

FIXTURE_VARIANT_ADD(batch, record) {
	.type = BBUF_RECORD,
};

FIXTURE_VARIANT_ADD(batch, record_nonblocking) {
	.type = BBUF_RECORD, .nowait = true,
};

FIXTURE_VARIANT_ADD(batch, leased_record) {
	.type = BBUF_RECORD, .policy = BBUF_LEASE,
};

FIXTURE_SETUP(batch)
{
	trace_begin(&self->trace);
	QUEUE_BEGIN(variant->type, LARGE, variant->policy);
	if (variant->nowait) {
		ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_NONBLOCK));
	}
	self->prober.nb = self->nb;
	self->buf = malloc(LARGE);
	self->copy = malloc(LARGE);
	ASSERT_NE(NULL, self->buf);
	ASSERT_NE(NULL, self->copy);
	pattern_fill(self->buf, 0, LARGE);
	memset(self->copy, 0, LARGE);
	if (self->trace.batches) {
		ASSERT_EQ(0, trace_clear(&self->trace));
	}
}

FIXTURE_TEARDOWN(batch)
{
	close(self->fd);
	close(self->nb);
	queue_destroy(QUEUE);
	free(self->buf);
	free(self->copy);
	trace_end(&self->trace);
}

/* All of it in batches under the lock, or without one. */
#define ASSERT_COPIED(n)						\
do {									\
	struct sum all = trace_sum(&self->trace, NULL);			\
									\
	ASSERT_BOUNDED();						\
	ASSERT_TRUE(all.bytes == (n) || all.bytes == 0) {		\
		TH_LOG("%llu bytes were copied in batches", all.bytes);	\
	}								\
	ASSERT_EQ(0, trace_clear(&self->trace));			\
} while (0)

TEST_F_TIMEOUT(batch, limits_bytes_copied_at_once, TEST_SECONDS)
{
	ssize_t n = 0;

	REQUIRE_TRACEFS();
	PROBED(self->prober, n = write(self->fd, self->buf, LONG_COPY));
	ASSERT_EQ(LONG_COPY, n);
	ASSERT_COPIED(LONG_COPY);

	PROBED(self->prober, n = queue_peek(self->fd, self->copy, LARGE));
	ASSERT_EQ(LONG_COPY, n);
	ASSERT_EQ(0, memcmp(self->buf, self->copy, n));
	ASSERT_COPIED(LONG_COPY);

	PROBED(self->prober, n = queue_resize(self->fd, LONG_COPY + MARKS_MAX));
	ASSERT_EQ(0, n);
	ASSERT_BOUNDED();
	ASSERT_EQ(0, trace_clear(&self->trace));

	memset(self->copy, 0, LARGE);
	PROBED(self->prober, n = read(self->fd, self->copy, LARGE));
	ASSERT_EQ(LONG_COPY, n);
	ASSERT_EQ(0, memcmp(self->buf, self->copy, n));
	ASSERT_COPIED(LONG_COPY);
	ASSERT_EQ(0, queued(self->nb));
}

/*
 * A short copy between two long copies that are made in batches must not be interleaved with
 * either.
 */
TEST_F_TIMEOUT(batch, is_not_interleaved_with_another_call, TEST_SECONDS)
{
	size_t total = 0, before = 0, i;
	ssize_t n = 0;

	REQUIRE_TRACEFS();
	if (variant->type == BBUF_RECORD)
		return;
	self->prober.marks = true;
	PROBED(self->prober, n = write(self->fd, self->buf, LONG_COPY));
	ASSERT_EQ(LONG_COPY, n);
	ASSERT_EQ(LONG_COPY + self->prober.marked, queued(self->nb));
	while ((n = read(self->nb, self->copy + total, LARGE - total)) > 0)
		total += n;
	ASSERT_EQ(LONG_COPY + self->prober.marked, total);
	while (before < self->prober.marked && self->copy[before] == 'm')
		before++;
	while (before && memcmp(self->copy + before, self->buf, 100))
		before--;	/* the pattern may begin with such a byte, too */
	ASSERT_EQ(0, memcmp(self->copy + before, self->buf, LONG_COPY));
	for (i = before + LONG_COPY; i < total; i++)
		ASSERT_EQ('m', self->copy[i]);
}

TEST_F_TIMEOUT(batch, limits_bytes_flushed_at_once, TEST_SECONDS)
{
	int n = -1;

	REQUIRE_TRACEFS();
	ASSERT_EQ(LONG_COPY, write(self->fd, self->buf, LONG_COPY));
	ASSERT_EQ(0, trace_clear(&self->trace));
	PROBED(self->prober, n = queue_flush(self->fd));
	ASSERT_EQ(0, n);
	ASSERT_BOUNDED();
	ASSERT_EQ(LONG_COPY, queue_info(self->nb).flushed_bytes);
	ASSERT_EQ(0, queued(self->nb));
}

/* Short records */

struct tiny {
	struct bbuf_frame head;
	__u64 byte;
};

/* Records of a byte, until the queue is full. */
static bool fill_with_bytes(int nb)
{
	static struct tiny frames[MOST_ENTRIES];
	bool full;
	size_t i;

	for (i = 0; i < MOST_ENTRIES; i++)
		frames[i].head.len = 1;
	if (queue_set_options(nb, .flags = BBUF_FRAMED))
		return false;
	while (write(nb, frames, sizeof(frames)) > 0)
		continue;
	full = errno == EAGAIN;
	return !queue_set_options(nb, .flags = 0) && full;
}

TEST_F_TIMEOUT(batch, limits_bytes_dropped_at_once, TEST_SECONDS)
{
	const size_t capacity = 2 * LONG_RECORD;
	struct bbuf_info info;
	ssize_t n = 0;

	REQUIRE_TRACEFS();
	if (variant->type == BBUF_STREAM || variant->policy & BBUF_LEASE)
		return;
	ASSERT_EQ(0, queue_resize(self->nb, capacity));
	ASSERT_TRUE(fill_with_bytes(self->nb));
	ASSERT_EQ(capacity, queue_info(self->nb).records);
	ASSERT_EQ(0, queue_set_policy(self->nb, BBUF_DROP_OLDEST));
	ASSERT_EQ(0, trace_clear(&self->trace));
	PROBED(self->prober, n = write(self->fd, self->buf, LONG_RECORD));
	ASSERT_EQ(LONG_RECORD, n);
	ASSERT_BATCHES("drop", LONG_RECORD);
	info = queue_info(self->nb);
	ASSERT_EQ(LONG_RECORD, info.dropped_records);
	ASSERT_EQ(LONG_RECORD, info.dropped_bytes);
	ASSERT_EQ(capacity - LONG_RECORD + 1, info.records);
	ASSERT_EQ(capacity, info.bytes);
}

static ssize_t read_whole(int fd, void *buf, size_t size)
{
	size_t done = 0;
	ssize_t n;

	do {
		n = read(fd, (char *)buf + done, size - done);
		done += n > 0 ? n : 0;
	} while (n > 0 && done < size);
	return done;
}

TEST_F_TIMEOUT(batch, limits_framed_records_moved_at_once, TEST_SECONDS)
{
	const size_t size = MANY * sizeof(struct tiny);
	struct tiny *frames = calloc(MANY, sizeof(*frames));
	ssize_t n = 0;
	size_t i;

	REQUIRE_TRACEFS();
	if (variant->type == BBUF_STREAM || variant->policy & BBUF_LEASE)
		return;
	ASSERT_NE(NULL, frames);
	for (i = 0; i < MANY; i++)
		frames[i] = (struct tiny){ .head.len = 1, .byte = i & 0xff };
	ASSERT_EQ(0, queue_set_options(self->fd, .flags = BBUF_FRAMED));
	PROBED(self->prober, n = write(self->fd, frames, size));
	ASSERT_EQ(size, n);
	ASSERT_BOUNDED();
	ASSERT_EQ(MANY, trace_sum(&self->trace, NULL).entries);
	ASSERT_EQ(0, trace_clear(&self->trace));
	memset(frames, 0, size);
	PROBED(self->prober, n = read_whole(self->fd, frames, size));
	ASSERT_EQ(size, n);
	ASSERT_BOUNDED();
	ASSERT_EQ(MANY, trace_sum(&self->trace, NULL).entries);
	for (i = 0; i < MANY; i++)
		ASSERT_EQ(i & 0xff, frames[i].byte);
	free(frames);
}

/* Many threads that wait */

struct crowd {
	int fd;
	long (*wait)(int fd);
	pthread_t thread[CROWD];
	int started;
};

static long wait_in_read(int fd)
{
	static char byte;

	return read(fd, &byte, 1);
}

static long wait_in_write(int fd)
{
	return write(fd, "x", 1);
}

static long wait_in_fsync(int fd)
{
	return fsync(fd);
}

static void *crowd_member(void *argument)
{
	struct crowd *crowd = argument;
	long value;

	__atomic_add_fetch(&crowd->started, 1, __ATOMIC_RELEASE);
	value = crowd->wait(crowd->fd);
	return (void *)(value < 0 ? -errno : value);
}

static bool crowd_start(struct crowd *crowd, int fd, long (*wait)(int fd))
{
	pthread_attr_t attr;
	int i;

	crowd->fd = fd;
	crowd->wait = wait;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, PTHREAD_STACK_MIN);
	for (i = 0; i < CROWD; i++)
		if (pthread_create(&crowd->thread[i], &attr, crowd_member, crowd))
			return false;
	return eventually(load(crowd->started) == CROWD);
}

/* How many returned that. */
static int crowd_count(struct crowd *crowd, long value)
{
	int i, count = 0;
	void *returned;

	for (i = 0; i < CROWD; i++) {
		pthread_join(crowd->thread[i], &returned);
		count += (long)returned == value;
	}
	return count;
}

static struct crowd crowd;

#define CROWD_WAITS(side, call)						\
do {									\
	ASSERT_TRUE(crowd_start(&crowd, self->fd, call));		\
	ASSERT_TRUE(eventually(queue_info(self->nb).side.waiters == CROWD));\
	ASSERT_EQ(0, trace_clear(&self->trace));			\
} while (0)

#define REQUIRE_CROWD()							\
do {									\
	REQUIRE_TRACEFS();						\
	if (variant->nowait)						\
		return;							\
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, 0));			\
} while (0)

TEST_F_TIMEOUT(batch, limits_readers_woken_at_once_on_EOF, TEST_SECONDS)
{
	REQUIRE_CROWD();
	CROWD_WAITS(out, wait_in_read);
	ASSERT_EQ(0, queue_shutdown(self->nb));
	ASSERT_EQ(CROWD, crowd_count(&crowd, 0));
	ASSERT_BATCHES("end", CROWD);
	ASSERT_EQ(0, queue_info(self->nb).out.waiters);
}

TEST_F_TIMEOUT(batch, limits_writers_woken_at_once_on_shutdown, TEST_SECONDS)
{
	REQUIRE_CROWD();
	ASSERT_EQ(0, queue_resize(self->nb, 100));
	ASSERT_EQ(100, put(self->nb, 0, 100));
	CROWD_WAITS(in, wait_in_write);
	ASSERT_EQ(0, queue_shutdown(self->nb));
	ASSERT_EQ(CROWD, crowd_count(&crowd, -EPIPE));
	ASSERT_BATCHES("end", CROWD);
	ASSERT_EQ(100, queue_info(self->nb).bytes);
}

TEST_F_TIMEOUT(batch, limits_waiters_woken_at_once_on_destroy, TEST_SECONDS)
{
	REQUIRE_CROWD();
	CROWD_WAITS(out, wait_in_read);
	ASSERT_EQ(0, queue_destroy(QUEUE));
	ASSERT_EQ(CROWD, crowd_count(&crowd, -ENODEV));
	ASSERT_BATCHES("end", CROWD);
}

TEST_F_TIMEOUT(batch, limits_fsync_callers_woken_at_once, TEST_SECONDS)
{
	REQUIRE_CROWD();
	ASSERT_EQ(100, put(self->nb, 0, 100));
	ASSERT_TRUE(crowd_start(&crowd, self->fd, wait_in_fsync));
	pause_ms(SOON_MS);
	ASSERT_EQ(0, trace_clear(&self->trace));
	ASSERT_EQ(100, read(self->nb, self->copy, 100));
	if (variant->policy & BBUF_LEASE) {
		ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	}
	ASSERT_EQ(CROWD, crowd_count(&crowd, 0));
	ASSERT_BOUNDED();
}

BBUF_HARNESS_MAIN
