// SPDX-License-Identifier: GPL-2.0-only
/*
 * Traces of a call that may restart after a stop: they must not affect another call, and the module
 * must stay loaded as long as a task could return into it.
 */
#include <linux/aio_abi.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "fixture.h"
#include "halt.h"
#include "named.h"
#include "ring.h"

#define LEN		10
#define CAPACITY	1000
#define TIMEOUT_MS	3000	/* less than that is left when a halted task goes on */
#define SHORT_MS	800	/* the same, where only the shortest time counts */
#define SLICE_MS	300	/* goes by before a task is halted */
#define CYCLES		50
#define WAITING_READERS	"/sys/class/bbuf/default/waiting_readers"

static char buffer[CAPACITY];

static long call_read(int fd)
{
	return read(fd, buffer, LEN);
}

static long call_write(int fd)
{
	return write(fd, buffer, LEN);
}

/* Calls of one thread that follow one another */

FIXTURE(restart_tag) {
	int fd;		/* blocking */
	int nb;		/* O_NONBLOCK */
};

FIXTURE_VARIANT(restart_tag) {
	call_fn call;
	long nr;
	bool writes;	/* the queue is full, not empty */
};

FIXTURE_VARIANT_ADD(restart_tag, read) { .call = call_read, .nr = SYS_read };
FIXTURE_VARIANT_ADD(restart_tag, write) {
	.call = call_write, .nr = SYS_write, .writes = true,
};

FIXTURE_SETUP(restart_tag)
{
	QUEUE_BEGIN(BBUF_STREAM, CAPACITY, 0);
	ASSERT_TRUE(!variant->writes || fill(self->nb, CAPACITY));
}

QUEUE_TEARDOWN(restart_tag)

#define TASK(fn)	task_teller(fn, self->fd, variant->nr, variant->call)

#define SET_TIMEOUT(ms)							\
	ASSERT_EQ(0, queue_set_options(self->fd, .read_timeout = (ms) * NS_PER_MS,	\
				       .write_timeout = (ms) * NS_PER_MS))

/* The event for which the call waits happens. */
#define SERVE() \
	ASSERT_TRUE(variant->writes ? discard(self->nb, LEN) : put(self->nb, 0, LEN) == LEN)

/* The second call of a task was one of its own, with all its time. */
#define ASSERT_ALL_TIME(task)						\
do {									\
	ASSERT_EQ(-ETIMEDOUT, story_of(task)->value[1]);		\
	ASSERT_LE(SHORT_MS * NS_PER_MS, elapsed(task, 1));		\
} while (0)

TEST_F(restart_tag, does_not_extend_the_timeout_of_a_call_stopped_many_times)
{
	struct task task = TASK(make_call);
	unsigned long long released = 0;
	int i;

	SET_TIMEOUT(TIMEOUT_MS);
	ASSERT_BLOCKS(task);
	for (i = 0; i < CYCLES; i++) {
		ASSERT_FALSE(task_done(&task));
		ASSERT_TRUE(task_halt(&task, HALT_STOP));
		if (i + 1 == CYCLES)
			pause_ms(TIMEOUT_MS);
		released = now_ns();
		ASSERT_TRUE(task_let_go(&task, HALT_STOP));
	}
	ASSERT_RETURNS(-ETIMEDOUT, task);
	ASSERT_LE(TIMEOUT_MS * NS_PER_MS, elapsed(&task, 0));
	ASSERT_GT(released + TIMEOUT_MS * NS_PER_MS, story_of(&task)->end[0]);
}

/* The call goes on, and is complete without a wait. */
TEST_F(restart_tag, is_removed_when_the_call_is_complete)
{
	struct task task = TASK(make_calls);

	SET_TIMEOUT(SHORT_MS);
	ASSERT_BLOCKS(task);
	pause_ms(SLICE_MS);
	ASSERT_TRUE(task_halt(&task, HALT_STOP));
	SERVE();
	ASSERT_TRUE(task_let_go(&task, HALT_STOP));
	ASSERT_RETURNS(0, task);
	ASSERT_EQ(LEN, story_of(&task)->value[0]);
	ASSERT_ALL_TIME(&task);
}

/* Handlers of SIGUSR1 that do more than count */

static struct task *handled;
static sigjmp_buf before_call;

static void handle_with(void (*handler)(int signal), struct task *t)
{
	handled = t;
	signal(SIGUSR1, handler);
}

static void leave(int signal)
{
	(void)signal;
	siglongjmp(before_call, 1);
}

static long make_calls_and_leave(struct task *t)
{
	struct story *story = story_of(t);

	handle_with(leave, t);
	if (sigsetjmp(before_call, 1)) {
		story->end[0] = now_ns();
		story->made = 1;
	}
	tell(t);
	return 0;
}

TEST_F(restart_tag, is_not_used_by_a_handler_that_does_not_return)
{
	struct task task = TASK(make_calls_and_leave);

	SET_TIMEOUT(SHORT_MS);
	ASSERT_BLOCKS(task);
	pause_ms(SLICE_MS);
	ASSERT_EQ(0, kill(task.pid, SIGUSR1));
	ASSERT_RETURNS(0, task);
	ASSERT_EQ(2, story_of(&task)->made);
	ASSERT_ALL_TIME(&task);
}

static void call_again(int signal)
{
	(void)signal;
	handled->result->signals++;
	story_of(handled)->made = 1;
	tell(handled);
	story_of(handled)->made = 0;
}

static long make_calls_nested(struct task *t)
{
	handle_with(call_again, t);
	return make_call(t);
}

TEST_F(restart_tag, does_not_apply_to_a_call_made_by_a_handler)
{
	struct task task = TASK(make_calls_nested);

	SET_TIMEOUT(SHORT_MS);
	ASSERT_BLOCKS(task);
	pause_ms(SLICE_MS);
	ASSERT_TRUE(task_halt(&task, HALT_STOP));
	ASSERT_EQ(0, kill(task.pid, SIGUSR1));
	ASSERT_TRUE(task_let_go(&task, HALT_STOP));
	ASSERT_RETURNS(-EINTR, task);
	ASSERT_EQ(1, task.result->signals);
	ASSERT_ALL_TIME(&task);
}

/* Calls that the kernel does not make again */

NAMED_FIXTURE(restart_async, BBUF_STREAM, CAPACITY, 0)

static long read_by_aio(struct task *t)
{
	struct iocb iocb = {
		.aio_lio_opcode = IOCB_CMD_PREAD, .aio_fildes = t->arg[0],
		.aio_buf = (unsigned long)buffer, .aio_nbytes = LEN,
	};
	struct iocb *iocbs[] = { &iocb };
	struct io_event event = { 0 };
	aio_context_t context = 0;

	if (syscall(SYS_io_setup, 1, &context) ||
	    syscall(SYS_io_submit, context, 1, iocbs) != 1 ||
	    syscall(SYS_io_getevents, context, 1, 1, &event, NULL) != 1)
		return -1;
	errno = event.res < 0 ? -event.res : 0;
	return event.res < 0 ? -1 : event.res;
}

TEST_F(restart_async, aio_read_fails_with_EINTR_after_a_stop)
{
	struct task task = {
		.fn = read_by_aio, .nr = SYS_io_submit, .fd = -1, .arg = { self->fd },
	};

	ASSERT_EQ(0, queue_set_options(self->fd, .read_timeout = DEADLINE_MS * NS_PER_MS));
	ASSERT_STARTS(task);
	if (!task_sleeps(&task) && task_wait(&task) == -ENOSYS)
		SKIP(return, "no AIO");
	ASSERT_TRUE(task_halt(&task, HALT_STOP));
	ASSERT_TRUE(task_let_go(&task, HALT_STOP));
	ASSERT_RETURNS(-EINTR, task);
}

/* Without memory to remember a call by: only in a kernel that injects faults. */

#define FAILSLAB	"/sys/kernel/debug/failslab/"

static bool faults_ready(void)
{
	return !access("/proc/self/fail-nth", W_OK) &&
	       !file_put(FAILSLAB "ignore-gfp-wait", "N") &&
	       !file_put(FAILSLAB "task-filter", "Y") &&
	       !file_put(FAILSLAB "verbose", "0") &&
	       !file_put(FAILSLAB "probability", "100");
}

static long make_calls_without_memory(struct task *t)
{
	if (mlockall(MCL_CURRENT) || file_put("/proc/self/fail-nth", "1"))
		return -1;
	tell(t);
	if (file_put("/proc/self/fail-nth", "0"))
		return -1;
	tell(t);
	return 0;
}

TEST_F(restart_async, read_without_memory_for_the_tag_fails_with_EINTR_after_a_stop)
{
	struct task task =
		task_teller(make_calls_without_memory, self->fd, SYS_read, call_read);

	if (!faults_ready())
		SKIP(return, "this kernel injects no faults");
	ASSERT_EQ(0, queue_set_options(self->fd, .read_timeout = SHORT_MS * NS_PER_MS));
	ASSERT_BLOCKS(task);
	pause_ms(SLICE_MS);
	ASSERT_TRUE(task_halt(&task, HALT_STOP));
	ASSERT_TRUE(task_let_go(&task, HALT_STOP));
	ASSERT_RETURNS(0, task);
	ASSERT_EQ(-EINTR, story_of(&task)->value[0]);
	ASSERT_ALL_TIME(&task);
}

/*
 * Task work of io_uring interrupts the system call of the task, and runs before the call is
 * restarted: here, a read of another queue.
 */
static long write_beside_uring(struct task *t)
{
	static struct ring ring;
	unsigned char byte;

	if (ring_open(&ring) ||
	    ring_submit(&ring, request(IORING_OP_READ, t->arg[1], &byte, 1)) != 1)
		return -1;
	tell(t);
	return ring_wait(&ring);
}

TEST_F(restart_async, io_uring_task_work_does_not_extend_a_write)
{
	int other = open(BBUF_DEVICE, O_RDWR);
	struct task task =
		task_teller(write_beside_uring, self->fd, SYS_write, call_write);
	unsigned long long written;
	struct ring ring;

	if (ring_open(&ring))
		SKIP(return, "no io_uring");
	ring_close(&ring);
	ASSERT_LE(0, other);
	task.arg[1] = other;
	ASSERT_EQ(0, queue_set_options(self->fd, .write_timeout = TIMEOUT_MS * NS_PER_MS));
	ASSERT_TRUE(fill(self->nb, CAPACITY));
	ASSERT_BLOCKS(task);
	pause_ms(SLICE_MS);
	written = now_ns();
	ASSERT_EQ(1, put(other, 0, 1));
	ASSERT_RETURNS(1, task);
	ASSERT_EQ(-ETIMEDOUT, story_of(&task)->value[0]);
	ASSERT_LE(TIMEOUT_MS * NS_PER_MS, elapsed(&task, 0));
	ASSERT_GT(written + TIMEOUT_MS * NS_PER_MS, story_of(&task)->end[0]);
	close(other);
}

/* The module, when nothing is open but what the task has */

FIXTURE(restart_module) {
	int fd;
	struct task task;
};

FIXTURE_SETUP(restart_module)
{
	ASSERT_EQ(0, module_reload(DEFAULT_CAPACITY));
	self->fd = open(BBUF_DEVICE, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, queue_set_options(self->fd, .read_timeout = DEADLINE_MS * NS_PER_MS));
	self->task = task_teller(make_call, self->fd, SYS_read, call_read);
}

FIXTURE_TEARDOWN(restart_module)
{
	EXPECT_EQ(0, module_reload(DEFAULT_CAPACITY));
}

#define ASSERT_UNLOADS()	ASSERT_TRUE(eventually(!module_unload()))

/* A handler runs after a halt, and closes the task's file. */
#define ASSERT_COMES_TO_HANDLER(function)				\
do {									\
	self->task.fn = function;					\
	ASSERT_BLOCKS(self->task);					\
	close(self->fd);						\
	ASSERT_TRUE(task_halt(&self->task, HALT_STOP));			\
	ASSERT_EQ(0, kill(self->task.pid, SIGUSR1));			\
	ASSERT_TRUE(task_let_go(&self->task, HALT_STOP));		\
	ASSERT_TRUE(eventually(load(story_of(&self->task)->made)));	\
} while (0)

TEST_F(restart_module, can_be_unloaded_after_a_stopped_task_was_killed)
{
	ASSERT_BLOCKS(self->task);
	ASSERT_TRUE(task_halt(&self->task, HALT_STOP));
	close(self->fd);
	ASSERT_EQ(-EWOULDBLOCK, module_unload());
	task_kill(&self->task);
	ASSERT_UNLOADS();
}

TEST_F(restart_module, can_be_unloaded_when_the_call_is_complete)
{
	ASSERT_BLOCKS(self->task);
	ASSERT_TRUE(task_halt(&self->task, HALT_STOP));
	ASSERT_TRUE(task_release(&self->task, HALT_STOP));
	ASSERT_EQ(LEN, put(self->fd, 0, LEN));
	ASSERT_RETURNS(LEN, self->task);
	close(self->fd);
	ASSERT_UNLOADS();
}

/* Longer than it takes to see that a task can't make its call again. */
#define WHILE_MS	3000

static bool module_stays(void)
{
	long end = now_ms() + WHILE_MS;

	while (now_ms() < end) {
		if (module_unload() != -EWOULDBLOCK)
			return false;
		pause_ms(WHILE_MS / 100);
	}
	return true;
}

static void close_and_pause(int signal)
{
	(void)signal;
	close(handled->fd);
	store(story_of(handled)->made, 1);
	pause();
}

static long read_and_pause(struct task *t)
{
	handle_with(close_and_pause, t);
	return make_call(t);
}

TEST_F(restart_module, cannot_be_unloaded_while_a_handler_runs)
{
	ASSERT_COMES_TO_HANDLER(read_and_pause);
	ASSERT_TRUE(module_stays());
	task_kill(&self->task);
	ASSERT_UNLOADS();
}

static void close_and_return(int signal)
{
	(void)signal;
	close(handled->fd);
}

static long read_and_return(struct task *t)
{
	handle_with(close_and_return, t);
	make_call(t);
	return pause();
}

TEST_F(restart_module, can_be_unloaded_when_the_handler_has_returned)
{
	ASSERT_COMES_TO_HANDLER(read_and_return);
	ASSERT_EQ(-EINTR, story_of(&self->task)->value[0]);
	ASSERT_UNLOADS();
	task_kill(&self->task);
}

static void read_in_vain(void)
{
	int fd = open(BBUF_DEVICE, O_RDONLY | O_NONBLOCK);

	read(fd, buffer, LEN);
	close(fd);
}

#define CHILD_SECONDS	(2 * DEADLINE_MS / 1000)	/* unless it is ended before */

/* The child runs on when the handler has returned, after a call of its own if that is wanted. */
static void close_and_fork(int signal)
{
	pid_t child;

	(void)signal;
	close(handled->fd);
	child = fork();
	if (!child) {
		alarm(CHILD_SECONDS);
		if (handled->arg[1])
			read_in_vain();
		pause();
	}
	story_of(handled)->value[1] = child;
}

static long read_and_fork(struct task *t)
{
	handle_with(close_and_fork, t);
	return make_call(t);
}

TEST_F(restart_module, cannot_be_unloaded_while_a_child_of_a_handler_runs)
{
	ASSERT_COMES_TO_HANDLER(read_and_fork);
	ASSERT_RETURNS(-EINTR, self->task);
	ASSERT_TRUE(module_stays());
	ASSERT_EQ(0, kill(story_of(&self->task)->value[1], SIGKILL));
	ASSERT_UNLOADS();
}

TEST_F(restart_module, can_be_unloaded_after_a_call_by_a_child_of_a_handler)
{
	self->task.arg[1] = true;
	ASSERT_COMES_TO_HANDLER(read_and_fork);
	ASSERT_RETURNS(-EINTR, self->task);
	ASSERT_UNLOADS();
	ASSERT_EQ(0, kill(story_of(&self->task)->value[1], SIGKILL));
}

static long restart_by_hand(void)
{
	return syscall(SYS_restart_syscall) ? -errno : 0;
}

static void close_and_restart(int signal)
{
	(void)signal;
	close(handled->fd);
	story_of(handled)->value[1] = restart_by_hand();
}

static long read_and_restart(struct task *t)
{
	handle_with(close_and_restart, t);
	return make_call(t);
}

TEST_F(restart_module, stays_loaded_for_restart_syscall_in_a_handler)
{
	ASSERT_COMES_TO_HANDLER(read_and_restart);
	ASSERT_RETURNS(-EINTR, self->task);
	ASSERT_EQ(-EINTR, story_of(&self->task)->value[1]);
	ASSERT_EQ(-EINTR, restart_by_hand());
	ASSERT_UNLOADS();
}

/* More than the kernel looks at in one go. */
#define CROWD		1100
#define CROWD_STACK	(64 * 1024)
#define CROWD_SECONDS	600
#define CROWD_PATIENCE	8	/* many tasks take longer than one */

static void *read_one(void *argument)
{
	struct task *t = argument;
	unsigned char byte;

	return (void *)(long)read(t->fd, &byte, 1);
}

static long read_in_a_crowd(struct task *t)
{
	static pthread_t thread[CROWD];
	pthread_attr_t attributes;
	long total = 0;
	void *got;
	int i;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, CROWD_STACK);
	for (i = 0; i < CROWD; i++)
		if (pthread_create(&thread[i], &attributes, read_one, t))
			return -1;
	for (i = 0; i < CROWD; i++) {
		pthread_join(thread[i], &got);
		total += (long)got;
	}
	return total;
}

static bool crowd_is(long waiting)
{
	int i;

	for (i = 0; i < CROWD_PATIENCE; i++)
		if (eventually(file_number(WAITING_READERS) == waiting))
			return true;
	return false;
}

static bool crowd_ends(struct task *t)
{
	int i;

	for (i = 0; i < CROWD_PATIENCE; i++)
		if (eventually(task_done(t)))
			return true;
	return false;
}

TEST_F_TIMEOUT(restart_module, can_be_unloaded_after_many_tasks_have_exited, CROWD_SECONDS)
{
	ASSERT_EQ(0, queue_set_options(self->fd, .read_timeout = CROWD_SECONDS * 1000 * NS_PER_MS));
	self->task.fn = read_in_a_crowd;
	ASSERT_STARTS(self->task);
	ASSERT_TRUE(crowd_is(CROWD));
	ASSERT_EQ(0, kill(self->task.pid, SIGSTOP));
	ASSERT_TRUE(crowd_is(0));
	pause_ms(WHILE_MS);
	ASSERT_EQ(0, kill(self->task.pid, SIGCONT));
	ASSERT_TRUE(crowd_is(CROWD));
	pause_ms(WHILE_MS);
	ASSERT_TRUE(fill(self->fd, CROWD));
	ASSERT_TRUE(crowd_ends(&self->task));
	ASSERT_RETURNS(CROWD, self->task);
	close(self->fd);
	ASSERT_UNLOADS();
}

BBUF_HARNESS_MAIN
