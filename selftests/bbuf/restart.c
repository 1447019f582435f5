// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls with a timeout, and fsync, go on after their task was halted, with the time that is left.
 * A signal handler ends them. See also restart_tag.c.
 */
#include <signal.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "fixture.h"
#include "halt.h"
#include "leased.h"

#define CAPACITY	1000
#define FRAME		BBUF_FRAME_SPACE(LEN)
#define TIMEOUT_MS	3000	/* less than that is left when a halted task goes on */
#define SHORT_MS	800	/* the same, where only the shortest time counts; at first */
#define SLICE_MS	300	/* goes by before, or while, a task is halted */

/* The calls: fd is the queue's. All of them wait, and with a timeout if they can have one. */

static char buffer[CAPACITY];

static long call_read(int fd)
{
	return read(fd, buffer, LEN);
}

static long call_readv(int fd)
{
	return readv(fd, &(struct iovec){ buffer, LEN }, 1);
}

static long call_splice(int fd)
{
	static int pipes[2];

	if (!pipes[1] && pipe(pipes))
		return -1;
	return splice(fd, NULL, pipes[1], NULL, LEN, 0);
}

static long call_read_frames(int fd)
{
	return read(fd, buffer, 2 * FRAME);
}

static long call_lease(int fd)
{
	struct bbuf_lease lease;

	return lease_read(fd, buffer, LEN, &lease);
}

static long call_write(int fd)
{
	return write(fd, buffer, LEN);
}

static long call_writev(int fd)
{
	return writev(fd, &(struct iovec){ buffer, LEN }, 1);
}

static long call_write_frames(int fd)
{
	struct bbuf_frame frame = { .len = LEN };

	memcpy(buffer, &frame, sizeof(frame));
	return write(fd, buffer, FRAME);
}

static long call_fsync(int fd)
{
	return fsync(fd);
}

FIXTURE(restart) {
	int fd;		/* blocking */
	int nb;		/* O_NONBLOCK */
	bool freezer;	/* cgroup v2 is there */
};

FIXTURE_VARIANT(restart) {
	call_fn call;
	long nr;		/* of the system call */
	enum bbuf_type type;
	unsigned int policy;
	unsigned int flags;	/* of struct bbuf_options */
	bool writes;		/* the queue is full, not empty */
	long value;		/* when it is served */
};

FIXTURE_VARIANT_ADD(restart, read) {
	.call = call_read, .nr = SYS_read, .type = BBUF_STREAM, .value = LEN,
};

FIXTURE_VARIANT_ADD(restart, readv) {
	.call = call_readv, .nr = SYS_readv, .type = BBUF_STREAM, .value = LEN,
};

FIXTURE_VARIANT_ADD(restart, splice) {
	.call = call_splice, .nr = SYS_splice, .type = BBUF_STREAM, .value = LEN,
};

FIXTURE_VARIANT_ADD(restart, read_of_a_record) {
	.call = call_read, .nr = SYS_read, .type = BBUF_RECORD, .value = LEN,
};

FIXTURE_VARIANT_ADD(restart, framed_read) {
	.call = call_read_frames, .nr = SYS_read, .type = BBUF_RECORD, .flags = BBUF_FRAMED,
	.value = FRAME,
};

FIXTURE_VARIANT_ADD(restart, leasing_read) {
	.call = call_read, .nr = SYS_read, .type = BBUF_RECORD, .policy = BBUF_LEASE,
	.value = LEN,
};

FIXTURE_VARIANT_ADD(restart, lease) {
	.call = call_lease, .nr = SYS_ioctl, .type = BBUF_RECORD, .policy = BBUF_LEASE,
	.value = LEN,
};

FIXTURE_VARIANT_ADD(restart, write) {
	.call = call_write, .nr = SYS_write, .type = BBUF_STREAM, .writes = true, .value = LEN,
};

FIXTURE_VARIANT_ADD(restart, writev) {
	.call = call_writev, .nr = SYS_writev, .type = BBUF_STREAM, .writes = true,
	.value = LEN,
};

FIXTURE_VARIANT_ADD(restart, framed_write) {
	.call = call_write_frames, .nr = SYS_write, .type = BBUF_RECORD, .flags = BBUF_FRAMED,
	.writes = true, .value = FRAME,
};

FIXTURE_SETUP(restart)
{
	size_t i;

	QUEUE_BEGIN(variant->type, CAPACITY, variant->policy);
	for (i = 0; variant->writes && i < CAPACITY / LEN; i++)
		ASSERT_EQ(LEN, put(self->nb, i, LEN));
	self->freezer = halt_begin();
}

FIXTURE_TEARDOWN(restart)
{
	halt_end();
	close(self->fd);
	close(self->nb);
	queue_destroy(QUEUE);
}

/* The last of them is the freezer. */
#define EACH_HALT(how)	(how = 0; how < (self->freezer ? HALTS : HALT_FREEZE); how++)

#define TASK(fn)	task_teller(fn, self->fd, variant->nr, variant->call)

#define SET_TIMEOUT(ms)							\
	ASSERT_EQ(0, queue_set_options(self->fd, .flags = variant->flags,	\
				       .read_timeout = (ms) * NS_PER_MS,	\
				       .write_timeout = (ms) * NS_PER_MS))

/* The event for which the call waits happens. */
#define SERVE() \
	ASSERT_TRUE(variant->writes ? discard(self->nb, LEN) : put(self->nb, 0, LEN) == LEN)

TEST_F(restart, resumes_after_each_stop)
{
	struct task task = TASK(make_call);
	enum halt how;

	SET_TIMEOUT(DEADLINE_MS);
	ASSERT_BLOCKS(task);
	for EACH_HALT(how) {
		ASSERT_TRUE(task_halt(&task, how));
		ASSERT_TRUE(task_release(&task, how));
	}
	SERVE();
	ASSERT_RETURNS(variant->value, task);
}

TEST_F(restart, returns_data_that_arrived_during_a_stop)
{
	enum halt how;

	SET_TIMEOUT(DEADLINE_MS);
	for EACH_HALT(how) {
		struct task task = TASK(make_call);

		ASSERT_BLOCKS(task);
		ASSERT_TRUE(task_halt(&task, how));
		SERVE();
		ASSERT_TRUE(task_let_go(&task, how));
		ASSERT_RETURNS(variant->value, task);
		if (variant->writes)
			continue;
		ASSERT_EQ(0, queued(self->nb));
	}
}

/* Halted twice: within its time, and until that is over. */
TEST_F(restart, keeps_the_deadline_set_at_the_call)
{
	unsigned long long released;
	struct task task[HALTS];
	enum halt how;

	SET_TIMEOUT(TIMEOUT_MS);
	for EACH_HALT(how) {
		task[how] = TASK(make_call);
		ASSERT_BLOCKS(task[how]);
	}
	pause_ms(SLICE_MS);
	for EACH_HALT(how) {
		ASSERT_TRUE(task_halt(&task[how], how));
		ASSERT_TRUE(task_let_go(&task[how], how));
	}
	pause_ms(SLICE_MS);
	for EACH_HALT(how)
		ASSERT_TRUE(task_halt(&task[how], how));
	pause_ms(TIMEOUT_MS);
	released = now_ns();
	for EACH_HALT(how)
		ASSERT_TRUE(task_let_go(&task[how], how));
	for EACH_HALT(how) {
		ASSERT_RETURNS(-ETIMEDOUT, task[how]);
		ASSERT_LE(TIMEOUT_MS * NS_PER_MS, elapsed(&task[how], 0));
		ASSERT_GT(released + TIMEOUT_MS * NS_PER_MS, story_of(&task[how])->end[0]);
	}
}

TEST_F(restart, handled_signal_fails_with_EINTR_even_under_SA_RESTART)
{
	struct task task = TASK(make_call);

	SET_TIMEOUT(DEADLINE_MS);
	task.restart = true;
	ASSERT_BLOCKS(task);
	ASSERT_TRUE(task_signal(&task));
	ASSERT_RETURNS(-EINTR, task);
}

/* On a machine that is too busy to halt all tasks before they time out, they get more time. */
TEST_F(restart, signal_handled_after_a_stop_fails_with_EINTR)
{
	struct task task[HALTS];
	unsigned long long ms;
	bool late = true;
	enum halt how;

	for (ms = SHORT_MS; late; ms *= 2) {
		late = false;
		SET_TIMEOUT(ms);
		for EACH_HALT(how) {
			task[how] = TASK(make_calls);
			task[how].restart = true;
			ASSERT_BLOCKS(task[how]);
		}
		pause_ms(SLICE_MS);
		for EACH_HALT(how) {
			ASSERT_TRUE(task_halt(&task[how], how));
			late |= now_ns() >= story_of(&task[how])->start[0] + ms * NS_PER_MS;
			ASSERT_EQ(0, kill(task[how].pid, SIGUSR1));
			ASSERT_TRUE(task_let_go(&task[how], how));
		}
		for EACH_HALT(how) {
			ASSERT_RETURNS(0, task[how]);
			if (late)
				continue;
			ASSERT_EQ(1, task[how].result->signals);
			ASSERT_EQ(-EINTR, story_of(&task[how])->value[0]);
			ASSERT_EQ(-ETIMEDOUT, story_of(&task[how])->value[1]);
			ASSERT_LE(ms * NS_PER_MS, elapsed(&task[how], 1));
		}
	}
}

/* fsync */

FIXTURE(restart_fsync) {
	int fd;		/* blocking */
	int nb;		/* O_NONBLOCK */
	bool freezer;
};

FIXTURE_SETUP(restart_fsync)
{
	QUEUE_BEGIN(BBUF_STREAM, CAPACITY, 0);
	ASSERT_EQ(LEN, put(self->nb, 0, LEN));
	self->freezer = halt_begin();
}

FIXTURE_TEARDOWN(restart_fsync)
{
	halt_end();
	close(self->fd);
	close(self->nb);
	queue_destroy(QUEUE);
}

TEST_F(restart_fsync, resumes_after_each_stop)
{
	struct task drainer = task_drainer(self->fd);
	enum halt how;

	ASSERT_BLOCKS(drainer);
	for EACH_HALT(how) {
		ASSERT_TRUE(task_halt(&drainer, how));
		ASSERT_TRUE(task_release(&drainer, how));
	}
	ASSERT_TRUE(discard(self->nb, LEN));
	ASSERT_RETURNS(0, drainer);
}

TEST_F(restart_fsync, waits_only_for_what_was_queued_at_the_call)
{
	enum halt how;

	for EACH_HALT(how) {
		struct task drainer = task_drainer(self->fd);

		ASSERT_BLOCKS(drainer);
		ASSERT_TRUE(task_halt(&drainer, how));
		ASSERT_EQ(LEN, put(self->nb, LEN, LEN));
		ASSERT_TRUE(task_release(&drainer, how));
		ASSERT_TRUE(discard(self->nb, LEN - 1));
		ASSERT_UNDISTURBED(drainer);
		ASSERT_TRUE(discard(self->nb, 1));
		ASSERT_RETURNS(0, drainer);
		ASSERT_EQ(LEN, queued(self->nb));
	}
}

TEST_F(restart_fsync, completes_if_all_was_read_during_the_stop)
{
	struct task drainer = task_drainer(self->fd);

	ASSERT_BLOCKS(drainer);
	ASSERT_TRUE(task_halt(&drainer, HALT_STOP));
	ASSERT_EQ(LEN, put(self->nb, LEN, LEN));
	ASSERT_TRUE(discard(self->nb, LEN));
	ASSERT_TRUE(task_let_go(&drainer, HALT_STOP));
	ASSERT_RETURNS(0, drainer);
	ASSERT_EQ(LEN, queued(self->nb));
}

/* The first caller completes first, although it is restarted last. */
TEST_F(restart_fsync, keeps_its_target_among_other_calls)
{
	struct task first = task_drainer(self->fd), second = task_drainer(self->fd);

	ASSERT_BLOCKS(first);
	ASSERT_TRUE(task_halt(&first, HALT_STOP));
	ASSERT_EQ(LEN, put(self->nb, LEN, LEN));
	ASSERT_BLOCKS(second);
	ASSERT_TRUE(task_release(&first, HALT_STOP));
	ASSERT_TRUE(discard(self->nb, LEN));
	ASSERT_RETURNS(0, first);
	ASSERT_UNDISTURBED(second);
	ASSERT_TRUE(discard(self->nb, LEN));
	ASSERT_RETURNS(0, second);
}

TEST_F(restart_fsync, fails_if_the_queue_is_destroyed_during_the_stop)
{
	struct task drainer = task_drainer(self->fd);

	ASSERT_BLOCKS(drainer);
	ASSERT_TRUE(task_halt(&drainer, HALT_STOP));
	ASSERT_EQ(0, queue_destroy(QUEUE));
	ASSERT_TRUE(task_let_go(&drainer, HALT_STOP));
	ASSERT_RETURNS(-ENODEV, drainer);
}

TEST_F(restart_fsync, handled_signal_fails_with_EINTR_even_under_SA_RESTART)
{
	struct task drainer = task_drainer(self->fd);

	drainer.restart = true;
	ASSERT_BLOCKS(drainer);
	ASSERT_TRUE(task_signal(&drainer));
	ASSERT_RETURNS(-EINTR, drainer);
}

/* The second call is a new one, and waits for all that is queued then. */
TEST_F(restart_fsync, signal_handled_after_a_stop_fails_with_EINTR)
{
	struct task drainer = task_teller(make_calls, self->fd, SYS_fsync, call_fsync);

	drainer.restart = true;
	ASSERT_BLOCKS(drainer);
	ASSERT_TRUE(task_halt(&drainer, HALT_STOP));
	ASSERT_EQ(LEN, put(self->nb, LEN, LEN));
	ASSERT_EQ(0, kill(drainer.pid, SIGUSR1));
	ASSERT_TRUE(task_let_go(&drainer, HALT_STOP));
	ASSERT_TRUE(eventually(load(story_of(&drainer)->made) == 1));
	ASSERT_EQ(-EINTR, story_of(&drainer)->value[0]);
	ASSERT_TRUE(task_sleeps(&drainer));
	ASSERT_TRUE(discard(self->nb, LEN));
	ASSERT_UNDISTURBED(drainer);
	ASSERT_TRUE(discard(self->nb, LEN));
	ASSERT_RETURNS(0, drainer);
	ASSERT_EQ(0, story_of(&drainer)->value[1]);
}

BBUF_HARNESS_MAIN
