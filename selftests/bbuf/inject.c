// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fault injection: every allocation and every copy from or to user space, in every operation, is
 * made to fail: the first one, then the second one, and so on, until the operation has no more of
 * them. A failed operation must return a documented error and leave the queue as it was, except for
 * the data that the operation reports as moved, and the next operation must work.
 *
 * A kernel that was built for it (CONFIG_FAULT_INJECTION, in "config") counts those places for each
 * task, and makes them fail.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "fixture.h"
#include "leased.h"

#define CAPACITY	10000
#define PIECE		200	/* queued data; a record long enough to be copied by itself */
#define PIECES		3
#define FRAMED		BBUF_FRAME_SPACE(PIECE)
#define LEASE_FRAMED	BBUF_LEASE_FRAME_SPACE(PIECE)
#define SEGMENTS	10	/* more than the kernel has place for without an allocation */
#define FILES		2	/* that are open for reading and writing */
#define ANY		-1L	/* value of an operation: 0 or more */
#define OTHER		"other"	/* a queue that is made and destroyed */
#define SHIFTS		4	/* of what is every other copy */
#define SECONDS		600	/* for one operation, on a kernel that checks all it does */

#define DEBUGFS		"/sys/kernel/debug/"
#define ORDER_NONE	"99"	/* more pages than any allocation has */
#define FAIL_TIMES	"1000000"	/* more than one operation can meet */

static const struct {
	const char *file;
	const char *text;
} settings[] = {
	{ DEBUGFS "failslab/ignore-gfp-wait", "N" },
	{ DEBUGFS "failslab/task-filter", "Y" },
	{ DEBUGFS "failslab/probability", "100" },
	{ DEBUGFS "failslab/verbose", "0" },
	{ DEBUGFS "fail_page_alloc/ignore-gfp-wait", "N" },
	{ DEBUGFS "fail_page_alloc/ignore-gfp-highmem", "N" },
	{ DEBUGFS "fail_page_alloc/task-filter", "Y" },
	{ DEBUGFS "fail_page_alloc/probability", "100" },
	{ DEBUGFS "fail_page_alloc/verbose", "0" },
	{ DEBUGFS "fail_usercopy/task-filter", "Y" },
	{ DEBUGFS "fail_usercopy/probability", "100" },
	{ DEBUGFS "fail_usercopy/verbose", "0" },
};

/* The resources of an operation */
struct bed {
	int fd;		/* blocking */
	int nb;		/* O_NONBLOCK */
	int control;
	int epoll;
	int pipe[2];
	unsigned char in[2 * CAPACITY];
	unsigned char out[2 * CAPACITY];	/* the pattern, after what is queued */
};

enum effect { KEEPS, ADDS, TAKES };

FIXTURE(inject) {
	struct bed bed;
};

FIXTURE_VARIANT(inject) {
	enum bbuf_type type;
	unsigned int policy;		/* with one, each time it is new */
	bool fresh;			/* the queue was never written to */
	const char *dead_letters;	/* where what is rejected goes: new each time, too */
	size_t before;			/* bytes queued before, in pieces */
	bool (*prepare)(struct bed *bed);
	long (*run)(struct bed *bed);	/* the operation */
	enum effect effect;		/* on what is queued, with its value as the bytes */
	size_t framed;			/* bytes of framed records, each of this size */
	bool (*good)(struct bed *bed, bool done);	/* what else there is to see */
	long value;			/* when nothing fails */
	int error;			/* another one than ENOMEM and EFAULT */
	unsigned int copies;		/* from or to the user, at least */
	unsigned int places;		/* these and objects that are allocated, at least */
	bool pages;			/* are allocated, too */
	bool needs;			/* whether the operation needs any of these at all */
};

/* Writing */

static long put_piece(struct bed *bed)
{
	return write(bed->fd, bed->out, PIECE);
}

static long put_more_than_fits(struct bed *bed)
{
	return write(bed->nb, bed->out, sizeof(bed->out));
}

static void cut(struct iovec *iov, unsigned char *buf)
{
	int i;

	for (i = 0; i < SEGMENTS; i++)
		iov[i] = (struct iovec){ buf + i * PIECE / SEGMENTS, PIECE / SEGMENTS };
}

static long put_scattered(struct bed *bed)
{
	struct iovec iov[SEGMENTS];

	cut(iov, bed->out);
	return writev(bed->fd, iov, SEGMENTS);
}

static bool make_framed(struct bed *bed)
{
	return !queue_set_options(bed->fd, .flags = BBUF_FRAMED);
}

static long put_framed(struct bed *bed)
{
	struct bbuf_frame frame = { .len = PIECE };
	unsigned char buf[PIECES * FRAMED];
	int i;

	for (i = 0; i < PIECES; i++) {
		memcpy(buf + i * FRAMED, &frame, sizeof(frame));
		memcpy(buf + i * FRAMED + sizeof(frame), bed->out + i * PIECE, PIECE);
	}
	return write(bed->fd, buf, sizeof(buf));
}

static bool empty_pipe(struct bed *bed)
{
	while (read(bed->pipe[0], bed->in, sizeof(bed->in)) > 0)
		continue;
	return errno == EAGAIN;
}

static bool fill_pipe(struct bed *bed)
{
	return empty_pipe(bed) && write(bed->pipe[1], bed->out, PIECE) == PIECE;
}

static long put_spliced(struct bed *bed)
{
	return splice(bed->pipe[0], NULL, bed->fd, NULL, PIECE, 0);
}

FIXTURE_VARIANT_ADD(inject, first_write) {
	.run = put_piece, .fresh = true, .effect = ADDS, .value = PIECE,
	.copies = 1, .places = 1,
};

FIXTURE_VARIANT_ADD(inject, write) {
	.run = put_piece, .before = PIECE, .effect = ADDS, .value = PIECE,
	.copies = 1, .places = 1,
};

FIXTURE_VARIANT_ADD(inject, write_around_the_end_of_the_ring) {
	.run = put_more_than_fits, .before = PIECE, .effect = ADDS, .value = CAPACITY - PIECE,
	.copies = 1, .places = 1,
};

FIXTURE_VARIANT_ADD(inject, writev) {
	.run = put_scattered, .before = PIECE, .effect = ADDS, .value = PIECE,
	.copies = SEGMENTS + 1, .places = SEGMENTS + 2, .needs = true,
};

FIXTURE_VARIANT_ADD(inject, write_of_a_record) {
	.type = BBUF_RECORD, .run = put_piece, .before = PIECE, .effect = ADDS, .value = PIECE,
	.copies = 1, .places = 1,
};

FIXTURE_VARIANT_ADD(inject, write_of_records_with_frames) {
	.type = BBUF_RECORD, .prepare = make_framed, .run = put_framed, .before = PIECE,
	.effect = ADDS, .framed = FRAMED, .value = PIECES * FRAMED,
	.copies = 2 * PIECES, .places = 2 * PIECES,
};

FIXTURE_VARIANT_ADD(inject, splice_in) {
	.prepare = fill_pipe, .run = put_spliced, .before = PIECE, .effect = ADDS,
	.value = PIECE, .places = 1, .needs = true,
};

/* Reading: what comes must be the pattern, or it is no success. */

static long delivered(const struct bed *bed, long n)
{
	if (n <= 0 || pattern_matches(bed->in, 0, n))
		return n;
	errno = EILSEQ;
	return -1;
}

static long take_pieces(struct bed *bed)
{
	return delivered(bed, read(bed->fd, bed->in, sizeof(bed->in)));
}

static long take_at_once(struct bed *bed)
{
	struct iovec iov = { bed->in, sizeof(bed->in) };

	return delivered(bed, preadv2(bed->fd, &iov, 1, -1, RWF_NOWAIT));
}

static long take_scattered(struct bed *bed)
{
	struct iovec iov[SEGMENTS];

	cut(iov, bed->in);
	return delivered(bed, readv(bed->fd, iov, SEGMENTS));
}

static long take_framed(struct bed *bed)
{
	ssize_t n = read(bed->fd, bed->in, sizeof(bed->in));
	int i;

	for (i = 0; i < n / (ssize_t)FRAMED; i++)
		memmove(bed->in + i * PIECE, bed->in + i * FRAMED + sizeof(struct bbuf_frame),
			PIECE);
	return n <= 0 || delivered(bed, i * PIECE) == i * PIECE ? n : -1;
}

static long take_spliced(struct bed *bed)
{
	return splice(bed->fd, NULL, bed->pipe[1], NULL, PIECE, 0);
}

/* The data that went there, or nothing. */
static bool arrives_in_pipe(struct bed *bed, bool done)
{
	ssize_t n = read(bed->pipe[0], bed->in, sizeof(bed->in));

	return done ? delivered(bed, n) == PIECE : n < 0;
}

static long peek(struct bed *bed)
{
	return delivered(bed, queue_peek(bed->fd, bed->in, sizeof(bed->in)));
}

FIXTURE_VARIANT_ADD(inject, read) {
	.run = take_pieces, .before = PIECES * PIECE, .effect = TAKES, .value = PIECES * PIECE,
	.copies = 2, .places = 2,
};

FIXTURE_VARIANT_ADD(inject, read_nonblocking) {
	.run = take_at_once, .before = PIECES * PIECE, .effect = TAKES, .value = PIECES * PIECE,
	.copies = 3, .places = 3,
};

FIXTURE_VARIANT_ADD(inject, readv) {
	.run = take_scattered, .before = PIECE, .effect = TAKES, .value = PIECE,
	.copies = SEGMENTS + 1, .places = SEGMENTS + 2, .needs = true,
};

FIXTURE_VARIANT_ADD(inject, read_of_a_record) {
	.type = BBUF_RECORD, .run = take_pieces, .before = PIECES * PIECE, .effect = TAKES,
	.value = PIECE, .copies = 1, .places = 1,
};

FIXTURE_VARIANT_ADD(inject, read_of_records_with_frames) {
	.type = BBUF_RECORD, .prepare = make_framed, .run = take_framed,
	.before = PIECES * PIECE, .effect = TAKES, .framed = FRAMED, .value = PIECES * FRAMED,
	.copies = 2 * PIECES, .places = 2 * PIECES,
};

FIXTURE_VARIANT_ADD(inject, splice_out) {
	.prepare = empty_pipe, .run = take_spliced, .good = arrives_in_pipe,
	.before = PIECE, .effect = TAKES, .value = PIECE,
	.error = EAGAIN, .pages = true, .needs = true,
};

FIXTURE_VARIANT_ADD(inject, peek) {
	.run = peek, .before = PIECES * PIECE, .value = PIECES * PIECE,
	.copies = 2, .places = 2,
};

FIXTURE_VARIANT_ADD(inject, peek_of_a_record) {
	.type = BBUF_RECORD, .run = peek, .before = PIECES * PIECE, .value = PIECE,
	.copies = 2, .places = 2,
};

/* Notifications */

static long poll_once(struct bed *bed)
{
	return poll(&(struct pollfd){ .fd = bed->fd, .events = POLLIN | POLLOUT }, 1, 0);
}

static long watch(struct bed *bed)
{
	return epoll_ctl(bed->epoll, EPOLL_CTL_ADD, bed->fd,
			 &(struct epoll_event){ .events = EPOLLIN | EPOLLOUT });
}

static bool unwatch(struct bed *bed)
{
	return !epoll_ctl(bed->epoll, EPOLL_CTL_DEL, bed->fd, NULL) || errno == ENOENT;
}

static bool is_watched(struct bed *bed, bool done)
{
	return done == (epoll_wait(bed->epoll, &(struct epoll_event){ 0 }, 1, 0) == 1);
}

static long make_async(struct bed *bed)
{
	return fcntl(bed->fd, F_SETFL, O_ASYNC);
}

static bool make_sync(struct bed *bed)
{
	return !fcntl(bed->fd, F_SETFL, 0);
}

static bool is_async(struct bed *bed, bool done)
{
	return done == !!(fcntl(bed->fd, F_GETFL) & O_ASYNC);
}

FIXTURE_VARIANT_ADD(inject, poll) {
	.run = poll_once, .before = PIECE, .value = 1, .copies = 1, .places = 1,
};

FIXTURE_VARIANT_ADD(inject, epoll) {
	.prepare = unwatch, .run = watch, .good = is_watched, .before = PIECE,
	.copies = 1, .places = 3, .needs = true,
};

FIXTURE_VARIANT_ADD(inject, fasync) {
	.prepare = make_sync, .run = make_async, .good = is_async, .before = PIECE,
	.places = 2, .needs = true,
};

/* Asking and changing */

static long ask(struct bed *bed)
{
	struct bbuf_info info;
	struct bbuf_options options;

	return ioctl(bed->fd, BBUF_IOC_INFO, &info) ?:
	       ioctl(bed->fd, BBUF_IOC_GET_OPTIONS, &options);
}

static long resize(struct bed *bed)
{
	return queue_resize(bed->fd, 2 * CAPACITY);
}

static bool unsize(struct bed *bed)
{
	return !queue_resize(bed->fd, CAPACITY);
}

static bool is_resized(struct bed *bed, bool done)
{
	return queue_info(bed->fd).capacity == (done ? 2 * CAPACITY : CAPACITY);
}

static long set_options(struct bed *bed)
{
	return queue_set_options(bed->fd, .read_timeout = 1);
}

static bool unset_options(struct bed *bed)
{
	return !queue_set_options(bed->fd, .read_timeout = 0);
}

static bool has_options(struct bed *bed, bool done)
{
	struct bbuf_options options;

	return !ioctl(bed->fd, BBUF_IOC_GET_OPTIONS, &options) && options.read_timeout == done;
}

/* All that neither allocates nor copies. */
static long need_nothing(struct bed *bed)
{
	return queue_flush(bed->fd) ?: fsync(bed->fd) ?: queue_shutdown(bed->fd) ?:
	       queue_reopen(bed->fd) ?: queued(bed->fd);
}

static long read_file(const char *path, struct bed *bed)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, bed->in, sizeof(bed->in));
	int error = errno;

	close(fd);
	errno = error;
	return n;
}

static long read_sysfs(struct bed *bed)
{
	return read_file("/sys/class/bbuf/" QUEUE "/peak", bed);
}

static long read_fdinfo(struct bed *bed)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", bed->fd);
	return read_file(path, bed);
}

FIXTURE_VARIANT_ADD(inject, info) {
	.run = ask, .before = PIECE, .copies = 2, .places = 2,
};

FIXTURE_VARIANT_ADD(inject, resize) {
	.prepare = unsize, .run = resize, .good = is_resized, .before = PIECE,
	.copies = 1, .places = 1, .pages = true, .needs = true,
};

FIXTURE_VARIANT_ADD(inject, resize_of_records) {
	.type = BBUF_RECORD, .prepare = unsize, .run = resize, .good = is_resized,
	.before = PIECES * PIECE, .copies = 1, .places = 1,
	.pages = true, .needs = true,
};

FIXTURE_VARIANT_ADD(inject, options) {
	.prepare = unset_options, .run = set_options, .good = has_options, .before = PIECE,
	.copies = 1, .places = 1,
};

FIXTURE_VARIANT_ADD(inject, calls_without_allocations) {
	.run = need_nothing,
};

FIXTURE_VARIANT_ADD(inject, sysfs) {
	.run = read_sysfs, .before = PIECE, .value = ANY,
	.copies = 2, .places = 4, .needs = true,
};

FIXTURE_VARIANT_ADD(inject, fdinfo) {
	.run = read_fdinfo, .before = PIECE, .value = ANY, .error = ENOENT,
	.copies = 2, .places = 4, .needs = true,
};

/* Leases: of what was read; see settle_leases() */

static long lease_piece(struct bed *bed)
{
	struct bbuf_lease lease;
	ssize_t n = lease_read(bed->fd, bed->in, sizeof(bed->in), &lease);

	return n <= 0 || lease.lease ? delivered(bed, n) : -1;
}

/* A batch of leases stops at a missing page: all of them must be delivered after it arrived. */
static bool make_lease_framed(struct bed *bed)
{
	memset(bed->in, 0, sizeof(bed->in));
	return !queue_set_options(bed->fd, .flags = BBUF_FRAMED | BBUF_LEASE_FRAMED);
}

static long take_lease_framed(struct bed *bed)
{
	ssize_t n = read(bed->fd, bed->in, sizeof(bed->in));
	int i;

	for (i = 0; i < n / (ssize_t)LEASE_FRAMED; i++)
		memmove(bed->in + i * PIECE,
			bed->in + i * LEASE_FRAMED + sizeof(struct bbuf_lease_frame), PIECE);
	return n <= 0 || delivered(bed, i * PIECE) == i * PIECE ? n : -1;
}

/* The number of leases is the number that the call has reported. */
static bool leases_are_reported(struct bed *bed, bool done)
{
	struct bbuf_info info = queue_info(bed->nb);

	return info.leased_records ? done && info.leasing_files == 1 : !done;
}

static bool have_lease(struct bed *bed)
{
	return take_record(bed->fd, 0, PIECE);
}

static bool have_returned(struct bed *bed)
{
	return have_lease(bed) && settle(bed->fd, 0, BBUF_RETURN) == 1;
}

/* The bytes of one that was settled. */
static long settle_piece(struct bed *bed, enum bbuf_settle_action action)
{
	return settle(bed->fd, 0, action) == 1 ? PIECE : -1;
}

static long acknowledge(struct bed *bed)
{
	return settle_piece(bed, BBUF_ACK);
}

static long give_back(struct bed *bed)
{
	return settle_piece(bed, BBUF_RETURN);
}

static long give_back_last(struct bed *bed)
{
	return settle_piece(bed, BBUF_RETURN_LAST);
}

static long renew(struct bed *bed)
{
	long done = settle_piece(bed, BBUF_RENEW);

	return done < 0 || settle_piece(bed, BBUF_RETURN) == done ? done : -1;
}

static long reject(struct bed *bed)
{
	return settle_piece(bed, BBUF_REJECT);
}

/* This operation does not decide what happens to the lease: close() does, which cannot fail. */
static long close_leasing(struct bed *bed)
{
	int fd = queue_open(QUEUE, O_RDONLY);
	bool had = fd >= 0 && read(fd, bed->in, sizeof(bed->in)) == PIECE;
	int error = errno;

	close(fd);
	errno = error;
	return had ? 0 : -1;
}

#define LEASES	.type = BBUF_RECORD, .policy = BBUF_LEASE

FIXTURE_VARIANT_ADD(inject, lease) {
	LEASES, .run = lease_piece, .good = leases_are_reported, .before = PIECES * PIECE,
	.effect = TAKES, .value = PIECE, .copies = 3, .places = 4, .needs = true,
};

FIXTURE_VARIANT_ADD(inject, lease_of_a_returned_record) {
	LEASES, .prepare = have_returned, .run = lease_piece, .good = leases_are_reported,
	.before = PIECES * PIECE, .effect = TAKES, .value = PIECE, .copies = 3, .places = 3,
};

FIXTURE_VARIANT_ADD(inject, lease_by_read) {
	LEASES, .run = take_pieces, .good = leases_are_reported, .before = PIECES * PIECE,
	.effect = TAKES, .value = PIECE, .copies = 1, .places = 2, .needs = true,
};

FIXTURE_VARIANT_ADD(inject, leases_with_frames) {
	LEASES, .prepare = make_lease_framed, .run = take_lease_framed,
	.good = leases_are_reported, .before = PIECES * PIECE, .effect = TAKES,
	.framed = LEASE_FRAMED, .value = PIECES * LEASE_FRAMED,
	.copies = 2 * PIECES, .places = 3 * PIECES, .needs = true,
};

FIXTURE_VARIANT_ADD(inject, lease_by_splice) {
	LEASES, .prepare = empty_pipe, .run = take_spliced, .good = arrives_in_pipe,
	.before = PIECE, .effect = TAKES, .value = PIECE,
	.error = EAGAIN, .pages = true, .needs = true,
};

FIXTURE_VARIANT_ADD(inject, peek_with_leases) {
	LEASES, .run = peek, .before = PIECES * PIECE, .value = PIECE,
	.copies = 2, .places = 2,
};

FIXTURE_VARIANT_ADD(inject, acknowledge) {
	LEASES, .prepare = have_lease, .run = acknowledge, .before = PIECES * PIECE,
	.effect = TAKES, .value = PIECE, .copies = 1, .places = 1,
};

FIXTURE_VARIANT_ADD(inject, return_lease) {
	LEASES, .prepare = have_lease, .run = give_back, .before = PIECES * PIECE,
	.value = PIECE, .copies = 1, .places = 1,
};

FIXTURE_VARIANT_ADD(inject, return_lease_to_tail) {
	LEASES, .prepare = have_lease, .run = give_back_last, .before = PIECE,
	.value = PIECE, .copies = 1, .places = 1,
};

FIXTURE_VARIANT_ADD(inject, renew) {
	LEASES, .prepare = have_lease, .run = renew, .before = PIECES * PIECE,
	.value = PIECE, .copies = 2, .places = 2,
};

FIXTURE_VARIANT_ADD(inject, reject) {
	LEASES, .prepare = have_lease, .run = reject, .before = PIECES * PIECE,
	.effect = TAKES, .value = PIECE, .copies = 1, .places = 1,
};

FIXTURE_VARIANT_ADD(inject, close_with_leases) {
	LEASES, .run = close_leasing, .before = PIECES * PIECE,
	.copies = 2, .places = 7, .needs = true,
};

/* Coming and going */

static long open_it(struct bed *bed)
{
	int fd = open(QUEUE_NODE, O_RDWR | O_CLOEXEC);

	(void)bed;
	if (fd >= 0)
		close(fd);
	return fd;
}

static struct bbuf_create other = { .name = OTHER, .capacity = CAPACITY, .mode = 0600 };

static long create_other(struct bed *bed)
{
	return ioctl(bed->control, BBUF_IOC_CREATE, &other);
}

static long destroy_other(struct bed *bed)
{
	return ioctl(bed->control, BBUF_IOC_DESTROY, &other);
}

static bool have_other(struct bed *bed)
{
	return !create_other(bed) || errno == EEXIST;
}

static bool have_no_other(struct bed *bed)
{
	return !destroy_other(bed) || errno == ENOENT;
}

/* All of it, under the right name. */
static bool other_exists(struct bed *bed, bool exists)
{
	(void)bed;
	return exists == !access(BBUF_DEVICE "-" OTHER, F_OK) &&
	       exists == !access("/sys/class/bbuf/" OTHER, F_OK) && access("/dev/" OTHER, F_OK);
}

static bool other_is_gone(struct bed *bed, bool gone)
{
	return other_exists(bed, !gone);
}

static struct bbuf_create leasing = {
	.name = OTHER, .capacity = CAPACITY, .mode = 0600, LEASES, .dead_letters = QUEUE,
};

static long create_leasing(struct bed *bed)
{
	return ioctl(bed->control, BBUF_IOC_CREATE, &leasing);
}

/* A rejected record is either there, or still leased. */
static bool arrives_in_other(struct bed *bed, bool done)
{
	int fd = queue_open(OTHER, O_RDONLY | O_NONBLOCK);
	bool there = take_record(fd, 0, PIECE);

	(void)bed;
	close(fd);
	return there == done;
}

FIXTURE_VARIANT_ADD(inject, reject_to_dead_letters) {
	LEASES, .dead_letters = OTHER, .prepare = have_lease, .run = reject,
	.good = arrives_in_other, .before = PIECES * PIECE, .effect = TAKES, .value = PIECE,
	.copies = 1, .places = 1,
};

FIXTURE_VARIANT_ADD(inject, open) {
	.run = open_it, .before = PIECE, .value = ANY,
	.copies = 1, .places = 4, .needs = true,
};

FIXTURE_VARIANT_ADD(inject, create) {
	.prepare = have_no_other, .run = create_other, .good = other_exists, .before = PIECE,
	.copies = 1, .places = 20, .pages = true, .needs = true,
};

FIXTURE_VARIANT_ADD(inject, open_for_leases) {
	LEASES, .run = open_it, .before = PIECE, .value = ANY,
	.copies = 1, .places = 5, .needs = true,
};

FIXTURE_VARIANT_ADD(inject, open_for_tokens) {
	.policy = BBUF_LEASE, .run = open_it, .before = PIECE, .value = ANY,
	.copies = 1, .places = 5, .needs = true,
};

FIXTURE_VARIANT_ADD(inject, create_with_leases) {
	.type = BBUF_RECORD, .prepare = have_no_other, .run = create_leasing,
	.good = other_exists, .before = PIECE, .copies = 1, .places = 21, .pages = true,
	.needs = true,
};

FIXTURE_VARIANT_ADD(inject, destroy) {
	.prepare = have_other, .run = destroy_other, .good = other_is_gone, .before = PIECE,
	.copies = 1, .places = 1,
};

/* Before each fault */

/*
 * Empty, of the capacity it had, and what comes lies around the end of the ring: a new ring
 * begins at its beginning, and some bytes go through it.
 */
static bool queue_restore(int nb, enum bbuf_type type)
{
	size_t n = CAPACITY - PIECE / 2;

	return !queue_resize(nb, CAPACITY) && fill(nb, n) && discard(nb, n) &&
	       (type == BBUF_STREAM || (fill(nb, n) && discard(nb, n)));
}

static bool restore_dead_letters(struct bed *bed)
{
	struct bbuf_create dead = { .name = OTHER, .capacity = CAPACITY, .type = BBUF_RECORD };

	close(bed->fd);
	close(bed->nb);
	if (!have_no_other(bed) || queue_create(&dead) ||
	    lease_make(.type = BBUF_RECORD, .capacity = CAPACITY, .dead_letters = OTHER))
		return false;
	bed->fd = queue_open(QUEUE, O_RDWR);
	bed->nb = queue_open(QUEUE, O_RDWR | O_NONBLOCK);
	return bed->fd >= 0 && bed->nb >= 0;
}

static bool bed_restore(struct bed *bed, const FIXTURE_VARIANT(inject) *v)
{
	if (!v->fresh && !v->policy)
		return queue_restore(bed->nb, v->type);
	close(bed->fd);
	close(bed->nb);
	if (queue_begin(v->type, CAPACITY, v->policy, &bed->fd, &bed->nb))
		return false;
	return !v->dead_letters || restore_dead_letters(bed);
}

/* Queues, or takes and compares, the pattern from one position to another, in pieces. */
static bool put_all(int fd, size_t from, size_t to)
{
	for (; from < to; from += PIECE)
		if (put(fd, from, PIECE) != PIECE)
			return false;
	return true;
}

static bool take_all(int fd, enum bbuf_type type, size_t from, size_t to)
{
	if (type == BBUF_STREAM)
		return take(fd, from, to - from);
	for (; from < to; from += PIECE)
		if (!take_record(fd, from, PIECE))
			return false;
	return true;
}

/* Each attempt: the operation with a fault, and then again without one */

enum fault {
	NONE,
	ONE,		/* one object or copy, the first, the second ... */
	ONE_OR_PAGES,	/* the same, with pages, too */
	COPIES,		/* all copies from one place on */
	EVERY_OTHER,	/* every other copy from one place on */
	ALLOCATIONS,	/* all of them */
};

struct attempt {
	const FIXTURE_VARIANT(inject) *v;
	struct bed *bed;
	enum fault fault;
	int place;
};

struct outcome {
	long value;
	int error;
	bool struck;		/* the operation met the fault */
};

static bool one_place(enum fault fault)
{
	return fault == ONE || fault == ONE_OR_PAGES;
}

static bool only_copies(enum fault fault)
{
	return fault == COPIES || fault == EVERY_OTHER;
}

/* How often each kind may still fail, in tasks that are to fail. */
static bool arm_kinds(enum fault fault)
{
	return !file_put(DEBUGFS "fail_usercopy/times", only_copies(fault) ? FAIL_TIMES : "0") &&
	       !file_put(DEBUGFS "fail_usercopy/interval", fault == EVERY_OTHER ? "2" : "1") &&
	       !file_put(DEBUGFS "failslab/times", fault == ALLOCATIONS ? FAIL_TIMES : "0") &&
	       !file_put(DEBUGFS "fail_page_alloc/times", fault == ALLOCATIONS ? FAIL_TIMES : "0");
}

static bool kind_struck(const char *times)
{
	return file_number(times) < atol(FAIL_TIMES);
}

static bool kinds_struck(enum fault fault)
{
	if (only_copies(fault))
		return kind_struck(DEBUGFS "fail_usercopy/times");
	return kind_struck(DEBUGFS "failslab/times") ||
	       kind_struck(DEBUGFS "fail_page_alloc/times");
}

/* Where it begins: copies before that place are good, and so may be pages. */
static bool arm_place(enum fault fault, int place)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", place);
	return !file_put(DEBUGFS "fail_usercopy/space", text) &&
	       !file_put(DEBUGFS "fail_page_alloc/min-order", fault == ONE ? ORDER_NONE : "0");
}

static bool arm_one(int fd, int place)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%d", place);

	return pwrite(fd, text, n, 0) == n;
}

/*
 * The remaining count must be 0 after the fault. Reading it is a copy, too, and may be the one that
 * fails.
 */
static bool one_struck(int fd)
{
	char left[16];

	return pread(fd, left, sizeof(left), 0) > 0 && left[0] == '0';
}

/* In a process of its own, that does nothing else, and has all its memory. */
static long run_with_fault(struct task *t)
{
	const struct attempt *a = (const struct attempt *)t->arg[0];
	struct outcome *o = (struct outcome *)t->result->data;
	int nth = open("/proc/self/fail-nth", O_RDWR | O_CLOEXEC);

	if (mlockall(MCL_CURRENT) || nth < 0)
		return -1;
	if (one_place(a->fault) ? !arm_one(nth, a->place)
				: file_put("/proc/self/make-it-fail", "1"))
		return -1;
	o->value = a->v->run(a->bed);
	o->error = errno;
	o->struck = one_place(a->fault) && one_struck(nth);
	return 0;
}

static bool run_struck(const struct attempt *a, struct outcome *o)
{
	struct task task = { .fn = run_with_fault, .len = sizeof(*o), .arg = { (long)a } };

	if (!arm_kinds(a->fault) || !arm_place(a->fault, a->place))
		return false;
	if (task_start(&task) || task_wait(&task))
		return false;
	memcpy(o, task.result->data, sizeof(*o));
	if (!one_place(a->fault))
		o->struck = kinds_struck(a->fault);
	return true;
}

static bool run(const struct attempt *a, struct outcome *o)
{
	if (a->fault != NONE)
		return run_struck(a, o);
	o->value = a->v->run(a->bed);
	o->error = errno;
	o->struck = false;
	return true;
}

/* Each of the following functions returns what is wrong, or NULL. */

static bool documented(const struct attempt *a, int error)
{
	return (error == EFAULT && a->fault != ALLOCATIONS) ||
	       (!only_copies(a->fault) && (error == ENOMEM || (error && error == a->v->error)));
}

static const char *judge_value(const struct attempt *a, const struct outcome *o)
{
	const FIXTURE_VARIANT(inject) *v = a->v;
	bool whole = v->value == ANY ? o->value >= 0 : o->value == v->value;

	if (whole && o->struck && (a->fault == COPIES || (a->fault == ALLOCATIONS && v->needs)))
		return "it did without the memory";
	if (whole)
		return NULL;
	if (!o->struck || o->value > v->value)
		return "its value";
	return o->value >= 0 || documented(a, o->error) ? NULL : "its error";
}

static bool leases_records(const FIXTURE_VARIANT(inject) *v)
{
	return v->type == BBUF_RECORD && v->policy & BBUF_LEASE;
}

/*
 * Leased records: a failed operation must return them to their positions. After a partial success
 * the test takes them, like the data that it checks.
 */
static bool settle_leases(struct bed *bed, bool done)
{
	return settle_all(bed->fd, done ? BBUF_ACK : BBUF_RETURN) >= 0;
}

static const char *judge_queue(const struct attempt *a, const struct outcome *o)
{
	const FIXTURE_VARIANT(inject) *v = a->v;
	struct bbuf_info info;
	size_t moved = o->value > 0 && v->effect != KEEPS ? o->value : 0;
	size_t first = 0, last = v->before;

	if (v->framed)
		moved = moved / v->framed * PIECE;
	if (v->effect == ADDS)
		last += moved;
	else
		first += moved;
	if (v->good && !v->good(a->bed, o->value >= 0))
		return "what has become of it";
	if (leases_records(v) && !settle_leases(a->bed, o->value >= 0))
		return "what is leased";
	info = queue_info(a->bed->nb);
	if (info.leased_bytes && leases_records(v))
		return "the number of bytes leased";
	if (info.bytes != last - first)
		return "the number of bytes queued";
	if (info.in.waiters || info.out.waiters)
		return "a waiter";
	if (info.in.files != FILES || info.out.files != FILES)
		return "the number of files";
	if (!take_all(a->bed->nb, v->type, first, last) ||
	    (leases_records(v) && settle_all(a->bed->nb, BBUF_ACK) < 0))
		return "what is queued";
	return NULL;
}

static const char *step(const struct attempt *a, struct outcome *o)
{
	if (!put_all(a->bed->nb, 0, a->v->before))
		return "a write before it";
	if (a->v->prepare && !a->v->prepare(a->bed))
		return "what prepares it";
	if (!run(a, o))
		return "the process that runs it";
	return judge_value(a, o) ?: judge_queue(a, o);
}

/* With the fault, and then again without it. */
static const char *try(struct attempt *a, struct outcome *o)
{
	struct outcome after;
	const char *wrong;

	if (!bed_restore(a->bed, a->v))
		return "what restores the queue";
	wrong = step(a, o);
	if (wrong)
		return wrong;
	a->fault = NONE;
	wrong = step(a, &after);
	if (wrong)
		*o = after;
	return wrong;
}

FIXTURE_SETUP(inject)
{
	struct bed *bed = &self->bed;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(settings); i++)
		ASSERT_EQ(0, file_put(settings[i].file, settings[i].text));
	ASSERT_EQ(0, queue_begin(variant->type, CAPACITY, 0, &bed->fd, &bed->nb));
	ASSERT_EQ(0, pipe2(bed->pipe, O_NONBLOCK | O_CLOEXEC));
	bed->control = open(BBUF_CONTROL, O_RDWR | O_CLOEXEC);
	bed->epoll = epoll_create1(EPOLL_CLOEXEC);
	ASSERT_LE(0, bed->control);
	ASSERT_LE(0, bed->epoll);
	pattern_fill(bed->out, variant->before, sizeof(bed->out));
}

FIXTURE_TEARDOWN(inject)
{
	close(self->bed.fd);
	close(self->bed.nb);
	queue_destroy(OTHER);
	queue_destroy(QUEUE);
}

#define ASSERT_GOOD(attempt, outcome)					\
do {									\
	const char *__wrong = try(attempt, outcome);			\
									\
	ASSERT_EQ(NULL, __wrong) {					\
		TH_LOG("%s: place %d, value %ld, error %d%s", __wrong,	\
		       (attempt)->place, (outcome)->value, (outcome)->error,\
		       (attempt)->fault == NONE ? ", but afterwards" : "");\
	}								\
} while (0)

/* Until the operation meets the fault no more; at least that many did. */
#define TRY_EACH(which, least)						\
do {									\
	struct outcome outcome = { .struck = true };			\
	unsigned int struck;						\
									\
	for (struck = 0; outcome.struck; struck += outcome.struck) {	\
		struct attempt attempt = {				\
			variant, &self->bed, which, struck + 1,		\
		};							\
									\
		ASSERT_GOOD(&attempt, &outcome);			\
	}								\
	ASSERT_LE(least, struck);					\
} while (0)

TEST_F_TIMEOUT(inject, handles_each_single_fault, SECONDS)
{
	TRY_EACH(ONE, variant->places);
	if (variant->pages)
		TRY_EACH(ONE_OR_PAGES, variant->places + 1);
}

TEST_F_TIMEOUT(inject, handles_faults_from_any_point_on, SECONDS)
{
	TRY_EACH(COPIES, variant->copies);
}

/* An operation that restarts after a missing page must get past it. */
TEST_F_TIMEOUT(inject, handles_random_faults, SECONDS)
{
	struct outcome outcome;
	bool struck = false;
	int place;

	for (place = 1; place <= SHIFTS; place++) {
		struct attempt attempt = { variant, &self->bed, EVERY_OTHER, place };

		ASSERT_GOOD(&attempt, &outcome);
		struck |= outcome.struck;
	}
	ASSERT_TRUE(struck || variant->copies < 2);
}

TEST_F_TIMEOUT(inject, works_or_fails_cleanly_without_allocations, SECONDS)
{
	struct attempt attempt = { variant, &self->bed, ALLOCATIONS, 0 };
	struct outcome outcome;

	ASSERT_GOOD(&attempt, &outcome);
	ASSERT_TRUE(outcome.struck || !variant->needs);
}

static void __attribute__((constructor)) require_fault_injection(void)
{
	if (!access("/proc/self/fail-nth", W_OK) && !access(DEBUGFS "failslab", F_OK) &&
	    !access(DEBUGFS "fail_page_alloc", F_OK) && !access(DEBUGFS "fail_usercopy", F_OK))
		return;
	ksft_print_header();
	ksft_exit_skip("this kernel injects no faults\n");
}

BBUF_HARNESS_MAIN
