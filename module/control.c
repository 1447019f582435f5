// SPDX-License-Identifier: GPL-2.0-only
/* /dev/bbuf-control: creates and destroys queues, for root by default. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/printk.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "bbuf.h"

/* A name is part of a path, and is printed on terminals. */
static bool bbuf_name_is_valid(const char name[BBUF_NAME_SIZE])
{
	static const char good[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.";
	size_t len = strnlen(name, BBUF_NAME_SIZE);

	return len && len < BBUF_NAME_SIZE && name[0] != '.' && strspn(name, good) == len &&
	       !memchr_inv(name + len, 0, BBUF_NAME_SIZE - len);
}

static bool bbuf_name_is_set(const char name[BBUF_NAME_SIZE])
{
	return memchr_inv(name, 0, BBUF_NAME_SIZE);
}

/* Check that the settings of leases suit the type and the policy. */
static bool bbuf_create_leases_are_valid(const struct bbuf_create *create)
{
	bool records_only = create->lease_timeout || create->max_deliveries ||
			    bbuf_name_is_set(create->dead_letters);

	if (!(create->policy & BBUF_LEASE))
		return !records_only && !create->max_leases;
	if (create->policy & BBUF_DROP_OLDEST)
		return false;
	if (bbuf_name_is_set(create->dead_letters) && !bbuf_name_is_valid(create->dead_letters))
		return false;
	return create->type == BBUF_RECORD || !records_only;
}

static long bbuf_control_create(unsigned int cmd, const void __user *arg)
{
	struct bbuf_create create;
	int ret;

	ret = copy_struct_from_user(&create, sizeof(create), arg, _IOC_SIZE(cmd));
	if (ret)
		return ret;
	if (!bbuf_name_is_valid(create.name) || !create.capacity || create.reserved ||
	    create.type > BBUF_RECORD || create.mode & ~0777 ||
	    create.policy & ~(BBUF_EOF_ON_CLOSE | BBUF_DROP_OLDEST | BBUF_LEASE) ||
	    !bbuf_create_leases_are_valid(&create))
		return -EINVAL;
	if (create.capacity > READ_ONCE(bbuf_max_capacity))
		return -ERANGE;
	if (!strcmp(create.name, "control"))
		return -EEXIST;		/* its node would be this one */
	return bbuf_registry_create(&create);
}

static long bbuf_control_destroy(unsigned int cmd, const void __user *arg)
{
	struct bbuf_destroy destroy;
	int ret;

	ret = copy_struct_from_user(&destroy, sizeof(destroy), arg, _IOC_SIZE(cmd));
	if (ret)
		return ret;
	if (!bbuf_name_is_valid(destroy.name))
		return -EINVAL;
	if (!strcmp(destroy.name, BBUF_DEFAULT_NAME))
		return -EPERM;
	return bbuf_registry_destroy(destroy.name);
}

static long bbuf_control_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	const void __user *uarg = (const void __user *)arg;

	bool create = bbuf_command_is(cmd, BBUF_IOC_CREATE);

	if (!create && !bbuf_command_is(cmd, BBUF_IOC_DESTROY))
		return -ENOTTY;
	if (!(file->f_mode & FMODE_WRITE))
		return -EBADF;
	return create ? bbuf_control_create(cmd, uarg) : bbuf_control_destroy(cmd, uarg);
}

static const struct file_operations bbuf_control_fops = {
	.owner		= THIS_MODULE,
	.unlocked_ioctl	= bbuf_control_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
};

static struct miscdevice bbuf_control = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "bbuf-control",
	.mode	= 0600,
	.fops	= &bbuf_control_fops,
};

static bool bbuf_control_registered;

/**
 * bbuf_control_init() - register the control device
 *
 * Queues exist by now, which a process may have opened: it is too late to fail.
 */
void bbuf_control_init(void)
{
	int ret = misc_register(&bbuf_control);

	bbuf_control_registered = !ret;
	if (ret)
		pr_warn("no /dev/bbuf-control, no queue can be created (error %d)\n", ret);
	else
		bbuf_devtmpfs_check(bbuf_control.name, bbuf_control.mode,
				    bbuf_control.this_device->devt);
}

/**
 * bbuf_control_uninit() - unregister the control device
 */
void bbuf_control_uninit(void)
{
	if (bbuf_control_registered)
		misc_deregister(&bbuf_control);
}
