// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every rule on what user space may ask for when it creates, destroys or changes a queue, as far as
 * it does not depend on the state of the queue.
 */
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "check.h"
#include "node.h"

/* Maximum capacity of a queue; changed by a parameter at any time, so read it once. */
unsigned long bbuf_max_capacity = BBUF_MAX_CAPACITY_DEFAULT;

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

/**
 * bbuf_create_check() - check the settings of a new queue
 * @create: settings
 *
 * Return: 0, -EINVAL, -ERANGE (more than max_capacity), or -EEXIST (a name whose node would be the
 * control device).
 */
int bbuf_create_check(const struct bbuf_create *create)
{
	if (!bbuf_name_is_valid(create->name) || !create->capacity || create->reserved ||
	    create->type > BBUF_RECORD || create->mode & ~0777 ||
	    create->policy & ~(BBUF_EOF_ON_CLOSE | BBUF_DROP_OLDEST | BBUF_LEASE) ||
	    !bbuf_create_leases_are_valid(create))
		return -EINVAL;
	if (create->capacity > READ_ONCE(bbuf_max_capacity))
		return -ERANGE;
	return strcmp(create->name, "control") ? 0 : -EEXIST;
}

/**
 * bbuf_destroy_check() - check which queue is to be destroyed
 * @destroy: name of the queue
 *
 * Return: 0, -EINVAL, or -EPERM (the default queue).
 */
int bbuf_destroy_check(const struct bbuf_destroy *destroy)
{
	if (!bbuf_name_is_valid(destroy->name))
		return -EINVAL;
	return strcmp(destroy->name, BBUF_DEFAULT_NAME) ? 0 : -EPERM;
}

#define BBUF_SET_LEASES \
	(BBUF_SET_LEASE_TIMEOUT | BBUF_SET_MAX_LEASES | BBUF_SET_MAX_DELIVERIES)

/* Check the settings of leases, and whether the queue leases. */
static bool bbuf_set_leases_are_valid(const struct bbuf_queue *q, const struct bbuf_set *set)
{
	if ((set->lease_timeout && !(set->fields & BBUF_SET_LEASE_TIMEOUT)) ||
	    (set->max_deliveries && !(set->fields & BBUF_SET_MAX_DELIVERIES)) ||
	    !set->max_leases != !(set->fields & BBUF_SET_MAX_LEASES))
		return false;
	if (!q->leases)
		return !(set->fields & BBUF_SET_LEASES);
	if (q->type == BBUF_STREAM && (set->fields & BBUF_SET_LEASES & ~BBUF_SET_MAX_LEASES))
		return false;
	return !(set->policy & BBUF_DROP_OLDEST);
}

static int bbuf_set_check_values(const struct bbuf_set *set)
{
	if (set->fields & ~(BBUF_SET_CAPACITY | BBUF_SET_READ_MARK | BBUF_SET_WRITE_MARK |
			    BBUF_SET_LEASES) ||
	    set->policy_mask & ~(BBUF_EOF_ON_CLOSE | BBUF_DROP_OLDEST) ||
	    set->policy & ~set->policy_mask || set->reserved)
		return -EINVAL;
	/*
	 * Values whose bit in @fields is clear must be zero, so that they can be given a meaning
	 * later.
	 */
	if ((set->capacity && !(set->fields & BBUF_SET_CAPACITY)) ||
	    (set->read_mark && !(set->fields & BBUF_SET_READ_MARK)) ||
	    (set->write_mark && !(set->fields & BBUF_SET_WRITE_MARK)))
		return -EINVAL;
	if (!set->capacity && (set->fields & BBUF_SET_CAPACITY))
		return -EINVAL;
	return set->capacity > READ_ONCE(bbuf_max_capacity) ? -ERANGE : 0;
}

/**
 * bbuf_set_check() - check new settings of a queue
 * @q: the queue
 * @set: settings to change
 *
 * The rules that depend on the state of the queue, such as those of the marks, are
 * bbuf_queue_set()'s.
 *
 * Return: 0, -EINVAL, or -ERANGE (more than max_capacity).
 */
int bbuf_set_check(const struct bbuf_queue *q, const struct bbuf_set *set)
{
	int ret = bbuf_set_check_values(set);

	return ret ?: (bbuf_set_leases_are_valid(q, set) ? 0 : -EINVAL);
}
