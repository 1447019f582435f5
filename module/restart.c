// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls with a deadline, and fsync, that continue after a stop (^Z and fg, a debugger that
 * attaches, suspend, the cgroup freezer).
 *
 * A call that is interrupted returns -ERESTARTNOHAND. If a signal handler is due, the kernel turns
 * it into EINTR; otherwise it executes the same system call again, with the same arguments. This
 * file passes the deadline (for fsync: the position that it waits for) from the interrupted
 * execution to the next one.
 *
 * Why not -ERESTART_RESTARTBLOCK
 *
 *   A restart function would have to make the call itself. It has no iovec of readv(2) and no
 *   pipe of splice(2) any more, it would bypass the checks of vfs_read(), and a seccomp filter
 *   may deny restart_syscall(2).
 *
 * How the next execution is recognized
 *
 *   The value is saved in an entry for the task, and the task gets a tag: its restart_block.fn
 *   points to bbuf_restart_void(). sigreturn(2) resets restart_block.fn, so the tag is gone
 *   after a handler has returned. The tag of a task is set and removed by that task alone.
 *
 *   A handler that leaves by siglongjmp(3) does not reset it. So the entry counts only for a
 *   call from the same point of the program: the same system call with the same arguments,
 *   instruction, stack pointer, signal mask and program (execve(2) does not reset the tag
 *   either) on the same open file. And nothing is saved if a handler is already due when the
 *   call is interrupted. One case remains: a task is stopped in such a call; while it is stopped
 *   another signal comes, whose handler leaves by siglongjmp(3), which restores the mask; and
 *   the program makes the same call again from the same place. That call gets the deadline of
 *   the first one.
 *
 * Why the module stays as long as there is a tag
 *
 *   restart_syscall(2), called by hand, jumps to where restart_block.fn points. A reference to
 *   the module is held from the first tag on. The reaper, which runs every second as long as
 *   there is one, drops it when it has found no tag in any task:
 *
 *   - The entries are not enough. fork(2) copies the tag, so a child that was forked in a handler
 *     has one without an entry. It keeps it until it makes a call here, a handler of its own
 *     returns or it exits, and pins the module that long, also across execve(2).
 *
 *   - A walk over all tasks is. A task gets a tag from bbuf_restart_save(), which the reaper
 *     notices by @bbuf_restart_saves, or from its parent. Both lists of tasks (processes, and
 *     the threads of each) grow at the tail only, and a child is in them before fork(2)
 *     returns to its parent. So when the walk finds that a task has lost its tag, all the
 *     children that inherited it are in a part of the lists that the walk has not passed.
 */
#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/module.h>
#include <linux/ptrace.h>
#include <linux/rbtree.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/sched/task_stack.h>
#include <linux/signal.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include <asm/syscall.h>

#include "compat.h"
#include "restart.h"
#include "workqueue.h"

/* Interval of the reaper, in jiffies. */
#define BBUF_RESTART_PERIOD	HZ

/* Entries or tasks that are checked each time that a lock, or RCU, is held. */
#define BBUF_RESTART_BATCH	1024

/* Tasks that never return to user mode, and so never execute a system call again. */
#define BBUF_NEVER_IN_USER_MODE	(PF_KTHREAD | PF_IO_WORKER | PF_USER_WORKER)

#define BBUF_SYSCALL_ARGUMENTS	6

/**
 * struct bbuf_restart_point - where a task made a system call
 * @exec: number of the program that the task executes
 * @nr: number of the system call
 * @blocked: the task's signal mask
 * @ip: instruction pointer
 * @sp: stack pointer
 * @args: arguments
 *
 * Compared as memory, so there must be no padding.
 */
struct bbuf_restart_point {
	u64 exec;
	u64 nr;
	sigset_t blocked;
	unsigned long ip;
	unsigned long sp;
	unsigned long args[BBUF_SYSCALL_ARGUMENTS];
};

static_assert(sizeof(struct bbuf_restart_point) ==
	      2 * sizeof(u64) + sizeof(sigset_t) +
	      (2 + BBUF_SYSCALL_ARGUMENTS) * sizeof(unsigned long));

/**
 * struct bbuf_restart - the interrupted call of a task
 * @node: node in @bbuf_restart_tree; under @bbuf_restart_lock
 * @link: node in @bbuf_restart_list; under @bbuf_restart_lock
 * @task: the task, with a reference
 * @call: the call
 * @point: point of the program at which it was made
 *
 * A task has at most one, as it sleeps in one call at a time.
 */
struct bbuf_restart {
	struct rb_node node;
	struct list_head link;
	struct task_struct *task;
	struct bbuf_restart_call call;
	struct bbuf_restart_point point;
};

static void bbuf_restart_reap(struct work_struct *work);

/* Protects all of the following; innermost. */
static DEFINE_SPINLOCK(bbuf_restart_lock);
static struct rb_root bbuf_restart_tree = RB_ROOT;
static LIST_HEAD(bbuf_restart_list);
static unsigned long bbuf_restart_count;	/* entries */
static unsigned long bbuf_restart_saves;	/* calls that were saved ever */
static bool bbuf_restart_pinned;		/* the module is held, and the reaper is due */
static DECLARE_DELAYED_WORK(bbuf_restart_reaper, bbuf_restart_reap);

/**
 * bbuf_restart_void() - tag a task; the function of restart_syscall(2) called by hand
 * @block: restart block of the task
 *
 * The kernel itself never calls it. It must not remove the tag: without it the module could
 * be unloaded before the function has returned.
 *
 * Return: -EINTR, as if there were nothing to restart.
 */
long bbuf_restart_void(struct restart_block *block)
{
	return -EINTR;
}

static void bbuf_restart_locate(struct bbuf_restart_point *point)
{
	struct pt_regs *regs = current_pt_regs();

	point->exec = current->self_exec_id;
	point->blocked = current->blocked;
	point->nr = syscall_get_nr(current, regs);
	point->ip = instruction_pointer(regs);
	point->sp = user_stack_pointer(regs);
	syscall_get_arguments(current, regs, point->args);
}

static int bbuf_restart_compare(const void *task, const struct rb_node *node)
{
	unsigned long key = (unsigned long)task;
	unsigned long other = (unsigned long)rb_entry(node, struct bbuf_restart, node)->task;

	return key < other ? -1 : key > other;
}

static bool bbuf_restart_less(struct rb_node *node, const struct rb_node *other)
{
	return bbuf_restart_compare(rb_entry(node, struct bbuf_restart, node)->task, other) < 0;
}

static void bbuf_restart_remove(struct bbuf_restart *restart)
{
	lockdep_assert_held(&bbuf_restart_lock);

	rb_erase(&restart->node, &bbuf_restart_tree);
	list_del(&restart->link);
	bbuf_restart_count--;
}

/* Detach the entry of the current task, which belongs to the caller from now on; or NULL. */
static struct bbuf_restart *bbuf_restart_detach(void)
{
	struct bbuf_restart *restart;
	struct rb_node *node;

	spin_lock(&bbuf_restart_lock);
	node = rb_find(current, &bbuf_restart_tree, bbuf_restart_compare);
	restart = rb_entry_safe(node, struct bbuf_restart, node);
	if (restart)
		bbuf_restart_remove(restart);
	spin_unlock(&bbuf_restart_lock);
	return restart;
}

/* Add the entry of the current task, and tag the task. */
static void bbuf_restart_attach(struct bbuf_restart *restart)
{
	spin_lock(&bbuf_restart_lock);
	if (!bbuf_restart_pinned) {
		__module_get(THIS_MODULE);
		bbuf_restart_pinned = true;
		queue_delayed_work(bbuf_workqueue, &bbuf_restart_reaper, BBUF_RESTART_PERIOD);
	}
	rb_add(&restart->node, &bbuf_restart_tree, bbuf_restart_less);
	list_add_tail(&restart->link, &bbuf_restart_list);
	bbuf_restart_count++;
	bbuf_restart_saves++;
	WRITE_ONCE(current->restart_block.fn, bbuf_restart_void);
	spin_unlock(&bbuf_restart_lock);
}

static struct bbuf_restart *bbuf_restart_alloc(void)
{
	struct bbuf_restart *restart = kzalloc(sizeof(*restart), GFP_KERNEL_ACCOUNT);

	if (restart)
		restart->task = get_task_struct(current);
	return restart;
}

static void bbuf_restart_free(struct bbuf_restart *restart)
{
	put_task_struct(restart->task);
	kfree(restart);
}

/**
 * bbuf_restart_take_tagged() - bbuf_restart_take() for a task that has the tag
 * @call: the call; @value is filled in
 *
 * Removes the tag and the entry, whatever call they are of: if it is another one, the program has
 * gone on since.
 *
 * Return: true if the call is being executed again, and @value is what was saved.
 */
bool bbuf_restart_take_tagged(struct bbuf_restart_call *call)
{
	struct bbuf_restart *restart;
	struct bbuf_restart_point here;
	bool same;

	/* io_uring may do other work of the task in the middle of a system call. */
	if (call->once)
		return false;
	restart = bbuf_restart_detach();
	/* The kernel's own function, which it does not export. */
	WRITE_ONCE(current->restart_block.fn, init_task.restart_block.fn);
	if (!restart)
		return false;
	bbuf_restart_locate(&here);
	same = restart->call.file == call->file && restart->call.kind == call->kind &&
	       !memcmp(&restart->point, &here, sizeof(here));
	if (same)
		call->value = restart->call.value;
	bbuf_restart_free(restart);
	return same;
}

/*
 * Check for a pending signal for which a handler will run. One that was sent to the process may go
 * to another of its threads, and a debugger may hold one back: only the kernel knows, later,
 * whether these are delivered.
 */
static bool bbuf_handler_is_due(void)
{
	/* The current task keeps it. */
	struct sighand_struct *sighand = rcu_dereference_protected(current->sighand, true);
	__sighandler_t handler;
	sigset_t pending;
	bool due = false;
	int sig;

	if (READ_ONCE(current->ptrace))
		return false;
	spin_lock_irq(&sighand->siglock);
	pending = current->pending.signal;
	if (thread_group_empty(current))
		sigorsets(&pending, &pending, &current->signal->shared_pending.signal);
	sigandnsets(&pending, &pending, &current->blocked);
	for (sig = 1; sig <= _NSIG && !due; sig++) {
		handler = sighand->action[sig - 1].sa.sa_handler;
		due = sigismember(&pending, sig) && handler != SIG_DFL && handler != SIG_IGN;
	}
	spin_unlock_irq(&sighand->siglock);
	return due;
}

/**
 * bbuf_restart_save() - save the state of an interrupted call for its next execution
 * @call: the call
 *
 * The caller must return to user mode with the result: a task that went on instead would keep the
 * tag.
 *
 * Context: process context, in a system call on a file of this module; may sleep for memory.
 * Return: -ERESTARTNOHAND, or -EINTR if the call can't be executed again, a handler is due or there
 * is no memory.
 */
int bbuf_restart_save(const struct bbuf_restart_call *call)
{
	struct bbuf_restart *restart;

	if (call->once || (current->flags & BBUF_NEVER_IN_USER_MODE) ||
	    bbuf_handler_is_due())
		return -EINTR;
	/* There is one if a handler has returned since, and the reaper has not run. */
	restart = bbuf_restart_detach() ?: bbuf_restart_alloc();
	if (!restart)
		return -EINTR;
	restart->call = *call;
	bbuf_restart_locate(&restart->point);
	bbuf_restart_attach(restart);
	return -ERESTARTNOHAND;
}

/* Check whether a task may make use of its tag, or pass it to a child. */
static bool bbuf_task_has_tag(struct task_struct *task)
{
	/*
	 * Acquire: if the task has removed the tag, the walk finds the children that it forked
	 * before.
	 */
	if (smp_load_acquire(&task->restart_block.fn) != bbuf_restart_void)
		return false;
	return !(READ_ONCE(task->flags) & (PF_EXITING | BBUF_NEVER_IN_USER_MODE));
}

/*
 * Free the entries of tasks that exited or lost the tag. Returns true if others are left; *saves is
 * the number of calls that were saved until then.
 */
static bool bbuf_restart_clean(unsigned long *saves)
{
	struct bbuf_restart *restart, *next;
	unsigned long todo;
	LIST_HEAD(stale);

	spin_lock(&bbuf_restart_lock);
	for (todo = bbuf_restart_count; todo && !list_empty(&bbuf_restart_list); todo--) {
		restart = list_first_entry(&bbuf_restart_list, struct bbuf_restart, link);
		list_move_tail(&restart->link, &bbuf_restart_list);
		if (!bbuf_task_has_tag(restart->task)) {
			bbuf_restart_remove(restart);
			list_add(&restart->link, &stale);
		}
		if (todo % BBUF_RESTART_BATCH)
			continue;
		spin_unlock(&bbuf_restart_lock);
		cond_resched();
		spin_lock(&bbuf_restart_lock);
	}
	*saves = bbuf_restart_saves;
	todo = bbuf_restart_count;
	spin_unlock(&bbuf_restart_lock);

	list_for_each_entry_safe(restart, next, &stale, link) {
		bbuf_restart_free(restart);
		cond_resched();
	}
	return todo;
}

/* Pause a walk over all tasks; false if it can't continue from where it was. */
static bool bbuf_walk_pause(struct task_struct *process, struct task_struct *thread)
{
	bool alive;

	get_task_struct(process);
	get_task_struct(thread);
	rcu_read_unlock();
	cond_resched();
	rcu_read_lock();
	alive = pid_alive(process) && pid_alive(thread);
	put_task_struct(thread);
	put_task_struct(process);
	return alive;
}

/* Check whether any task has the tag, or may have it. */
static bool bbuf_restart_any_tag(void)
{
	struct task_struct *process, *thread;
	unsigned int todo = BBUF_RESTART_BATCH;
	bool any = false;

	rcu_read_lock();
	for_each_process_thread(process, thread) {
		any = bbuf_task_has_tag(thread);
		if (!any && !--todo) {
			any = !bbuf_walk_pause(process, thread);
			todo = BBUF_RESTART_BATCH;
		}
		if (any)
			goto out;
	}
out:
	rcu_read_unlock();
	return any;
}

/* Release the module if no call was saved since @saves were. */
static bool bbuf_restart_unpin(unsigned long saves)
{
	bool unpin;

	spin_lock(&bbuf_restart_lock);
	unpin = saves == bbuf_restart_saves;
	if (unpin)
		bbuf_restart_pinned = false;
	spin_unlock(&bbuf_restart_lock);
	if (unpin)
		module_put(THIS_MODULE);	/* bbuf_restart_uninit() waits for the return */
	return unpin;
}

static void bbuf_restart_reap(struct work_struct *work)
{
	unsigned long saves;

	if (bbuf_restart_clean(&saves) || bbuf_restart_any_tag() || !bbuf_restart_unpin(saves))
		queue_delayed_work(bbuf_workqueue, &bbuf_restart_reaper, BBUF_RESTART_PERIOD);
}

/**
 * bbuf_restart_uninit() - wait until the reaper has finished
 *
 * It has no work left: otherwise the module would be pinned.
 */
void bbuf_restart_uninit(void)
{
	cancel_delayed_work_sync(&bbuf_restart_reaper);
}
