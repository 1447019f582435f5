// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/class/bbuf/NAME/: settings and counters of a queue, one value in each file.
 *
 * Every user may read the settings; the counters, users who may read from the node.
 */
#include <linux/device.h>
#include <linux/string_helpers.h>
#include <linux/sysfs.h>

#include "compat.h"
#include "lease.h"
#include "manage.h"
#include "node.h"
#include "sysfs.h"

static struct bbuf_queue *bbuf_sysfs_queue(struct device *dev)
{
	return &container_of(dev, struct bbuf_node, dev)->queue;
}

/* A 32-bit processor could read one half of the number before a change and one after. */
static u64 bbuf_sysfs_lease_timeout(struct bbuf_queue *q)
{
	struct bbuf_info info;

	if (IS_ENABLED(CONFIG_64BIT))
		return READ_ONCE(q->leases->timeout);
	bbuf_queue_info(q, &info);
	return info.lease_timeout;
}

/*
 * Settings, without a lock of the queue. Any user may read them, as often as they like: with a lock
 * they would delay the users of the queue, and could time their copies.
 */
#define BBUF_SETTING(_name, _format, _value)						\
static ssize_t _name##_show(struct device *dev, struct device_attribute *attr, char *buf) \
{											\
	struct bbuf_queue *q = bbuf_sysfs_queue(dev);					\
											\
	return sysfs_emit(buf, _format "\n", _value);					\
}											\
static DEVICE_ATTR_RO(_name)

BBUF_SETTING(type, "%s", q->type == BBUF_RECORD ? "record" : "stream");
BBUF_SETTING(eof_on_close, "%d", !!(READ_ONCE(q->policy) & BBUF_EOF_ON_CLOSE));
BBUF_SETTING(drop_oldest, "%d", !!(READ_ONCE(q->policy) & BBUF_DROP_OLDEST));
BBUF_SETTING(lease, "%d", !!q->leases);
BBUF_SETTING(capacity, "%zu", READ_ONCE(q->producer.window));
BBUF_SETTING(read_mark, "%zu", READ_ONCE(q->consumer.mark));
BBUF_SETTING(write_mark, "%zu", READ_ONCE(q->producer.mark));
BBUF_SETTING(lease_timeout_ns, "%llu", bbuf_sysfs_lease_timeout(q));
BBUF_SETTING(max_leases, "%u", READ_ONCE(q->leases->max_leases));
BBUF_SETTING(max_deliveries, "%u", READ_ONCE(q->leases->max_deliveries));
BBUF_SETTING(dead_letters, "%s", q->leases->dead_letters ? q->leases->dead_letters->name : "");

static ssize_t state_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	u32 state = READ_ONCE(bbuf_sysfs_queue(dev)->state);

	if (state & BBUF_SHUT)
		return sysfs_emit(buf, "shut\n");
	return sysfs_emit(buf, state & BBUF_LEFT ? "left\n" : "open\n");
}
static DEVICE_ATTR_RO(state);

/* Counters: members of struct bbuf_info. */
#define BBUF_NUMBER(_name, _field)							\
static ssize_t _name##_show(struct device *dev, struct device_attribute *attr, char *buf) \
{											\
	struct bbuf_info info = { };							\
											\
	bbuf_queue_info(bbuf_sysfs_queue(dev), &info);					\
	return sysfs_emit(buf, "%llu\n", (unsigned long long)info._field);		\
}											\
static DEVICE_ATTR_RO(_name)

BBUF_NUMBER(bytes, bytes);
BBUF_NUMBER(records, records);
BBUF_NUMBER(peak, peak);
BBUF_NUMBER(dropped_bytes, dropped_bytes);
BBUF_NUMBER(dropped_records, dropped_records);
BBUF_NUMBER(flushed_bytes, flushed_bytes);
BBUF_NUMBER(writers, in.files);
BBUF_NUMBER(readers, out.files);
BBUF_NUMBER(waiting_writers, in.waiters);
BBUF_NUMBER(waiting_readers, out.waiters);
BBUF_NUMBER(bytes_in, in.bytes);
BBUF_NUMBER(bytes_out, out.bytes);
BBUF_NUMBER(records_in, in.records);
BBUF_NUMBER(records_out, out.records);
BBUF_NUMBER(blocked_full, in.blocked);
BBUF_NUMBER(blocked_empty, out.blocked);
BBUF_NUMBER(blocked_full_ns, in.blocked_ns);
BBUF_NUMBER(blocked_empty_ns, out.blocked_ns);
BBUF_NUMBER(wakeups_writers, in.wakeups);
BBUF_NUMBER(wakeups_readers, out.wakeups);
BBUF_NUMBER(leased_bytes, leased_bytes);
BBUF_NUMBER(leased_records, leased_records);
BBUF_NUMBER(leasing_files, leasing_files);
BBUF_NUMBER(returned, returned);
BBUF_NUMBER(expired, expired);
BBUF_NUMBER(dead_lettered, dead_lettered);

/* Settings: for every user. */
static struct attribute *bbuf_public_attrs[] = {
	&dev_attr_type.attr,
	&dev_attr_state.attr,
	&dev_attr_eof_on_close.attr,
	&dev_attr_drop_oldest.attr,
	&dev_attr_lease.attr,
	&dev_attr_capacity.attr,
	&dev_attr_read_mark.attr,
	&dev_attr_write_mark.attr,
	NULL
};

/* The same, only for queues with leases. */
static struct attribute *bbuf_public_lease_attrs[] = {
	&dev_attr_lease_timeout_ns.attr,
	&dev_attr_max_leases.attr,
	&dev_attr_max_deliveries.attr,
	&dev_attr_dead_letters.attr,
	NULL
};

/* Counters. */
static struct attribute *bbuf_traffic_attrs[] = {
	&dev_attr_bytes.attr,
	&dev_attr_records.attr,
	&dev_attr_peak.attr,
	&dev_attr_dropped_bytes.attr,
	&dev_attr_dropped_records.attr,
	&dev_attr_flushed_bytes.attr,
	&dev_attr_writers.attr,
	&dev_attr_readers.attr,
	&dev_attr_waiting_writers.attr,
	&dev_attr_waiting_readers.attr,
	&dev_attr_bytes_in.attr,
	&dev_attr_bytes_out.attr,
	&dev_attr_records_in.attr,
	&dev_attr_records_out.attr,
	&dev_attr_blocked_full.attr,
	&dev_attr_blocked_empty.attr,
	&dev_attr_blocked_full_ns.attr,
	&dev_attr_blocked_empty_ns.attr,
	&dev_attr_wakeups_writers.attr,
	&dev_attr_wakeups_readers.attr,
	NULL
};

static struct attribute *bbuf_traffic_lease_attrs[] = {
	&dev_attr_leased_bytes.attr,
	&dev_attr_leased_records.attr,
	&dev_attr_leasing_files.attr,
	&dev_attr_returned.attr,
	&dev_attr_expired.attr,
	&dev_attr_dead_lettered.attr,
	NULL
};

static const struct bbuf_node *bbuf_sysfs_node(const struct kobject *kobj)
{
	return container_of(kobj, struct bbuf_node, dev.kobj);
}

static umode_t bbuf_public_lease_mode(struct kobject *kobj, struct attribute *attr, int n)
{
	return bbuf_sysfs_node(kobj)->queue.leases ? attr->mode : 0;
}

/*
 * Counters that change with each write reveal its time and its length, so they are only for those
 * who may read the node. Its owner may always read them: the owner could change the node's mode as
 * well, and sysfs does not create a file without any mode.
 */
static umode_t bbuf_traffic_mode(struct kobject *kobj, struct attribute *attr, int n)
{
	return (bbuf_sysfs_node(kobj)->mode & 0444) | 0400;
}

static umode_t bbuf_traffic_lease_mode(struct kobject *kobj, struct attribute *attr, int n)
{
	return bbuf_sysfs_node(kobj)->queue.leases ? bbuf_traffic_mode(kobj, attr, n) : 0;
}

static const struct attribute_group bbuf_public_group = {
	.attrs = bbuf_public_attrs,
};

static const struct attribute_group bbuf_public_lease_group = {
	.attrs = bbuf_public_lease_attrs,
	.is_visible = bbuf_public_lease_mode,
};

static const struct attribute_group bbuf_traffic_group = {
	.attrs = bbuf_traffic_attrs,
	.is_visible = bbuf_traffic_mode,
};

static const struct attribute_group bbuf_traffic_lease_group = {
	.attrs = bbuf_traffic_lease_attrs,
	.is_visible = bbuf_traffic_lease_mode,
};

/* Created by the driver core with the device, like its own files; they belong to root. */
const struct attribute_group *bbuf_public_groups[] = {
	&bbuf_public_group,
	&bbuf_public_lease_group,
	NULL
};

/* Created afterwards: see bbuf_sysfs_add_traffic(). */
static const struct attribute_group *bbuf_traffic_groups[] = {
	&bbuf_traffic_group,
	&bbuf_traffic_lease_group,
	NULL
};

/**
 * bbuf_sysfs_get_ownership() - get the owner of the files that sysfs is about to create
 * @dev: device of a queue
 * @uid: set to the owner
 * @gid: set to the group
 *
 * The files of the driver core stay root's: a write to "uevent" forges events of the device.
 */
void bbuf_sysfs_get_ownership(BBUF_OWNERSHIP_CONST struct device *dev, kuid_t *uid, kgid_t *gid)
{
	const struct bbuf_node *node = container_of(dev, struct bbuf_node, dev);

	if (!node->adds_traffic)
		return;
	*uid = node->uid;
	*gid = node->gid;
}

/**
 * bbuf_sysfs_add_traffic() - create the files of the counters
 * @node: node of the queue; its device has been added
 *
 * They are created with the node's owner and group: they never belong to another user in between.
 * They are removed with the directory.
 *
 * Return: 0 or a negative errno.
 */
int bbuf_sysfs_add_traffic(struct bbuf_node *node)
{
	int ret;

	node->adds_traffic = true;
	ret = sysfs_create_groups(&node->dev.kobj, bbuf_traffic_groups);
	node->adds_traffic = false;
	return ret;
}
