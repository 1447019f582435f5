// SPDX-License-Identifier: GPL-2.0-only
/*
 * bbuf: bounded FIFOs between the processes of one machine.
 *
 * Loading the module creates /dev/bbuf; unloading it removes all queues with what is queued. It
 * can't be unloaded while a queue is open.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/ctype.h>
#include <linux/err.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/string.h>

#include "check.h"
#include "control.h"
#include "node.h"
#include "registry.h"
#include "restart.h"
#include "uapi/linux/bbuf.h"
#include "workqueue.h"

/* Digits of a 64-bit number, the suffix and the NUL. */
#define BBUF_SIZE_DIGITS	32

#define BBUF_MIB(size)	((unsigned long)(size) >> 20)

/* Parse "64K" and the like: a decimal number, and optionally K, M or G. */
static int bbuf_parse_size(const char *text, unsigned long *size)
{
	static const char suffixes[] = "KMG";
	char digits[BBUF_SIZE_DIGITS];
	unsigned int shift = 0;
	unsigned long number;
	const char *suffix;
	ssize_t len;
	int ret;

	len = strscpy(digits, text, sizeof(digits));
	if (len > 0 && digits[len - 1] == '\n')
		digits[--len] = '\0';
	if (len <= 0)
		return -EINVAL;

	suffix = strchr(suffixes, toupper(digits[len - 1]));
	if (suffix) {
		shift = 10 * (suffix - suffixes + 1);
		digits[len - 1] = '\0';
	}
	ret = kstrtoul(digits, 10, &number);
	if (ret)
		return ret;
	if (number > ULONG_MAX >> shift)
		return -ERANGE;
	*size = number << shift;
	return 0;
}

/* Report the range of a parameter. max_capacity may be given after a capacity that it allows. */
static void bbuf_param_refuse_size(const char *val, const struct kernel_param *kp)
{
	int len = strcspn(val, "\n");

	if (kp->arg == &bbuf_max_capacity)
		pr_err("%s=%.*s: must be 1 byte to %luM, for example 64M\n",
		       kp->name, len, val, BBUF_MIB(BBUF_CAPACITY_CEILING));
	else
		pr_err("%s=%.*s: must be 1 byte up to max_capacity (default %luM, at most %luM), for example 64K\n",
		       kp->name, len, val, BBUF_MIB(BBUF_MAX_CAPACITY_DEFAULT),
		       BBUF_MIB(BBUF_CAPACITY_CEILING));
}

static int bbuf_param_set_size(const char *val, const struct kernel_param *kp)
{
	unsigned long size;

	if (bbuf_parse_size(val, &size) || !size || size > BBUF_CAPACITY_CEILING) {
		bbuf_param_refuse_size(val, kp);
		return -EINVAL;
	}
	WRITE_ONCE(*(unsigned long *)kp->arg, size);
	return 0;
}

static const struct kernel_param_ops bbuf_param_size_ops = {
	.set = bbuf_param_set_size,
	.get = param_get_ulong,
};

static int bbuf_param_set_mode(const char *val, const struct kernel_param *kp)
{
	unsigned int mode;

	if (kstrtouint(val, 8, &mode) || mode > 0777) {
		pr_err("%s=%.*s: must be permissions in octal, 0 to 0777, for example 0660\n",
		       kp->name, (int)strcspn(val, "\n"), val);
		return -EINVAL;
	}
	*(unsigned int *)kp->arg = mode;
	return 0;
}

static int bbuf_param_get_mode(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "0%03o\n", *(unsigned int *)kp->arg);
}

static const struct kernel_param_ops bbuf_param_mode_ops = {
	.set = bbuf_param_set_mode,
	.get = bbuf_param_get_mode,
};

module_param_cb(max_capacity, &bbuf_param_size_ops, &bbuf_max_capacity, 0644);
MODULE_PARM_DESC(max_capacity, "Maximum capacity of a queue in bytes, up to 512M (default 16M); record queues take twice their capacity of memory");

static unsigned long capacity = SZ_64K;
module_param_cb(capacity, &bbuf_param_size_ops, &capacity, 0444);
MODULE_PARM_DESC(capacity, "Capacity of /dev/bbuf in bytes, from 1 to max_capacity (default 64K)");

static unsigned int mode = 0600;
module_param_cb(mode, &bbuf_param_mode_ops, &mode, 0444);
MODULE_PARM_DESC(mode, "Permissions of /dev/bbuf, in octal (default 0600)");

/* Create /dev/bbuf, which exists from the start. */
static int __init bbuf_create_default(void)
{
	struct bbuf_create create = {
		.name		= BBUF_DEFAULT_NAME,
		.capacity	= capacity,
		.type		= BBUF_STREAM,
		.mode		= mode,
		.uid		= BBUF_ID_CALLER,
		.gid		= BBUF_ID_CALLER,
	};

	return bbuf_registry_create(&create);
}

static int __init bbuf_init(void)
{
	int ret;

	if (capacity > bbuf_max_capacity) {
		pr_err("capacity=%lu: must be no more than max_capacity=%lu; raise that as well (at most %luM)\n",
		       capacity, bbuf_max_capacity, BBUF_MIB(BBUF_CAPACITY_CEILING));
		return -EINVAL;
	}

	ret = bbuf_workqueue_init();
	if (ret)
		return ret;
	ret = bbuf_registry_init();
	if (ret)
		goto uninit_workqueue;
	ret = bbuf_create_default();
	if (ret)
		goto uninit_registry;
	bbuf_control_init();
	return 0;

uninit_registry:
	bbuf_registry_uninit();
uninit_workqueue:
	bbuf_workqueue_uninit();
	return ret;
}
module_init(bbuf_init);

static void __exit bbuf_exit(void)
{
	bbuf_control_uninit();
	bbuf_registry_uninit();
	bbuf_restart_uninit();
	bbuf_workqueue_uninit();
}
module_exit(bbuf_exit);

MODULE_AUTHOR("The bbuf maintainers");
MODULE_DESCRIPTION("Bounded FIFO between the processes of one machine: /dev/bbuf");
MODULE_LICENSE("GPL");
