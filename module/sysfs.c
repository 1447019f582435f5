// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/class/bbuf/NAME/: what a queue is and has done, one value a file.
 */
#include <linux/device.h>
#include <linux/string_helpers.h>
#include <linux/sysfs.h>

#include "bbuf.h"

static void bbuf_sysfs_info(struct device *dev, struct bbuf_info *info)
{
	bbuf_queue_info(&container_of(dev, struct bbuf_node, dev)->queue, info);
}

static ssize_t type_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct bbuf_info info;

	bbuf_sysfs_info(dev, &info);
	return sysfs_emit(buf, "%s\n", info.type == BBUF_RECORD ? "record" : "stream");
}
static DEVICE_ATTR_RO(type);

static ssize_t state_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct bbuf_info info;

	bbuf_sysfs_info(dev, &info);
	if (info.state & BBUF_SHUT)
		return sysfs_emit(buf, "shut\n");
	return sysfs_emit(buf, info.state & BBUF_LEFT ? "left\n" : "open\n");
}
static DEVICE_ATTR_RO(state);

/* A file for each number of struct bbuf_info. */
#define BBUF_NUMBER(_name, _field)							\
static ssize_t _name##_show(struct device *dev, struct device_attribute *attr, char *buf) \
{											\
	struct bbuf_info info = { };							\
											\
	bbuf_sysfs_info(dev, &info);							\
	return sysfs_emit(buf, "%llu\n", (unsigned long long)info._field);		\
}											\
static DEVICE_ATTR_RO(_name)

BBUF_NUMBER(capacity, capacity);
BBUF_NUMBER(read_mark, read_mark);
BBUF_NUMBER(write_mark, write_mark);
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
BBUF_NUMBER(dead_records, dead_records);
BBUF_NUMBER(lease_timeout_ns, lease_timeout);
BBUF_NUMBER(max_leases, max_leases);
BBUF_NUMBER(max_deliveries, max_deliveries);

static ssize_t eof_on_close_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct bbuf_info info;

	bbuf_sysfs_info(dev, &info);
	return sysfs_emit(buf, "%d\n", !!(info.policy & BBUF_EOF_ON_CLOSE));
}
static DEVICE_ATTR_RO(eof_on_close);

static ssize_t drop_oldest_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct bbuf_info info;

	bbuf_sysfs_info(dev, &info);
	return sysfs_emit(buf, "%d\n", !!(info.policy & BBUF_DROP_OLDEST));
}
static DEVICE_ATTR_RO(drop_oldest);

static ssize_t lease_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct bbuf_info info = { };

	bbuf_sysfs_info(dev, &info);
	return sysfs_emit(buf, "%d\n", !!(info.policy & BBUF_LEASE));
}
static DEVICE_ATTR_RO(lease);

static ssize_t dead_letters_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct bbuf_info info = { };

	bbuf_sysfs_info(dev, &info);
	return sysfs_emit(buf, "%s\n", info.dead_letters);
}
static DEVICE_ATTR_RO(dead_letters);

static struct attribute *bbuf_attrs[] = {
	&dev_attr_type.attr,
	&dev_attr_state.attr,
	&dev_attr_eof_on_close.attr,
	&dev_attr_drop_oldest.attr,
	&dev_attr_lease.attr,
	&dev_attr_capacity.attr,
	&dev_attr_read_mark.attr,
	&dev_attr_write_mark.attr,
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

/* Of queues with leases alone. */
static struct attribute *bbuf_lease_attrs[] = {
	&dev_attr_leased_bytes.attr,
	&dev_attr_leased_records.attr,
	&dev_attr_leasing_files.attr,
	&dev_attr_returned.attr,
	&dev_attr_expired.attr,
	&dev_attr_dead_records.attr,
	&dev_attr_lease_timeout_ns.attr,
	&dev_attr_max_leases.attr,
	&dev_attr_max_deliveries.attr,
	&dev_attr_dead_letters.attr,
	NULL
};

static umode_t bbuf_lease_visible(struct kobject *kobj, struct attribute *attr, int n)
{
	const struct device *dev = kobj_to_dev(kobj);

	return container_of(dev, struct bbuf_node, dev)->queue.leases ? attr->mode : 0;
}

static const struct attribute_group bbuf_group = {
	.attrs = bbuf_attrs,
};

static const struct attribute_group bbuf_lease_group = {
	.attrs = bbuf_lease_attrs,
	.is_visible = bbuf_lease_visible,
};

const struct attribute_group *bbuf_groups[] = {
	&bbuf_group,
	&bbuf_lease_group,
	NULL
};
