// SPDX-License-Identifier: GPL-2.0-only
/* /dev/bbuf-control: creates and destroys queues, for root by default. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/printk.h>
#include <linux/uaccess.h>

#include "check.h"
#include "control.h"
#include "devtmpfs.h"
#include "registry.h"
#include "uapi/linux/bbuf.h"

static long bbuf_control_create(unsigned int cmd, const void __user *arg)
{
	struct bbuf_create create;
	int ret;

	ret = copy_struct_from_user(&create, sizeof(create), arg, _IOC_SIZE(cmd));
	if (ret)
		return ret;
	return bbuf_create_check(&create) ?: bbuf_registry_create(&create);
}

static long bbuf_control_destroy(unsigned int cmd, const void __user *arg)
{
	struct bbuf_destroy destroy;
	int ret;

	ret = copy_struct_from_user(&destroy, sizeof(destroy), arg, _IOC_SIZE(cmd));
	if (ret)
		return ret;
	return bbuf_destroy_check(&destroy) ?: bbuf_registry_destroy(destroy.name);
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
		pr_warn("cannot create /dev/bbuf-control, nor any queue (error %d)\n", ret);
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
