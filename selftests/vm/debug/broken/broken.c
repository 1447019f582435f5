// SPDX-License-Identifier: GPL-2.0-only
/*
 * One mistake of each kind that the debug kernels are to find, made when the module is
 * loaded with fault=NAME. debug/selftest loads it, and expects the complaint.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/workqueue.h>

/* Not a power of two, so that KASAN has to know the size itself. */
#define BYTES		123
#define RACE_SECONDS	2

static char *fault;
module_param(fault, charp, 0);
MODULE_PARM_DESC(fault, "the mistake to make");

static void use_after_free(void)
{
	char *bytes = kzalloc(BYTES, GFP_KERNEL);

	if (!bytes)
		return;
	OPTIMIZER_HIDE_VAR(bytes);
	kfree(bytes);
	WRITE_ONCE(bytes[0], 1);
}

static void out_of_bounds(void)
{
	char *bytes = kzalloc(BYTES, GFP_KERNEL);
	size_t end = BYTES;

	if (!bytes)
		return;
	OPTIMIZER_HIDE_VAR(end);
	WRITE_ONCE(bytes[end], 1);
	kfree(bytes);
}

static void bad_index(void)
{
	static int numbers[4];
	unsigned int i = ARRAY_SIZE(numbers);

	OPTIMIZER_HIDE_VAR(i);
	pr_info("beyond the end: %d\n", numbers[i]);
}

static void bad_shift(void)
{
	unsigned int bits = 32;

	OPTIMIZER_HIDE_VAR(bits);
	pr_info("shifted out: %d\n", 1 << bits);
}

/* No pointer to it remains in the module, and it is old enough to be reported. */
static void leak(void)
{
	pr_info("leaked %u bytes\n", !!kmalloc(BYTES, GFP_KERNEL) * BYTES);
}

static DEFINE_MUTEX(first);
static DEFINE_MUTEX(second);

static void lock_inversion(void)
{
	mutex_lock(&first);
	mutex_lock(&second);
	mutex_unlock(&second);
	mutex_unlock(&first);

	mutex_lock(&second);
	mutex_lock(&first);
	mutex_unlock(&first);
	mutex_unlock(&second);
}

static void sleep_in_atomic(void)
{
	static DEFINE_SPINLOCK(lock);

	spin_lock(&lock);
	schedule_timeout_uninterruptible(1);
	spin_unlock(&lock);
}

static void unprotected_rcu(void)
{
	static int __rcu *published;

	pr_info("dereferenced %d\n", !!rcu_dereference(published));
}

static void list_corruption(void)
{
	LIST_HEAD(list);
	LIST_HEAD(entry);

	list_add(&entry, &list);
	list_del(&entry);
	list_del(&entry);
}

static void refcount_underflow(void)
{
	refcount_t count = REFCOUNT_INIT(0);

	refcount_dec(&count);
}

static void nothing_to_do(struct timer_list *timer)
{
}

static void free_active_timer(void)
{
	struct timer_list *timer = kzalloc(sizeof(*timer), GFP_KERNEL);

	if (!timer)
		return;
	timer_setup(timer, nothing_to_do, 0);
	mod_timer(timer, jiffies + HZ);
	kfree(timer);
}

static void hung_task(void)
{
	DECLARE_COMPLETION_ONSTACK(never);

	wait_for_completion(&never);
}

/* Not inline, or the compiler would add up in a register. */
static noinline void count(void)
{
	static int shared;

	shared++;
}

static int keep_counting(void *unused)
{
	while (!kthread_should_stop())
		count();
	return 0;
}

static void unmarked_access(void)
{
	struct task_struct *other = kthread_run(keep_counting, NULL, "broken");
	unsigned long end = jiffies + RACE_SECONDS * HZ;

	if (IS_ERR(other))
		return;
	while (time_before(jiffies, end))
		count();
	kthread_stop(other);
}

static const struct {
	const char *name;
	void (*make)(void);
} faults[] = {
	{ "use_after_free",	use_after_free },
	{ "out_of_bounds",	out_of_bounds },
	{ "bad_index",		bad_index },
	{ "bad_shift",		bad_shift },
	{ "leak",		leak },
	{ "lock_inversion",	lock_inversion },
	{ "sleep_in_atomic",	sleep_in_atomic },
	{ "unprotected_rcu",	unprotected_rcu },
	{ "list_corruption",	list_corruption },
	{ "refcount_underflow",	refcount_underflow },
	{ "free_active_timer",	free_active_timer },
	{ "hung_task",		hung_task },
	{ "unmarked_access",	unmarked_access },
};

static int __init broken_init(void)
{
	for (size_t i = 0; fault && i < ARRAY_SIZE(faults); i++) {
		if (!strcmp(fault, faults[i].name)) {
			faults[i].make();
			return 0;
		}
	}
	pr_err("fault=%s: there is no such mistake\n", fault ?: "");
	return -EINVAL;
}

/* Leaves what was broken; only a module with an exit can be unloaded. */
static void __exit broken_exit(void)
{
}

module_init(broken_init);
module_exit(broken_exit);
MODULE_DESCRIPTION("Mistakes for the debug kernels to find");
MODULE_LICENSE("GPL");
