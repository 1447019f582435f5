// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whatever is done to a queue, and in whatever order: each call returns what the queue's twin says,
 * and afterwards all that can be asked of the queue is what the twin has. So all limits meet: the
 * capacity, the marks, what a file may lease, how often a record is delivered, full dead letters,
 * timeouts, the end.
 */
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "fixture.h"
#include "twin.h"

#define DEAD_CAPACITY	150
#define LARGEST		80000	/* of all that is written or read at once */
#define FRAMES		8	/* maximum number in one write */
#define HOUR_NS		(3600000 * NS_PER_MS)
#define LOOKS		64	/* steps from one look at what takes long to look at to the next */
#define TICK_US		1000
#define STEPS		3000
#define LARGE		1000	/* pieces: of these there are fewer steps */
#define LARGE_STEPS	500

/* The operation, and its size. */
struct plan {
	enum bbuf_type type;
	unsigned int policy;
	unsigned int changes;	/* policies that come and go */
	size_t capacity;
	size_t longest;		/* of one write */
	unsigned int max_leases;
	unsigned int max_deliveries;
	unsigned long long lease_timeout;
	bool buries;		/* there are dead letters */
};

/* When last looked at: calls that slept, and for how long. */
struct slept {
	unsigned long long times;
	unsigned long long ns;
};

struct ledger {
	struct twin twin;
	struct twin dead;
	struct slept slept[2];	/* to write, and to read */
	struct slept dead_slept[2];
	struct plan plan;
	unsigned int seed;
	size_t position;	/* of the pattern: the next record */
	unsigned char token;	/* the next that is new */
	int control;		/* open for neither reading nor writing */
	unsigned char buf[LARGEST];
	unsigned char *edge;	/* no byte from there on can be used */
	struct bbuf_lease *answer;	/* can be read only */
};

static int random_below(struct ledger *l, int n)
{
	return rand_r(&l->seed) % n;
}

static bool one_in(struct ledger *l, int n)
{
	return !random_below(l, n);
}

static long result(long value)
{
	return value < 0 ? -errno : value;
}

static bool same(const char *what, long value, long expected)
{
	if (value == expected)
		return true;
	fprintf(stderr, "# %s: %ld; should be %ld\n", what, value, expected);
	return false;
}

#define SAME(call, expected)	same(#call, result(call), expected)

/* The state that the queue reports */

struct number {
	const char *name;	/* in sysfs, or NULL */
	size_t offset;
	size_t size;
	bool leases;		/* only of a queue that leases */
};

#define NUMBER(file, member)							\
	{ file, offsetof(struct bbuf_info, member), sizeof(((struct bbuf_info *)0)->member), false }
#define LEASE_NUMBER(file, member)						\
	{ file, offsetof(struct bbuf_info, member), sizeof(((struct bbuf_info *)0)->member), true }

static const struct number numbers[] = {
	NUMBER(NULL, type),
	NUMBER(NULL, policy),
	NUMBER(NULL, state),
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
	NUMBER("wakeups_writers", in.wakeups),
	NUMBER("bytes_out", out.bytes),
	NUMBER("records_out", out.records),
	NUMBER("readers", out.files),
	NUMBER("waiting_readers", out.waiters),
	NUMBER("blocked_empty", out.blocked),
	NUMBER("wakeups_readers", out.wakeups),
	LEASE_NUMBER("leased_bytes", leased_bytes),
	LEASE_NUMBER("leased_records", leased_records),
	LEASE_NUMBER("leasing_files", leasing_files),
	LEASE_NUMBER("returned", returned),
	LEASE_NUMBER("expired", expired),
	LEASE_NUMBER("dead_lettered", dead_lettered),
	LEASE_NUMBER("lease_timeout_ns", lease_timeout),
	LEASE_NUMBER("max_leases", max_leases),
	LEASE_NUMBER("max_deliveries", max_deliveries),
};

static unsigned long long number_of(const struct bbuf_info *info, const struct number *number)
{
	const void *member = (const char *)info + number->offset;

	return number->size == sizeof(__u32) ? *(const __u32 *)member : *(const __u64 *)member;
}

/* The time that calls slept cannot be predicted, but it must grow with each call that did. */
static bool time_is_twins(struct bbuf_side_info *side, struct slept *slept)
{
	const bool more = side->blocked_ns > slept->ns, again = side->blocked > slept->times;

	slept->ns = side->blocked_ns;
	slept->times = side->blocked;
	side->blocked_ns = 0;
	return more == again;
}

static bool info_is_twins(int fd, struct twin *t, struct slept *slept)
{
	struct bbuf_info info = queue_info(fd);
	const bool in = time_is_twins(&info.in, &slept[0]);
	const bool out = time_is_twins(&info.out, &slept[1]);
	size_t i;

	if (in && out && !memcmp(&info, &t->info, sizeof(info)))
		return true;
	if (!in || !out)
		fprintf(stderr, "# the time that calls slept is not counted as they are\n");
	for (i = 0; i < ARRAY_SIZE(numbers); i++)
		if (number_of(&info, &numbers[i]) != number_of(&t->info, &numbers[i]))
			fprintf(stderr, "# number %zu, %s: %llu; should be %llu\n", i,
				numbers[i].name ? numbers[i].name : "no file",
				number_of(&info, &numbers[i]),
				number_of(&t->info, &numbers[i]));
	return false;
}

static const char *state_of(const struct twin *t)
{
	if (t->info.state & BBUF_SHUT)
		return "shut";
	return t->info.state & BBUF_LEFT ? "left" : "open";
}

static bool sysfs_is_twins(const struct twin *t)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(numbers); i++)
		if (numbers[i].name && (!numbers[i].leases || twin_leases(t)) &&
		    !same(numbers[i].name, sysfs_number(numbers[i].name),
			  number_of(&t->info, &numbers[i])))
			return false;
	return sysfs_is("state", state_of(t)) &&
	       sysfs_number("drop_oldest") == twin_drops(t) &&
	       sysfs_number("eof_on_close") == !!(t->info.policy & BBUF_EOF_ON_CLOSE);
}

static bool fdinfo_is_twins(const struct twin *t, const struct twin_file *f)
{
	char leased[16];

	snprintf(leased, sizeof(leased), "%zu", f->holder->leases.n);
	return fdinfo_is(f->fd, "bbuf-framed:\t", f->options & BBUF_FRAMED ? "1" : "0") &&
	       (!twin_leases(t) || fdinfo_is(f->fd, "bbuf-leased:\t", leased));
}

/* The data that was read: pieces of these lengths with frames, or without frames. */

static bool frame_is(const void *at, size_t frame, struct piece *p)
{
	const struct bbuf_lease_frame *leased = at;
	const struct bbuf_frame *plain = at;

	if (frame == sizeof(*plain))
		return plain->len == p->len;
	p->lease = leased->lease;
	return leased->len == p->len && leased->deliveries == p->deliveries && leased->lease;
}

static bool are_read(struct ledger *l, const unsigned char *buf, size_t frame)
{
	struct pile *got = &l->twin.got;
	const unsigned char *at = buf;
	size_t i;

	for (i = 0; i < got->n; i++) {
		struct piece *p = &got->piece[i];

		if (frame && !frame_is(at, frame, p))
			return false;
		at += frame;
		if (twin_tokens(&l->twin) ? *at != p->position
					  : !pattern_matches(at, p->position, p->len))
			return false;
		at += frame ? (p->len + BBUF_FRAME_ALIGN - 1) & -BBUF_FRAME_ALIGN : p->len;
	}
	return true;
}

static bool good_read(struct ledger *l, const char *what, long value, long expected, size_t frame)
{
	if (!same(what, value, expected))
		return false;
	if (are_read(l, l->buf, frame))
		return true;
	fprintf(stderr, "# %s: not what is queued\n", what);
	return false;
}

/* Leases whose numbers were reported are identified by them. */
static void learn(struct ledger *l, struct twin_file *f)
{
	const struct pile *got = &l->twin.got;
	struct pile *leases = &f->holder->leases;
	size_t i;

	for (i = 0; twin_leases(&l->twin) && i < got->n; i++)
		leases->piece[leases->n - got->n + i].lease = got->piece[i].lease;
}

/*
 * The events that poll reports for each file; polling a file with a refused write may ask readers
 * to make room.
 */
static bool events_are_twins(struct twin *t)
{
	struct twin_file *f;

	for (f = t->file; f < t->file + TWIN_FILES; f++)
		if (f->fd >= 0 && f->refused) {
			queue_events(f->fd);
			twin_ask(t, f);
		}
	for (f = t->file; f < t->file + TWIN_FILES; f++)
		if (f->fd >= 0 && !SAME(queue_events(f->fd), twin_events(t, f)))
			return false;
	return true;
}

static bool content_is_twins(struct ledger *l, struct twin_file *f)
{
	struct twin *t = &l->twin;
	const size_t n = l->plan.longest;
	const long expected = twin_peek(t, f, n);

	return SAME(queued(f->fd), twin_readable(t, f)) &&
	       good_read(l, "peek", result(queue_peek(f->fd, l->buf, n)), expected, 0);
}

static bool queue_is_twins(struct ledger *l)
{
	struct twin_file *f = &l->twin.file[random_below(l, TWIN_FILES)];

	return events_are_twins(&l->twin) && (f->fd < 0 || content_is_twins(l, f)) &&
	       info_is_twins(l->control, &l->twin, l->slept);
}

static bool rest_is_twins(struct ledger *l)
{
	struct twin *t = &l->twin;
	int i;

	for (i = 0; i < TWIN_FILES; i++)
		if (t->file[i].fd >= 0 && !fdinfo_is_twins(t, &t->file[i]))
			return same("fdinfo", -1, 0);
	return sysfs_is_twins(t);
}

/*
 * Memory to read into, which is there: for a page that is missing or, after a fork, shared a call
 * would have to wait, and its time would be over.
 */
static unsigned char *present(unsigned char *buf, size_t n)
{
	memset(buf, 0, n);
	return buf;
}

/* Steps: each does something with a file, and returns whether the result is that of the twin. */

#define STEP	struct ledger *l, struct twin_file *f

static bool step_put_frames(STEP)
{
	size_t n = 1 + random_below(l, FRAMES), at = 0, i, len, most = l->plan.longest / FRAMES;
	size_t position = l->position;
	long expected = -EBADF;

	for (i = 0; i < n; i++) {
		struct bbuf_frame *frame = (void *)l->buf + at;

		len = 1 + random_below(l, most);
		*frame = (struct bbuf_frame){ .len = len, .reserved = one_in(l, 50) };
		pattern_fill(frame + 1, position + i, len);
		at += BBUF_FRAME_SPACE(len);
	}
	/* The last needs no padding, and may not be whole. */
	at -= random_below(l, BBUF_FRAME_ALIGN);
	l->position += n;
	if (twin_writes(f))
		expected = twin_write_frames(&l->twin, f, l->buf, position, at);
	return SAME(write(f->fd, l->buf, at), expected);
}

static bool is_in(const struct pile *pile, unsigned char token)
{
	size_t i = 0;

	while (i < pile->n && pile->piece[i].position != token)
		i++;
	return i < pile->n;
}

static bool is_known(const struct twin *t, unsigned char token)
{
	int i;

	for (i = 0; i < TWIN_FILES; i++)
		if (t->file[i].fd >= 0 && is_in(&t->file[i].holder->leases, token))
			return true;
	return is_in(&t->queued, token);
}

/* Of tokens that are held, and of new ones, none twice. */
static bool step_put_tokens(STEP)
{
	const struct pile *held = &f->holder->leases;
	size_t n = random_below(l, l->plan.longest), next = random_below(l, TWIN_PIECES);
	size_t i, taken = 0;
	long expected = -EBADF;

	for (i = 0; i < n; i++) {
		if (taken < held->n && !one_in(l, 3)) {
			l->buf[i] = held->piece[(next + taken++) % held->n].position;
			continue;
		}
		while (is_known(&l->twin, l->token))
			l->token++;
		l->buf[i] = l->token++;
	}
	if (twin_writes(f))
		expected = twin_write_tokens(&l->twin, f, l->buf, n);
	return SAME(write(f->fd, l->buf, n), expected);
}

/* The pattern goes on where the stream ends; of records each has a place of its own. */
static size_t next_position(struct ledger *l)
{
	return twin_records(&l->twin) ? l->position++ : l->twin.end;
}

/* Mostly short, so that there are many pieces. */
static size_t random_length(struct ledger *l)
{
	return random_below(l, one_in(l, 3) ? l->plan.longest + 1 : l->plan.longest / 4 + 2);
}

static bool step_put(STEP)
{
	size_t n = random_length(l), position;
	long expected = -EBADF;

	if (twin_tokens(&l->twin))
		return step_put_tokens(l, f);
	if (f->options & BBUF_FRAMED)
		return step_put_frames(l, f);
	position = next_position(l);
	if (twin_writes(f))
		expected = twin_write(&l->twin, f, position, n);
	return SAME(put(f->fd, position, n), expected);
}

static bool step_get(STEP)
{
	size_t n = random_length(l);
	long expected = -EBADF;

	if (f->options & BBUF_FRAMED && !one_in(l, 4))
		n = LARGEST;
	else if (twin_records(&l->twin) && !one_in(l, 3))
		n = l->plan.longest;
	if (twin_reads(f))
		expected = twin_read(&l->twin, f, n);
	else
		l->twin.got.n = 0;
	if (!good_read(l, "read", result(read(f->fd, present(l->buf, n), n)), expected,
		       twin_frame(f)))
		return false;
	learn(l, f);
	return true;
}

static bool step_lease(STEP)
{
	size_t n = one_in(l, 3) ? random_length(l) : l->plan.longest;
	struct bbuf_lease lease = {
		.buffer = (uintptr_t)present(l->buf, n), .size = n,
		.flags = one_in(l, 2) ? BBUF_LEASE_NOWAIT : 0,
	};
	struct piece *p = l->twin.got.piece;
	long expected = -EBADF;

	l->twin.got.n = 0;
	if (twin_reads(f))
		expected = twin_lease(&l->twin, f, n, lease.flags);
	if (!good_read(l, "lease", result(ioctl(f->fd, BBUF_IOC_LEASE, &lease)), expected, 0))
		return false;
	if (expected == -EMSGSIZE)
		return same("length", lease.len, l->twin.queued.piece[0].len);
	if (expected <= 0)
		return same("lease", lease.lease, 0);
	p->lease = lease.lease;
	learn(l, f);
	return lease.lease && same("length", lease.len, p->len) &&
	       same("deliveries", lease.deliveries, p->deliveries);
}

/* The record is delivered, but its lease frame is not. */
static bool step_lease_in_vain(STEP)
{
	struct twin *t = &l->twin;
	long expected = -EFAULT;

	if (!twin_reads(f))
		return true;
	mprotect(l->answer, sizeof(*l->answer), PROT_READ | PROT_WRITE);
	*l->answer = (struct bbuf_lease){ .buffer = (uintptr_t)l->buf, .size = l->plan.longest };
	mprotect(l->answer, sizeof(*l->answer), PROT_READ);
	if (!twin_may_lease(t, f) || !t->queued.n)
		expected = twin_lease(t, f, l->plan.longest, false);
	return SAME(ioctl(f->fd, BBUF_IOC_LEASE, l->answer), expected);
}

static enum bbuf_settle_action random_settling(struct ledger *l)
{
	return random_below(l, BBUF_RENEW + 1);
}

static bool step_settle(STEP)
{
	const struct pile *leases = &f->holder->leases;
	size_t which = leases->n ? random_below(l, leases->n) : 0;
	enum bbuf_settle_action action = random_settling(l);
	unsigned long long lease = leases->n ? leases->piece[which].lease : 0;

	if (!twin_reads(f))
		return SAME(settle(f->fd, 0, action), -EBADF);
	if (one_in(l, 20))
		return SAME(settle(f->fd, NO_SUCH_LEASE, action), -ESTALE);
	if (!lease)
		which = 0;
	return SAME(settle(f->fd, lease, action), twin_settle(&l->twin, f, which, action));
}

static bool step_settle_all(STEP)
{
	enum bbuf_settle_action action = random_settling(l);

	if (!twin_reads(f))
		return SAME(settle_all(f->fd, action), -EBADF);
	return SAME(settle_all(f->fd, action), twin_settle_all(&l->twin, f, action));
}

/* Tasks of the queue's own do that, some time. */
static bool step_expire(STEP)
{
	struct twin *t = &l->twin;
	long n = f->holder->leases.n;

	if (!n || queue_set(l->control, .fields = BBUF_SET_LEASE_TIMEOUT, .lease_timeout = 1) ||
	    settle_all(f->fd, BBUF_RENEW) != n ||
	    queue_set(l->control, .fields = BBUF_SET_LEASE_TIMEOUT,
		      .lease_timeout = t->info.lease_timeout))
		return !n;
	twin_expire(t, f);
	return eventually(queue_info(l->control).leased_records == t->info.leased_records);
}

static bool step_options(STEP)
{
	const unsigned int all = BBUF_FRAMED | BBUF_LEASE_FRAMED;
	unsigned int flags = random_below(l, all + 1);
	const unsigned long long timeout = twin_waits(f);
	long expected = 0;

	if ((flags && !twin_records(&l->twin)) || flags == BBUF_LEASE_FRAMED ||
	    (flags == all && !twin_leases(&l->twin)))
		expected = -EINVAL;
	else
		f->options = flags;
	return SAME(queue_set_options(f->fd, .flags = flags, .read_timeout = timeout,
				      .write_timeout = timeout), expected);
}

/* Another process opens a file, and has the test have it. */
static int open_elsewhere(int flags)
{
	pid_t pid = syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, NULL);
	int status;

	if (!pid)
		_exit(queue_open(QUEUE, flags));
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool step_open(STEP)
{
	static const int modes[] = { O_RDONLY, O_WRONLY, O_RDWR, O_RDWR };
	int flags = modes[random_below(l, ARRAY_SIZE(modes))], fd;
	const bool elsewhere = twin_tokens(&l->twin) && one_in(l, 2);

	if (!one_in(l, 4))
		flags |= O_NONBLOCK;
	fd = elsewhere ? open_elsewhere(flags) : queue_open(QUEUE, flags);
	if (fd < 0)
		return false;
	twin_open(&l->twin, f, fd, flags, elsewhere);
	return !twin_waits(f) || !queue_set_options(fd, .read_timeout = 1, .write_timeout = 1);
}

static bool step_close(STEP)
{
	int fd = f->fd;

	twin_close(&l->twin, f);
	return !close(fd);
}

/* Mostly something that can be, sometimes the usual. */
static unsigned long long random_mark(struct ledger *l)
{
	static const unsigned int usual[] = { 1, 1, 2, 5 };

	if (one_in(l, 2))
		return usual[random_below(l, ARRAY_SIZE(usual))];
	return random_below(l, l->plan.capacity + 2);
}

static void choose_leases(struct ledger *l, struct bbuf_set *set)
{
	unsigned int fields = BBUF_SET_MAX_LEASES;

	if (twin_records(&l->twin))
		fields |= BBUF_SET_LEASE_TIMEOUT | BBUF_SET_MAX_DELIVERIES;
	fields &= random_below(l, 1 << 6);
	set->fields |= fields;
	if (fields & BBUF_SET_MAX_LEASES)
		set->max_leases = random_below(l, 3 * l->plan.max_leases);
	if (fields & BBUF_SET_MAX_DELIVERIES)
		set->max_deliveries = random_below(l, 2 * l->plan.max_deliveries + 1);
	if (fields & BBUF_SET_LEASE_TIMEOUT)
		set->lease_timeout = one_in(l, 2) ? l->plan.lease_timeout : 0;
}

static bool step_set(STEP)
{
	const unsigned int sizes = BBUF_SET_CAPACITY | BBUF_SET_READ_MARK | BBUF_SET_WRITE_MARK;
	struct bbuf_set set = {
		.fields = random_below(l, sizes + 1), .policy_mask = l->plan.changes,
	};

	(void)f;
	if (set.fields & BBUF_SET_CAPACITY)
		set.capacity = one_in(l, 2) ? l->plan.capacity
					    : (size_t)random_below(l, 2 * l->plan.capacity);
	if (set.fields & BBUF_SET_READ_MARK)
		set.read_mark = random_mark(l);
	if (set.fields & BBUF_SET_WRITE_MARK)
		set.write_mark = random_mark(l);
	if (twin_leases(&l->twin))
		choose_leases(l, &set);
	set.policy_mask &= rand_r(&l->seed);
	set.policy = set.policy_mask & rand_r(&l->seed);
	return SAME(ioctl(l->control, BBUF_IOC_SET, &set), twin_set(&l->twin, &set));
}

/* As it was made, but for what is queued and leased. */
static bool step_set_back(STEP)
{
	struct bbuf_set set = {
		.fields = BBUF_SET_CAPACITY | BBUF_SET_READ_MARK, .capacity = l->plan.capacity,
		.read_mark = 1, .policy_mask = l->plan.changes,
		.policy = l->plan.policy & l->plan.changes,
	};

	(void)f;
	if (twin_leases(&l->twin)) {
		set.fields |= BBUF_SET_MAX_LEASES;
		set.max_leases = l->plan.max_leases;
	}
	return SAME(ioctl(l->control, BBUF_IOC_SET, &set), twin_set(&l->twin, &set));
}

static bool step_shutdown(STEP)
{
	return SAME(queue_shutdown(f->fd), twin_shutdown(&l->twin, f));
}

static bool step_reopen(STEP)
{
	return SAME(queue_reopen(f->fd), twin_reopen(&l->twin, f));
}

static void on_tick(int signal)
{
	(void)signal;
}

/* It waits until all was consumed, or for a signal, of which one comes sooner or later. */
static bool step_drain(STEP)
{
	const struct itimerval ticks = { { 0, TICK_US }, { 0, TICK_US } }, none = { 0 };
	long value;

	setitimer(ITIMER_REAL, &ticks, NULL);
	value = result(fsync(f->fd));
	setitimer(ITIMER_REAL, &none, NULL);
	return same("fsync", value, twin_is_drained(&l->twin) ? 0 : -EINTR);
}

/* Flushed data counts as consumed, even if no event follows that could report it. */
static bool step_flush(STEP)
{
	return SAME(queue_flush(f->fd), twin_flush(&l->twin, f)) &&
	       (one_in(l, 2) || step_drain(l, f));
}

/*
 * Memory that ends too early, for reads and writes that would need all of it. The time of a call
 * may be over before it knows, so there are none that wait.
 */

/* The data that a read would return; in a record queue that is whole records only. */
static size_t next_bytes(const struct twin *t, const struct twin_file *f)
{
	size_t n = t->info.bytes, may = t->info.max_leases - f->holder->leases.n;

	if (twin_records(t))
		return t->queued.n ? t->queued.piece[0].len : 0;
	return twin_tokens(t) && may < n ? may : n;
}

/* Does a read of n bytes reach the point after which its buffer has no memory? */
static bool comes_to_part(const struct twin *t, const struct twin_file *f, size_t most, size_t n)
{
	const size_t next = next_bytes(t, f);

	if (twin_leases(t) && !twin_may_lease(t, f))
		return false;
	return next > most && !(twin_records(t) && next > n);
}

static bool step_get_part(STEP)
{
	struct twin *t = &l->twin;
	size_t most = random_below(l, l->plan.longest), n = l->plan.longest;
	unsigned char *buf = present(l->edge - most, most);
	long value, expected;

	if (!twin_reads(f) || twin_waits(f) || f->options & BBUF_FRAMED)
		return true;
	value = result(read(f->fd, buf, n));
	if (comes_to_part(t, f, most, n)) {
		if (value < 0 || twin_records(t) || (size_t)value > most)
			return same("read to bad memory", value, -EFAULT);
		n = value;
	}
	expected = twin_read(t, f, n);
	return same("read", value, expected) && (expected <= 0 || are_read(l, buf, 0));
}

static bool step_put_part(STEP)
{
	struct twin *t = &l->twin;
	size_t n = 1 + random_length(l), most = random_below(l, n);
	size_t position = next_position(l);
	long value;

	if (!twin_writes(f) || twin_waits(f) || f->options & BBUF_FRAMED || twin_tokens(t) ||
	    twin_drops(t) ||
	    (!twin_records(t) && (n > t->info.capacity || n > ATOMIC_MAX)))
		return true;
	pattern_fill(l->edge - most, position, most);
	value = result(write(f->fd, l->edge - most, n));
	if (t->info.state || n > twin_room(t))
		return same("write", value, twin_write(t, f, position, n));
	if (value < 0 || twin_records(t) || (size_t)value > most)
		return same("write of bad memory", value, -EFAULT);
	twin_write_part(t, f, position, value);
	return true;
}

static bool step_peek_part(STEP)
{
	struct twin *t = &l->twin;
	size_t most = random_below(l, l->plan.longest);
	unsigned char *buf = l->edge - most;
	long expected = twin_peek(t, f, l->plan.longest);
	long value = result(queue_peek(f->fd, buf, l->plan.longest));

	if (expected <= (long)most)
		return same("peek", value, expected) && are_read(l, buf, 0);
	if (value < 0 || twin_records(t) || (size_t)value > most)
		return same("peek to bad memory", value, -EFAULT);
	twin_peek(t, f, value);
	return are_read(l, buf, 0);
}

/* The dead letters: another process reads them, or none can arrive. */

static bool dead_is_twins(struct ledger *l)
{
	struct twin_file *f = &l->dead.file[0];

	return !l->plan.buries ||
	       (info_is_twins(f->fd, &l->dead, l->dead_slept) &&
		SAME(queue_events(f->fd), twin_events(&l->dead, f)));
}

static bool step_dead(STEP)
{
	struct twin *dead = &l->dead;

	f = &dead->file[0];
	if (one_in(l, 8))
		return SAME(queue_shutdown(f->fd), twin_shutdown(dead, f));
	if (one_in(l, 3))
		return SAME(queue_reopen(f->fd), twin_reopen(dead, f));
	return SAME(read(f->fd, l->buf, LARGEST), twin_read(dead, f, LARGEST)) &&
	       (!dead->got.n || pattern_matches(l->buf, dead->got.piece[0].position,
						dead->got.piece[0].len));
}

/* How often each is done, where it can be. */
static const struct {
	const char *name;
	bool (*step)(STEP);
	unsigned int times;
	enum { ALWAYS, LEASES, TIMES, BURIES } where;
} steps[] = {
	{ "put", step_put, 60, ALWAYS },
	{ "get", step_get, 40, ALWAYS },
	{ "put part", step_put_part, 4, ALWAYS },
	{ "get part", step_get_part, 4, ALWAYS },
	{ "peek part", step_peek_part, 3, ALWAYS },
	{ "lease", step_lease, 20, LEASES },
	{ "lease in vain", step_lease_in_vain, 4, LEASES },
	{ "settle", step_settle, 40, LEASES },
	{ "settle all", step_settle_all, 3, LEASES },
	{ "expire", step_expire, 2, TIMES },
	{ "options", step_options, 4, ALWAYS },
	{ "set", step_set, 8, ALWAYS },
	{ "set back", step_set_back, 5, ALWAYS },
	{ "flush", step_flush, 3, ALWAYS },
	{ "shut down", step_shutdown, 4, ALWAYS },
	{ "reopen", step_reopen, 6, ALWAYS },
	{ "drain", step_drain, 2, ALWAYS },
	{ "close", step_close, 8, ALWAYS },
	{ "dead", step_dead, 8, BURIES },
};

static bool is_possible(const struct ledger *l, int where)
{
	const bool leases = twin_records(&l->twin) && twin_leases(&l->twin);

	switch (where) {
	case LEASES:
		return leases;
	case TIMES:
		return leases && l->plan.lease_timeout;
	case BURIES:
		return l->plan.buries;
	default:
		return true;
	}
}

static int random_step(struct ledger *l)
{
	unsigned int sum = 0, at;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(steps); i++)
		sum += steps[i].times;
	at = random_below(l, sum);
	for (i = 0; at >= steps[i].times; i++)
		at -= steps[i].times;
	return i;
}

/* One step, with any file; one that is not open is opened. */
static bool make_step(struct ledger *l, const char **name)
{
	struct twin_file *f = &l->twin.file[random_below(l, TWIN_FILES)];
	int i;

	do {
		i = random_step(l);
	} while (!is_possible(l, steps[i].where));
	*name = f->fd < 0 ? "open" : steps[i].name;
	return f->fd < 0 ? step_open(l, f) : steps[i].step(l, f);
}

/* Where nothing is leased, fsync ends with a flush, whatever was done before. */
static bool flush_notifies(STEP)
{
	int i;

	if (!step_reopen(l, f) || !step_set_back(l, f))
		return false;
	for (i = 0; i < FRAMES; i++)
		if (!step_put(l, f))
			return false;
	return step_flush(l, f) && step_drain(l, f) && queue_is_twins(l);
}

/* All that is left is there, for one file. */
static bool all_is_left(struct ledger *l)
{
	struct twin *t = &l->twin;
	struct twin_file *f = t->file;
	int i;

	for (i = 0; i < TWIN_FILES; i++)
		if (t->file[i].fd >= 0 && !step_close(l, &t->file[i]))
			return false;
	twin_open(t, f, queue_open(QUEUE, O_RDWR | O_NONBLOCK), O_RDWR | O_NONBLOCK, false);
	while (t->info.bytes) {
		if (!good_read(l, "read", result(read(f->fd, l->buf, LARGEST)),
			       twin_read(t, f, LARGEST), 0))
			return false;
		if (twin_leases(t) && twin_records(t) &&
		    !SAME(settle_all(f->fd, BBUF_ACK), twin_settle_all(t, f, BBUF_ACK)))
			return false;
		if (twin_tokens(t) && !twin_may_lease(t, f))
			break;
	}
	return queue_is_twins(l) && flush_notifies(l, f);
}

/* The variants */

FIXTURE(ledger) {
	struct ledger *l;
};

FIXTURE_VARIANT(ledger) {
	struct plan plan;
};

FIXTURE_VARIANT_ADD(ledger, stream) {
	.plan = {
		.capacity = 100, .longest = 130, .changes = BBUF_EOF_ON_CLOSE,
	},
};

FIXTURE_VARIANT_ADD(ledger, dropping_stream) {
	.plan = {
		.policy = BBUF_DROP_OLDEST, .capacity = 100, .longest = 130,
		.changes = BBUF_EOF_ON_CLOSE | BBUF_DROP_OLDEST,
	},
};

FIXTURE_VARIANT_ADD(ledger, stream_with_large_calls) {
	.plan = {
		.capacity = 10000, .longest = 13000,
	},
};

FIXTURE_VARIANT_ADD(ledger, records) {
	.plan = {
		.type = BBUF_RECORD, .capacity = 100, .longest = 130,
		.changes = BBUF_EOF_ON_CLOSE,
	},
};

FIXTURE_VARIANT_ADD(ledger, dropped_records) {
	.plan = {
		.type = BBUF_RECORD, .policy = BBUF_DROP_OLDEST, .capacity = 100,
		.longest = 130, .changes = BBUF_EOF_ON_CLOSE | BBUF_DROP_OLDEST,
	},
};

FIXTURE_VARIANT_ADD(ledger, large_records) {
	.plan = {
		.type = BBUF_RECORD, .capacity = 200000, .longest = 70000,
	},
};

FIXTURE_VARIANT_ADD(ledger, leases) {
	.plan = {
		.type = BBUF_RECORD, .policy = BBUF_LEASE, .capacity = 300, .longest = 320,
		.max_leases = 5, .changes = BBUF_EOF_ON_CLOSE,
	},
};

/* A hundred records and more, so that there is something to find a lease among. */
FIXTURE_VARIANT_ADD(ledger, many_leases) {
	.plan = {
		.type = BBUF_RECORD, .policy = BBUF_LEASE, .capacity = 1000, .longest = 40,
		.max_leases = 100,
	},
};

FIXTURE_VARIANT_ADD(ledger, leases_until_EOF) {
	.plan = {
		.type = BBUF_RECORD, .policy = BBUF_LEASE, .capacity = 300, .longest = 320,
		.max_leases = 5, .max_deliveries = 2, .lease_timeout = HOUR_NS,
		.changes = BBUF_EOF_ON_CLOSE,
	},
};

FIXTURE_VARIANT_ADD(ledger, leases_with_dead_letters) {
	.plan = {
		.type = BBUF_RECORD, .policy = BBUF_LEASE, .capacity = 300, .longest = 320,
		.max_leases = 5, .max_deliveries = 2, .buries = true,
		.changes = BBUF_EOF_ON_CLOSE,
	},
};

FIXTURE_VARIANT_ADD(ledger, leases_with_timeout) {
	.plan = {
		.type = BBUF_RECORD, .policy = BBUF_LEASE, .capacity = 300, .longest = 320,
		.max_leases = 5, .max_deliveries = 3, .buries = true, .lease_timeout = HOUR_NS,
	},
};

FIXTURE_VARIANT_ADD(ledger, leases_of_large_records) {
	.plan = {
		.type = BBUF_RECORD, .policy = BBUF_LEASE, .capacity = 200000,
		.longest = 70000, .max_leases = 5, .lease_timeout = HOUR_NS,
	},
};

FIXTURE_VARIANT_ADD(ledger, tokens) {
	.plan = {
		.policy = BBUF_LEASE, .capacity = 40, .longest = 10, .max_leases = 8,
		.changes = BBUF_EOF_ON_CLOSE,
	},
};

FIXTURE_VARIANT_ADD(ledger, tokens_without_limit) {
	.plan = {
		.policy = BBUF_LEASE, .capacity = 25, .longest = 20, .max_leases = 30,
	},
};

static bool ledger_begin(struct ledger *l)
{
	const struct plan *plan = &l->plan;
	struct bbuf_create create = {
		.name = QUEUE, .type = plan->type, .policy = plan->policy,
		.capacity = plan->capacity, .mode = 0600,
		.uid = BBUF_ID_CALLER, .gid = BBUF_ID_CALLER,
		.lease_timeout = plan->lease_timeout, .max_leases = plan->max_leases,
		.max_deliveries = plan->max_deliveries,
	};
	struct bbuf_create dead = {
		.name = DEAD, .type = BBUF_RECORD, .capacity = DEAD_CAPACITY, .mode = 0600,
	};

	queue_destroy(QUEUE);
	queue_destroy(DEAD);
	if (plan->buries)
		strcpy(create.dead_letters, DEAD);
	if (queue_create(&dead) || queue_create(&create))
		return false;
	twin_begin(&l->twin, &create, plan->buries ? &l->dead : NULL);
	twin_begin(&l->dead, &dead, NULL);
	twin_open(&l->dead, l->dead.file, queue_open(DEAD, O_RDWR | O_NONBLOCK),
		  O_RDWR | O_NONBLOCK, false);
	/* Of a file of the test itself, tokens would not come back before it is closed, too. */
	l->control = open_elsewhere(O_ACCMODE);
	l->edge = cliff(LARGEST, 0) + LARGEST;
	l->answer = mmap(NULL, sizeof(*l->answer), PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return l->control >= 0 && l->dead.file[0].fd >= 0;
}

FIXTURE_SETUP(ledger)
{
	self->l = calloc(1, sizeof(*self->l));
	ASSERT_NE(NULL, self->l);
	self->l->plan = variant->plan;
	self->l->seed = getenv("SEED") ? strtoul(getenv("SEED"), NULL, 0) : 1;
	sigaction(SIGALRM, &(struct sigaction){ .sa_handler = on_tick }, NULL);
	ASSERT_TRUE(ledger_begin(self->l));
}

FIXTURE_TEARDOWN(ledger)
{
	int i;

	for (i = 0; i < TWIN_FILES; i++)
		close(self->l->twin.file[i].fd);
	close(self->l->control);
	close(self->l->dead.file[0].fd);
	queue_destroy(QUEUE);
	queue_destroy(DEAD);
}

TEST_F(ledger, agrees_with_the_model_after_each_step)
{
	struct ledger *l = self->l;
	const int n = l->plan.longest > LARGE ? LARGE_STEPS : STEPS;
	const unsigned int seed = l->seed;
	const char *name = NULL;
	int i;

	for (i = 0; i < n; i++) {
		ASSERT_TRUE(make_step(l, &name) && queue_is_twins(l) && dead_is_twins(l) &&
			    (i % LOOKS || rest_is_twins(l))) {
			TH_LOG("seed %u, step %d: %s", seed, i, name);
		}
	}
	ASSERT_TRUE(rest_is_twins(l));
	ASSERT_TRUE(all_is_left(l));
}

BBUF_HARNESS_MAIN
