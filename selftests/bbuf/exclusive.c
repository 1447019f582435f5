// SPDX-License-Identifier: GPL-2.0-only
/*
 * EPOLLEXCLUSIVE: an event wakes as many pollers as it can serve. With fewer, a worker would sleep
 * beside a full queue; with more, all of them would run for the work of one.
 */
#include <sched.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

#include "fixture.h"
#include "leased.h"

#define POLLERS		8
#define SERVED		5	/* pollers that most events can serve: fewer than there are */
#define ALL		POLLERS
#define RECORDS		20	/* of a full queue */
#define SOON_MS		30	/* a lease timeout */
#define LATER_MS	4000	/* a write timeout: all pollers sleep before it ends */

FIXTURE(exclusive) {
	int fd;			/* blocking */
	int nb;			/* O_NONBLOCK, as the next */
	int framed;
	size_t len;		/* of a record */
	struct task poller[POLLERS];
	struct task other;	/* another task, if the test needs one */
};

#define SELF	FIXTURE_DATA(exclusive) *self

FIXTURE_VARIANT(exclusive) {
	struct bbuf_create create;	/* its type, policy and limits */
	unsigned int events;		/* that they poll for */
	const char *poll;		/* the queue they poll; QUEUE if none is named */
	bool (*prepare)(SELF);
	bool (*event)(SELF);
	int served;
	bool or_more;			/* may be woken */
};

/*
 * The steps before the pollers sleep, and the event that must wake them: each returns whether it
 * worked.
 */

static bool fill_up(SELF)
{
	return batch_put(self->framed, self->len, RECORDS);
}

static bool fill_up_and_lease(SELF)
{
	return fill_up(self) && batch_take(self->framed, self->len, SERVED);
}

static bool put_and_lease(SELF)
{
	return batch_put(self->framed, self->len, SERVED) &&
	       batch_take(self->framed, self->len, SERVED);
}

/* Data */

static bool write_records_with_frames(SELF)
{
	return batch_put(self->framed, self->len, SERVED);
}

static bool write_records_one_by_one(SELF)
{
	return put_records(self->nb, 0, SERVED);
}

static bool write_bytes(SELF)
{
	return put(self->nb, 0, 5 * SERVED) == 5 * SERVED;
}

#define RECORD_QUEUE	.create = { .type = BBUF_RECORD }
#define LEASE_QUEUE	.create = { .type = BBUF_RECORD, .policy = BBUF_LEASE }
#define STREAM_QUEUE	.create = { .type = BBUF_STREAM }
#define TOKEN_POOL	.create = { .type = BBUF_STREAM, .policy = BBUF_LEASE }

#define VARIANT(name, queue, side, before, what, number)			\
FIXTURE_VARIANT_ADD(exclusive, name) {					\
	queue, .events = side, .prepare = before, .event = what, .served = number,\
}

VARIANT(framed_write, RECORD_QUEUE, EPOLLIN, NULL, write_records_with_frames, SERVED);
VARIANT(framed_write_of_leased_records, LEASE_QUEUE, EPOLLIN, NULL,
	write_records_with_frames, SERVED);
VARIANT(write_of_single_records, RECORD_QUEUE, EPOLLIN, NULL, write_records_one_by_one, SERVED);
VARIANT(write_of_bytes, STREAM_QUEUE, EPOLLIN, NULL, write_bytes, 1);

/* A read mark is the amount that one of them takes. */

static bool set_read_mark(SELF)
{
	return !queue_set_read_mark(self->fd, LEN);
}

static bool write_marks(SELF)
{
	return put(self->nb, 0, SERVED * LEN) == SERVED * LEN;
}

VARIANT(write_of_several_read_marks, STREAM_QUEUE, EPOLLIN, set_read_mark, write_marks, SERVED);

/* Leases that return */

static bool have_worker(SELF)
{
	self->other = task_leaser(SERVED);
	return batch_put(self->framed, self->len, SERVED) && task_blocks(&self->other);
}

static bool kill_worker(SELF)
{
	task_kill(&self->other);
	return true;
}

/* Closes its file when it gets a signal, and lives on. */
static long lease_and_close(struct task *t)
{
	int fd = queue_open(QUEUE, O_RDONLY);
	char buf[LEN];
	long i;

	(void)t;
	for (i = 0; i < SERVED; i++)
		if (read(fd, buf, LEN) != LEN)
			return -1;
	pause();
	close(fd);
	return pause();
}

static bool have_worker_that_closes(SELF)
{
	self->other = (struct task){ .fn = lease_and_close, .nr = SYS_pause, .fd = -1 };
	return batch_put(self->framed, self->len, SERVED) && task_blocks(&self->other);
}

static bool other_is_signalled(SELF)
{
	return task_signal(&self->other);
}

static bool leases_expire(SELF)
{
	return !queue_set_lease_timeout(self->fd, SOON_MS * NS_PER_MS) &&
	       settle_all(self->framed, BBUF_RENEW) == SERVED;
}

static bool return_all(SELF)
{
	return settle_all(self->framed, BBUF_RETURN) == SERVED;
}

static bool return_all_last(SELF)
{
	return settle_all(self->framed, BBUF_RETURN_LAST) == SERVED;
}

static bool return_each(SELF)
{
	int i;

	for (i = 0; i < SERVED; i++)
		if (settle(self->framed, 0, BBUF_RETURN) != 1)
			return false;
	return true;
}

static bool reject_all(SELF)
{
	return settle_all(self->framed, BBUF_REJECT) == SERVED;
}

VARIANT(kill_of_a_worker, LEASE_QUEUE, EPOLLIN, have_worker, kill_worker, SERVED);
VARIANT(close_of_a_worker, LEASE_QUEUE, EPOLLIN, have_worker_that_closes,
	other_is_signalled, SERVED);
VARIANT(expiry, LEASE_QUEUE, EPOLLIN, put_and_lease, leases_expire, SERVED);
VARIANT(return_of_all, LEASE_QUEUE, EPOLLIN, put_and_lease, return_all, SERVED);
VARIANT(return_of_all_to_the_tail, LEASE_QUEUE, EPOLLIN, put_and_lease, return_all_last, SERVED);
VARIANT(return_of_each, LEASE_QUEUE, EPOLLIN, put_and_lease, return_each, SERVED);

/* The records that are there have woken whom they can serve. */
static bool write_one_and_close_others(SELF)
{
	int i;

	if (!put_records(self->nb, 0, 1))
		return false;
	for (i = 0; i < SERVED; i++)
		close(queue_open(QUEUE, O_RDONLY));
	return true;
}

VARIANT(close_of_files_without_leases, LEASE_QUEUE, EPOLLIN, NULL, write_one_and_close_others, 1);

/* Pollers of the dead letters */
FIXTURE_VARIANT_ADD(exclusive, rejection_of_all) {
	.create = { .type = BBUF_RECORD, .policy = BBUF_LEASE, .dead_letters = DEAD },
	.events = EPOLLIN, .poll = DEAD, .prepare = put_and_lease, .event = reject_all,
	.served = SERVED,
};

/* A record whose last delivery expires goes to the dead letters, too. */
FIXTURE_VARIANT_ADD(exclusive, expiry_of_the_last_delivery) {
	.create = {
		.type = BBUF_RECORD, .policy = BBUF_LEASE, .dead_letters = DEAD,
		.max_deliveries = 1,
	},
	.events = EPOLLIN, .poll = DEAD, .prepare = put_and_lease, .event = leases_expire,
	.served = SERVED,
};

/* Tokens */

static const char tokens[] = "abcde";

static bool put_tokens(SELF)
{
	return write(self->nb, tokens, SERVED) == SERVED;
}

static bool hold_tokens(SELF)
{
	return put_tokens(self) && read(self->nb, (char[SERVED]){ 0 }, SERVED) == SERVED;
}

static long hold_all_tokens(struct task *t)
{
	int fd = queue_open(QUEUE, O_RDONLY);

	(void)t;
	return read(fd, (char[SERVED]){ 0 }, SERVED) == SERVED ? pause() : -1;
}

static bool have_holder(SELF)
{
	self->other = (struct task){ .fn = hold_all_tokens, .nr = SYS_pause, .fd = -1 };
	return put_tokens(self) && task_blocks(&self->other);
}

VARIANT(new_tokens, TOKEN_POOL, EPOLLIN, NULL, put_tokens, SERVED);
VARIANT(write_back_of_tokens, TOKEN_POOL, EPOLLIN, hold_tokens, put_tokens, SERVED);
VARIANT(kill_of_a_token_holder, TOKEN_POOL, EPOLLIN, have_holder, kill_worker, SERVED);

/* Room: all pollers wait for the room of one record, which is the write mark. */

static bool read_records_with_frames(SELF)
{
	return batch_take(self->framed, self->len, SERVED);
}

static bool read_records_one_by_one(SELF)
{
	int i;

	for (i = 0; i < SERVED; i++)
		if (!discard(self->nb, self->len))
			return false;
	return true;
}

static bool fill_stream(SELF)
{
	return fill(self->nb, RECORDS * self->len);
}

static bool read_bytes(SELF)
{
	return discard(self->nb, self->len);
}

static bool read_many_bytes(SELF)
{
	return discard(self->nb, SERVED * self->len);
}

/* A record is first that leaves room for several. */
static bool fill_with_long_record(SELF)
{
	ssize_t len = SERVED * self->len;

	return put(self->nb, 0, len) == len &&
	       batch_put(self->framed, self->len, RECORDS - SERVED);
}

static bool fill_and_lease_long_record(SELF)
{
	return fill_with_long_record(self) && read_many_bytes(self);
}

static bool acknowledge(SELF)
{
	return settle(self->nb, 0, BBUF_ACK) == 1;
}

/* The file is closed that would have needed more room than the write mark was. */
static bool fill_stream_and_refuse(SELF)
{
	int fd = queue_open(QUEUE, O_WRONLY | O_NONBLOCK);
	bool good = !queue_set_write_mark(self->fd, 1) && fill_stream(self) &&
		    put(fd, 0, ATOMIC_MAX) < 0 && errno == EAGAIN;

	close(fd);
	return good && !queue_set_write_mark(self->fd, self->len);
}

static bool acknowledge_all(SELF)
{
	return settle_all(self->framed, BBUF_ACK) == SERVED;
}

static bool acknowledge_each(SELF)
{
	int i;

	for (i = 0; i < SERVED; i++)
		if (settle(self->framed, 0, BBUF_ACK) != 1)
			return false;
	return true;
}

static bool flush(SELF)
{
	return !queue_flush(self->fd);
}

static bool enlarge(SELF)
{
	return !queue_resize(self->fd, (RECORDS + SERVED) * self->len);
}

VARIANT(framed_read, RECORD_QUEUE, EPOLLOUT, fill_up, read_records_with_frames, SERVED);
VARIANT(read_of_single_records, RECORD_QUEUE, EPOLLOUT, fill_up, read_records_one_by_one, SERVED);
VARIANT(read_of_bytes, STREAM_QUEUE, EPOLLOUT, fill_stream, read_bytes, 1);
VARIANT(read_of_many_bytes, STREAM_QUEUE, EPOLLOUT, fill_stream, read_many_bytes, SERVED);
VARIANT(read_of_a_long_record, RECORD_QUEUE, EPOLLOUT, fill_with_long_record,
	read_many_bytes, SERVED);
VARIANT(read_after_close_of_a_file_with_a_refused_write, STREAM_QUEUE, EPOLLOUT,
	fill_stream_and_refuse, read_bytes, 1);
VARIANT(acknowledgement_of_a_long_record, LEASE_QUEUE, EPOLLOUT, fill_and_lease_long_record,
	acknowledge, SERVED);
VARIANT(acknowledgement_of_all, LEASE_QUEUE, EPOLLOUT, fill_up_and_lease, acknowledge_all, SERVED);
VARIANT(acknowledgement_of_each, LEASE_QUEUE, EPOLLOUT, fill_up_and_lease,
	acknowledge_each, SERVED);
VARIANT(rejection_that_makes_room, LEASE_QUEUE, EPOLLOUT, fill_up_and_lease, reject_all, SERVED);

FIXTURE_VARIANT_ADD(exclusive, expiry_that_makes_room) {
	.create = { .type = BBUF_RECORD, .policy = BBUF_LEASE, .max_deliveries = 1 },
	.events = EPOLLOUT, .prepare = fill_up_and_lease, .event = leases_expire,
	.served = SERVED,
};

/* The same with another watermark than queues have at first */

static bool lower_mark_and_fill_up(SELF)
{
	self->len = LEN;
	return !queue_resize(self->fd, RECORDS * LEN) && !queue_set_write_mark(self->fd, LEN) &&
	       fill_up(self);
}

VARIANT(framed_read_after_the_write_mark_was_lowered, RECORD_QUEUE, EPOLLOUT,
	lower_mark_and_fill_up, read_records_with_frames, SERVED);

FIXTURE_VARIANT_ADD(exclusive, flush) {
	RECORD_QUEUE, .events = EPOLLOUT, .prepare = fill_up, .event = flush,
	.served = SERVED, .or_more = true,
};

FIXTURE_VARIANT_ADD(exclusive, flush_with_leases) {
	LEASE_QUEUE, .events = EPOLLOUT, .prepare = fill_up_and_lease, .event = flush,
	.served = SERVED, .or_more = true,
};

FIXTURE_VARIANT_ADD(exclusive, larger_capacity) {
	RECORD_QUEUE, .events = EPOLLOUT, .prepare = fill_up, .event = enlarge,
	.served = SERVED, .or_more = true,
};

/*
 * The head of a wait list that was bypassed once reserves its side: non-blocking calls get EAGAIN,
 * and pollers are not woken by new data. When the head leaves, the data that it leaves wakes
 * pollers.
 */

/* There is room for SERVED records, and the head waits for twice as much. */
static bool have_head_writer(SELF)
{
	self->other = task_writer(self->fd, 0, 2 * SERVED * self->len);
	return batch_put(self->framed, self->len, RECORDS - SERVED - 1) &&
	       task_blocks(&self->other) &&
	       put(self->nb, 0, self->len) == (ssize_t)self->len;
}

static bool have_head_writer_with_a_timeout(SELF)
{
	return !queue_set_options(self->fd, .write_timeout = LATER_MS * NS_PER_MS) &&
	       have_head_writer(self);
}

static bool other_times_out(SELF)
{
	return task_wait(&self->other) == -ETIMEDOUT;
}

static bool room_for_the_head(SELF)
{
	return batch_take(self->framed, self->len, RECORDS - SERVED) &&
	       task_wait(&self->other) == (ssize_t)(2 * SERVED * self->len);
}

VARIANT(kill_of_the_head_writer, RECORD_QUEUE, EPOLLOUT, have_head_writer, kill_worker, SERVED);
VARIANT(signal_to_the_head_writer, RECORD_QUEUE, EPOLLOUT, have_head_writer,
	other_is_signalled, SERVED);
VARIANT(timeout_of_the_head_writer, RECORD_QUEUE, EPOLLOUT, have_head_writer_with_a_timeout,
	other_times_out, SERVED);

FIXTURE_VARIANT_ADD(exclusive, success_of_the_head_writer) {
	RECORD_QUEUE, .events = EPOLLOUT, .prepare = have_head_writer,
	.event = room_for_the_head, .served = SERVED, .or_more = true,
};

/* With SCHED_FIFO, no other task runs on this processor before this process sleeps. */
static bool keep_the_processor(int policy)
{
	struct sched_param param = { .sched_priority = policy == SCHED_FIFO };
	static cpu_set_t one;

	if (!CPU_COUNT(&one))
		CPU_SET(sched_getcpu(), &one);
	return !sched_setaffinity(0, sizeof(one), &one) && !sched_setscheduler(0, policy, &param);
}

/* The record that woke it is gone before it runs; so it sleeps on, and is passed no more. */
static bool have_head_reader(SELF)
{
	self->other = task_reader(self->fd, LEN);
	return keep_the_processor(SCHED_OTHER) && task_blocks(&self->other) &&
	       keep_the_processor(SCHED_FIFO) && put_records(self->nb, 0, 1) &&
	       read(self->nb, (char[LEN]){ 0 }, LEN) == LEN &&
	       keep_the_processor(SCHED_OTHER) && task_sleeps(&self->other);
}

static bool head_reader_is_killed_as_it_is_woken(SELF)
{
	if (!keep_the_processor(SCHED_FIFO) || !batch_put(self->framed, self->len, SERVED))
		return false;
	task_kill(&self->other);
	return keep_the_processor(SCHED_OTHER);
}

static bool head_reader_takes_one(SELF)
{
	return batch_put(self->framed, self->len, SERVED + 1) && task_wait(&self->other) == LEN;
}

VARIANT(kill_of_the_head_reader, RECORD_QUEUE, EPOLLIN, have_head_reader,
	head_reader_is_killed_as_it_is_woken, SERVED);
VARIANT(success_of_the_head_reader, RECORD_QUEUE, EPOLLIN, have_head_reader,
	head_reader_takes_one, SERVED);
VARIANT(kill_of_the_head_lease_reader, LEASE_QUEUE, EPOLLIN, have_head_reader,
	head_reader_is_killed_as_it_is_woken, SERVED);

/* EOF wakes all pollers. */

static bool shut_down(SELF)
{
	return !queue_shutdown(self->fd);
}

static bool destroy(SELF)
{
	(void)self;
	return !queue_destroy(QUEUE);
}

static bool lease_the_last(SELF)
{
	return put_and_lease(self) && !queue_shutdown(self->fd);
}

VARIANT(shutdown_for_readers, RECORD_QUEUE, EPOLLIN, NULL, shut_down, ALL);
VARIANT(shutdown_for_writers, RECORD_QUEUE, EPOLLOUT, fill_up, shut_down, ALL);
VARIANT(acknowledgement_of_the_last_records, LEASE_QUEUE, EPOLLIN, lease_the_last,
	acknowledge_all, ALL);
VARIANT(destroy_for_readers, STREAM_QUEUE, EPOLLIN, NULL, destroy, ALL);
VARIANT(destroy_for_writers, LEASE_QUEUE, EPOLLOUT, fill_up_and_lease, destroy, ALL);

/* The queue, with what was named */

static int make(struct bbuf_create create, size_t capacity)
{
	create.capacity = capacity;
	return queue_make_as(create);
}

FIXTURE_SETUP(exclusive)
{
	self->len = variant->events & EPOLLIN ? LEN : ATOMIC_MAX;
	ASSERT_EQ(0, dead_make(RECORDS * LEN, 0));
	ASSERT_EQ(0, make(variant->create, RECORDS * self->len));
	ASSERT_OPENS(self->fd, O_RDWR);
	ASSERT_OPENS(self->nb, O_RDWR | O_NONBLOCK);
	ASSERT_OPENS(self->framed, O_RDWR | O_NONBLOCK);
	if (variant->create.type == BBUF_RECORD) {
		ASSERT_EQ(0, queue_set_options(self->framed, .flags = BBUF_FRAMED));
	}
}

FIXTURE_TEARDOWN(exclusive)
{
	close(self->fd);
	close(self->nb);
	close(self->framed);
	queue_destroy(QUEUE);
	queue_destroy(DEAD);
}

/*
 * Pollers: each has its own epoll instance, and its own file unless one is given. They do not exit
 * after they were woken: closing their file might wake others.
 */

static int mode_for(unsigned int events)
{
	return O_NONBLOCK | (events & EPOLLIN ? O_RDONLY : O_WRONLY);
}

static long poll_once(struct task *t)
{
	int fd = t->position ? (int)t->position : queue_open((char *)t->arg[1], mode_for(t->arg[0]));
	struct epoll_event event;
	int epoll = epoll_on(fd, t->arg[0]);

	if (epoll_wait(epoll, &event, 1, -1) != 1)
		return -1;
	store(t->result->data[0], true);
	return pause();
}

/* A file of -1 is each one's own. */
static struct task task_polling(const char *queue, int fd, unsigned int events)
{
	return (struct task){
		.fn = poll_once, .nr = SYS_epoll_wait, .fd = -1, .len = 1,
		.position = fd < 0 ? 0 : fd, .arg = { events, (long)queue },
	};
}

static bool woken(const struct task *poller)
{
	return load(poller->result->data[0]);
}

static bool all_sleep(struct task *poller, int n)
{
	int i;

	for (i = 0; i < n; i++)
		if (!task_blocks(&poller[i]))
			return false;
	return true;
}

static int count_woken(const struct task *poller, int n)
{
	int count = 0;

	while (n--)
		count += woken(&poller[n]);
	return count;
}

static int count_undisturbed(struct task *poller, int n)
{
	int undisturbed = 0;

	while (n--)
		undisturbed += task_undisturbed(&poller[n]);
	return undisturbed;
}

#define ASSERT_SERVED(poller, n, served)				\
do {									\
	ASSERT_EQ(served, count_woken(poller, n));			\
	ASSERT_EQ((n) - (served), count_undisturbed(poller, n));	\
} while (0)

#define ASSERT_WAKES(file, flags)					\
do {									\
	const char *queue = variant->poll ?: QUEUE;			\
	int i;								\
									\
	ASSERT_TRUE(!variant->prepare || variant->prepare(self));	\
	for (i = 0; i < POLLERS; i++)					\
		self->poller[i] = task_polling(queue, file, variant->events |\
					       EPOLLEXCLUSIVE | (flags));\
	ASSERT_TRUE(all_sleep(self->poller, POLLERS));			\
	ASSERT_TRUE(variant->event(self));				\
	ASSERT_TRUE(eventually(count_woken(self->poller, POLLERS) >= variant->served));\
	if (!variant->or_more) {					\
		ASSERT_SERVED(self->poller, POLLERS, variant->served);	\
	}								\
} while (0)

TEST_F(exclusive, wakes_as_many_as_it_serves_with_separate_files)
{
	ASSERT_WAKES(-1, 0);
}

TEST_F(exclusive, wakes_as_many_as_it_serves_with_a_shared_file)
{
	int file = queue_open(variant->poll ?: QUEUE, mode_for(variant->events));

	ASSERT_LT(0, file);
	ASSERT_WAKES(file, 0);
}

TEST_F(exclusive, wakes_as_many_as_it_serves_with_edge_triggering)
{
	ASSERT_WAKES(-1, EPOLLET);
}

/* Plain pollers are woken in addition, and do not take the place of an exclusive one. */
TEST_F(exclusive, wakes_as_many_as_it_serves_and_all_plain_pollers)
{
	struct task plain[2];
	size_t i;

	ASSERT_TRUE(!variant->prepare || variant->prepare(self));
	for (i = 0; i < ARRAY_SIZE(plain); i++) {
		plain[i] = task_polling(variant->poll ?: QUEUE, -1, variant->events);
		ASSERT_BLOCKS(plain[i]);
	}
	for (i = 0; i < POLLERS; i++)
		self->poller[i] = task_polling(variant->poll ?: QUEUE, -1,
					       variant->events | EPOLLEXCLUSIVE);
	ASSERT_TRUE(all_sleep(self->poller, POLLERS));
	ASSERT_TRUE(variant->event(self));
	ASSERT_TRUE(eventually(count_woken(self->poller, POLLERS) >= variant->served));
	if (!variant->or_more) {
		ASSERT_SERVED(self->poller, POLLERS, variant->served);
	}
	for (i = 0; i < ARRAY_SIZE(plain); i++)
		ASSERT_TRUE(eventually(woken(&plain[i])));
}

/* Workers: each takes one record, and is busy with it from then on. */

FIXTURE(workers) {
	int fd;
	int nb;
	struct task worker[POLLERS];
};

FIXTURE_SETUP(workers)
{
	QUEUE_BEGIN(BBUF_RECORD, RECORDS * LEN, 0);
	ASSERT_EQ(0, queue_set_options(self->fd, .flags = BBUF_FRAMED));
}

QUEUE_TEARDOWN(workers)

/* In an epoll of its own, or in one that is given. Another may have been faster. */
static long take_one(struct task *t)
{
	int fd = queue_open(QUEUE, O_RDONLY | O_NONBLOCK);
	int epoll = t->fd < 0 ? epoll_on(fd, EPOLLIN | EPOLLEXCLUSIVE) : t->fd;
	struct epoll_event event;
	char buf[LEN];

	do {
		if (epoll_wait(epoll, &event, 1, -1) != 1)
			return -1;
	} while (read(fd, buf, LEN) < 0 && errno == EAGAIN);
	t->result->data[0] = true;
	return pause();
}

static int count_busy(const struct task *worker)
{
	int i, busy = 0;

	for (i = 0; i < POLLERS; i++)
		busy += load(worker[i].result->data[0]);
	return busy;
}

#define ASSERT_BUSY(epoll)						\
do {									\
	int i, n;							\
									\
	for (i = 0; i < POLLERS; i++) {					\
		self->worker[i] = (struct task){			\
			.fn = take_one, .nr = SYS_epoll_wait, .fd = epoll, .len = 1,\
		};							\
		ASSERT_BLOCKS(self->worker[i]);				\
	}								\
	for (n = 1, i = 0; i < POLLERS; i += n, n++) {			\
		n = n < POLLERS - i ? n : POLLERS - i;			\
		ASSERT_TRUE(batch_put(self->fd, LEN, n));			\
		ASSERT_TRUE(eventually(count_busy(self->worker) == i + n));\
		ASSERT_EQ(0, queued(self->nb));				\
	}								\
} while (0)

TEST_F(workers, all_work_while_there_are_jobs_with_an_exclusive_epoll_each)
{
	ASSERT_BUSY(-1);
}

TEST_F(workers, all_work_while_there_are_jobs_with_one_shared_epoll)
{
	ASSERT_BUSY(epoll_on(self->nb, EPOLLIN));
}

/*
 * A file that may lease no more is no use to wake: neither does it take the place of one that
 * is, nor are others woken in its stead who were not to be.
 */
FIXTURE(full_files) {
	int out;
	int full[2];
	struct task able[POLLERS];
	struct task unable[2];
};

FIXTURE_SETUP(full_files)
{
	size_t i;

	ASSERT_EQ(0, lease_make(.type = BBUF_RECORD, .capacity = RECORDS * LEN, .max_leases = 1));
	ASSERT_OPENS(self->out, O_WRONLY | O_NONBLOCK);
	ASSERT_EQ(0, queue_set_options(self->out, .flags = BBUF_FRAMED));
	ASSERT_TRUE(batch_put(self->out, LEN, ARRAY_SIZE(self->full)));
	for (i = 0; i < ARRAY_SIZE(self->full); i++) {
		self->full[i] = queue_open(QUEUE, O_RDONLY | O_NONBLOCK);
		ASSERT_EQ(LEN, read(self->full[i], (char[LEN]){ 0 }, LEN));
		self->unable[i] = task_polling(QUEUE, self->full[i], EPOLLIN | EPOLLEXCLUSIVE);
	}
	for (i = 0; i < POLLERS; i++)
		self->able[i] = task_polling(QUEUE, -1, EPOLLIN | EPOLLEXCLUSIVE);
}

FIXTURE_TEARDOWN(full_files)
{
	close(self->out);
	close(self->full[0]);
	close(self->full[1]);
	queue_destroy(QUEUE);
}

TEST_F(full_files, take_no_wakeup_if_they_poll_first)
{
	ASSERT_TRUE(all_sleep(self->unable, ARRAY_SIZE(self->unable)));
	ASSERT_TRUE(all_sleep(self->able, POLLERS));
	ASSERT_TRUE(batch_put(self->out, LEN, SERVED));
	ASSERT_TRUE(eventually(count_woken(self->able, POLLERS) >= SERVED));
	ASSERT_EQ(0, count_woken(self->unable, ARRAY_SIZE(self->unable)));
}

/* No file is full before the limit is lowered: that is not looked for then. */
TEST_F(full_files, take_no_wakeup_above_a_lowered_limit)
{
	ASSERT_EQ(1, settle(self->full[0], 0, BBUF_RETURN));
	ASSERT_EQ(1, settle(self->full[1], 0, BBUF_ACK));
	ASSERT_EQ(0, queue_set_max_leases(self->out, 2));
	ASSERT_EQ(LEN, read(self->full[0], (char[LEN]){ 0 }, LEN));
	ASSERT_EQ(0, queue_set_max_leases(self->out, 1));
	ASSERT_TRUE(all_sleep(self->unable, 1));
	ASSERT_TRUE(all_sleep(self->able, 1));
	ASSERT_TRUE(batch_put(self->out, LEN, 1));
	ASSERT_TRUE(eventually(count_woken(self->able, 1) == 1));
	ASSERT_EQ(0, count_woken(self->unable, 1));
}

TEST_F(full_files, take_no_wakeup_if_they_poll_in_between)
{
	ASSERT_TRUE(all_sleep(self->able, 1));
	ASSERT_TRUE(all_sleep(self->unable, ARRAY_SIZE(self->unable)));
	ASSERT_TRUE(all_sleep(self->able + 1, POLLERS - 1));
	ASSERT_TRUE(batch_put(self->out, LEN, SERVED));
	ASSERT_TRUE(eventually(count_woken(self->able, POLLERS) >= SERVED));
	ASSERT_EQ(0, count_woken(self->unable, ARRAY_SIZE(self->unable)));
}

/*
 * A file whose refused write needed no more room than the write mark, until that was lowered,
 * and one of which no write was refused.
 */
TEST_F(workers, take_no_wakeup_with_a_refused_write_above_a_lowered_mark)
{
	struct task *first = &self->worker[0], *second = &self->worker[1];
	int file = queue_open(QUEUE, O_WRONLY | O_NONBLOCK);

	ASSERT_EQ(0, queue_set_write_mark(self->nb, 5 * LEN));
	ASSERT_TRUE(put_records(self->nb, 0, RECORDS));
	ASSERT_FAILS(EAGAIN, put(file, 0, 4 * LEN));
	ASSERT_EQ(0, queue_set_write_mark(self->nb, LEN));
	*first = task_polling(QUEUE, file, EPOLLOUT | EPOLLEXCLUSIVE);
	*second = task_polling(QUEUE, -1, EPOLLOUT | EPOLLEXCLUSIVE);
	ASSERT_TRUE(all_sleep(self->worker, 2));
	ASSERT_TRUE(take_records(self->nb, 0, 1));
	ASSERT_TRUE(eventually(woken(second)));
	ASSERT_FALSE(woken(first));
	close(file);
}

BBUF_HARNESS_MAIN
