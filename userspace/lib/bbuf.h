/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libbbuf: bounded FIFOs between the processes of one machine, from C.
 *
 * The queues are the kernel's (see linux/bbuf.h and bbuf(4)); the library adds no
 * buffer of its own, no thread and no signal handler. A call that fails returns -1,
 * or NULL where it returns a pointer, and sets errno; "Errors" lists what it adds to
 * those of the system calls it makes.
 *
 * Threads: a handle and a batch belong to one thread at a time. Different handles,
 * also of one queue, have nothing to do with each other. Calls without a handle may
 * be made by any thread at any time.
 *
 * Times to wait: with NULL a call waits for as long as it takes; with { 0, 0 } it does
 * not wait, and fails with EAGAIN; after any other time, rounded up to the kernel's
 * clock tick, it fails with ETIMEDOUT. With a handle opened with O_NONBLOCK no call
 * waits, whatever its timeout.
 */
#ifndef BBUF_H
#define BBUF_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include <linux/bbuf.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The queue that is there as long as the module is: /dev/bbuf. */
#define BBUF_QUEUE_DEFAULT	"default"

/* A handle: an open file of a queue. */
struct bbuf;

/* Records in memory, that go to and come from a queue together. */
struct bbuf_batch;

/**
 * struct bbuf_config - what a new queue is to be
 * @type: BBUF_STREAM or BBUF_RECORD
 * @policy: any of BBUF_EOF_ON_CLOSE, BBUF_DROP_OLDEST, BBUF_LEASE
 * @capacity: in bytes, from 1 to the module's parameter max_capacity
 * @mode: permissions of its node, of 0777; not subject to the umask
 * @uid: owner of its node, or BBUF_ID_CALLER
 * @gid: group of its node, or BBUF_ID_CALLER
 * @lease_timeout: nanoseconds after which a lease ends although its holder lives; 0 for never
 * @max_leases: how many leases a file may have at once; 0 for BBUF_MAX_LEASES_DEFAULT
 * @max_deliveries: how often a record is delivered; 0 for any number
 * @dead_letters: name of the record queue for what was delivered so often and still not
 *                acknowledged; NULL if it is to be dropped
 *
 * Begin with BBUF_CONFIG_INIT, and change what you want otherwise. The members from
 * @lease_timeout on go with BBUF_LEASE, and all of them but @max_leases with BBUF_RECORD.
 */
struct bbuf_config {
	uint32_t type;
	uint32_t policy;
	uint64_t capacity;
	mode_t mode;
	uid_t uid;
	gid_t gid;
	uint64_t lease_timeout;
	uint32_t max_leases;
	uint32_t max_deliveries;
	const char *dead_letters;
};

/* In the order of the fields, which C++ wants. */
#define BBUF_CONFIG_INIT \
	{ BBUF_STREAM, 0, 65536, 0600, BBUF_ID_CALLER, BBUF_ID_CALLER, 0, 0, 0, NULL }

/*
 * What bbuf_list() and bbuf_lookup() say of a number that the caller may not know; of a member
 * of 32 bits it is BBUF_UNKNOWN_32.
 */
#define BBUF_UNKNOWN	UINT64_MAX
#define BBUF_UNKNOWN_32	UINT32_MAX

/**
 * bbuf_open() - open a queue
 * @queue: its name, such as "jobs" or "default", or, with a '/' in it, a path of its node
 * @flags: O_RDONLY, O_WRONLY or O_RDWR, and O_NONBLOCK if no call is ever to wait;
 *         O_ACCMODE, which takes both permissions, to be neither reader nor writer, for
 *         bbuf_get_info() and bbuf_set() alone
 *
 * The file is close-on-exec. Opening never waits, and changes nothing in the queue.
 *
 * The node that a name or a path such as /dev/bbuf-jobs stands for must be that of the queue
 * "jobs", if there is one. Any other path is taken for what is there.
 *
 * Return: a handle, for bbuf_close(). Errors: EINVAL (a name that no queue can have,
 * another flag), ENOENT (no such queue), ENXIO (the queue exists, but its node does not, or
 * something else is there), ENODEV (it is being destroyed), ENOTTY (a path of what is no
 * queue), and those of open(2), such as EACCES, of ioctl(2) and of malloc(3).
 */
struct bbuf *bbuf_open(const char *queue, int flags);

/**
 * bbuf_from_fd() - make a handle of a file that is open already
 * @fd: file of a queue, inherited or received
 *
 * The handle owns @fd from now on. Its flags, also close-on-exec, stay as they are.
 * The options of struct bbuf_options belong to the open file: a process that shares
 * it should not use it while this one does.
 *
 * Return: a handle, for bbuf_close(); on failure @fd is still the caller's. Errors:
 * EBADF, ENOTTY (not a queue), and those of malloc(3).
 */
struct bbuf *bbuf_from_fd(int fd);

/**
 * bbuf_fd() - the file of a handle
 * @queue: the handle
 *
 * For poll(2), epoll(7), FIONREAD and the like. It remains the handle's.
 *
 * Return: the file descriptor.
 */
int bbuf_fd(const struct bbuf *queue);

/**
 * bbuf_close() - close a handle and its file
 * @queue: the handle, or NULL
 *
 * What is queued stays there, and what is leased goes back. errno is left alone.
 */
void bbuf_close(struct bbuf *queue);

/**
 * bbuf_put() - put bytes, or one record, into a queue
 * @queue: the handle, open for writing
 * @data: what to put
 * @len: bytes of that
 * @timeout: how long to wait for room; see above
 *
 * As write(2) on the queue: a record, and in a stream up to the capacity, goes in
 * whole. Into a stream a longer one goes in pieces, with nobody else's bytes between
 * them; with a timeout of { 0, 0 } a part of what is longer than 4096 bytes may go in.
 *
 * Return: bytes queued, @len but for the cases above. Errors: EAGAIN, ETIMEDOUT,
 * EINTR (a signal), EMSGSIZE (a record longer than the capacity), EPIPE (shut down),
 * ENODEV (destroyed), ENOMEM, EFAULT, EBADF, EINVAL (@timeout is none).
 */
ssize_t bbuf_put(struct bbuf *queue, const void *data, size_t len,
		 const struct timespec *timeout);

/**
 * bbuf_get() - take bytes, or one record, out of a queue
 * @queue: the handle, open for reading
 * @buffer: where to
 * @size: bytes of that
 * @timeout: how long to wait for something; see above
 *
 * As read(2) on the queue: of a stream as many bytes as there are, up to @size, of a
 * record queue exactly one record. With BBUF_LEASE it is leased: see bbuf_lease().
 *
 * Return: bytes taken; 0 is the end of the data. Errors: EAGAIN, ETIMEDOUT, EINTR (a
 * signal), EMSGSIZE (the record is longer than @size, and stays; FIONREAD tells its
 * length), EBUSY (the file has as many leases as it may have), ENODEV (destroyed), EFAULT,
 * EBADF, EINVAL (@timeout is none).
 */
ssize_t bbuf_get(struct bbuf *queue, void *buffer, size_t size,
		 const struct timespec *timeout);

/**
 * bbuf_lease() - take one record out of a queue, for as long as you live
 * @queue: the handle, open for reading; a record queue with BBUF_LEASE
 * @buffer: where to
 * @size: bytes of that
 * @timeout: how long to wait for a record; see above
 * @lease: is filled: its number, lease, for bbuf_settle(); the record's length, len, also if
 *         it is longer than @size; deliveries, how often it was delivered, this time
 *         included. Or NULL
 *
 * The record is gone only when bbuf_settle() has acknowledged it. It goes back to its place
 * in the queue if bbuf_settle() says so, if the queue's lease_timeout is over, and when the
 * file is closed: by bbuf_close() or, whatever becomes of the process, by the kernel.
 *
 * bbuf_get() and bbuf_batch_get() lease, too, and tell less.
 *
 * Return: bytes taken; 0 is the end of the data, which does not come while anything is
 * leased. Errors: those of bbuf_get(); EBUSY (the file has as many leases as it may have);
 * EINVAL, too, if the queue has no leases, or is a stream.
 */
ssize_t bbuf_lease(struct bbuf *queue, void *buffer, size_t size,
		   const struct timespec *timeout, struct bbuf_lease *lease);

/**
 * bbuf_settle() - be done with a leased record
 * @queue: the handle that it was leased by
 * @lease: its number, from bbuf_lease(), or 0 for the one that was leased first
 * @action: BBUF_ACK: it is done with, and gone; BBUF_RETURN: it goes back to where it was;
 *       BBUF_RETURN_LAST: behind all that is queued; BBUF_REJECT: to the dead-letter queue or,
 *       if there is none, it is dropped and counted; BBUF_RENEW: it stays leased, and its
 *       time begins anew
 *
 * Never waits. A record that goes back after its last delivery goes to the dead-letter
 * queue, too, or is dropped.
 *
 * Return: 1. Errors: ESTALE (the file has no such lease, or has no more: it timed out, and
 * somebody else may have the record), ENOENT (@lease is 0, and nothing is leased), EAGAIN
 * (BBUF_REJECT: the dead-letter queue has no room or was destroyed; the record stays
 * leased), EBADF, EINVAL, ENODEV (destroyed).
 */
ssize_t bbuf_settle(struct bbuf *queue, uint64_t lease, enum bbuf_settle_action action);

/**
 * bbuf_settle_all() - the same with all that a handle has leased
 * @queue: the handle
 * @action: as for bbuf_settle()
 *
 * Return: how many records it was, 0 or more. Errors: those of bbuf_settle() but ESTALE and
 * ENOENT.
 */
ssize_t bbuf_settle_all(struct bbuf *queue, enum bbuf_settle_action action);

/**
 * bbuf_batch_new() - make an empty batch
 * @bytes: how much it can hold: for each record BBUF_FRAME_SPACE(its length)
 *
 * A batch is a FIFO of records in this process's memory. bbuf_batch_add() and
 * bbuf_batch_get() append to it; bbuf_batch_next() and bbuf_batch_put() take from its
 * front. So what one queue gave can be put into another as it is.
 *
 * Return: a batch, for bbuf_batch_free(). Errors: EINVAL (not enough for a record of
 * one byte), ENOMEM.
 */
struct bbuf_batch *bbuf_batch_new(size_t bytes);

/**
 * bbuf_batch_free() - free a batch, and what is in it
 * @batch: the batch, or NULL
 *
 * errno is left alone.
 */
void bbuf_batch_free(struct bbuf_batch *batch);

/**
 * bbuf_batch_add() - append a record to a batch
 * @batch: the batch
 * @data: the record, which is copied
 * @len: bytes of that, 1 or more
 *
 * Return: 0. Errors: EINVAL (@len is 0), EMSGSIZE (more than the batch can ever hold),
 * ENOBUFS (more than it can hold now: put it, then add again).
 */
int bbuf_batch_add(struct bbuf_batch *batch, const void *data, size_t len);

/**
 * bbuf_batch_next() - take the first record out of a batch
 * @batch: the batch
 * @data: is set to where the record is, until the batch is used otherwise than by
 *        this call and bbuf_batch_count()
 * @len: is set to the record's bytes
 *
 * Return: 1, or 0 if there is none, and then @data and @len are left alone.
 */
int bbuf_batch_next(struct bbuf_batch *batch, const void **data, size_t *len);

/**
 * bbuf_batch_count() - how many records are in a batch
 * @batch: the batch
 *
 * Return: that number.
 */
size_t bbuf_batch_count(const struct bbuf_batch *batch);

/**
 * bbuf_batch_clear() - throw away what is in a batch
 * @batch: the batch
 */
void bbuf_batch_clear(struct bbuf_batch *batch);

/**
 * bbuf_batch_put() - move the records of a batch into a record queue, by one system call
 * @queue: the handle, open for writing
 * @batch: the batch; what was not queued stays in it, in order
 * @timeout: how long to wait for room, for all of them together; see above
 *
 * Each record goes in whole. Others' records may come to lie between them.
 *
 * Return: records queued, fewer than all if something ended it in between, and the
 * next call says what; 0 if the batch is empty. Errors: those of bbuf_put(), of its
 * first record; EINVAL, too, if the queue is a stream.
 */
ssize_t bbuf_batch_put(struct bbuf *queue, struct bbuf_batch *batch,
		       const struct timespec *timeout);

/**
 * bbuf_batch_get() - move records of a record queue into a batch, by one system call
 * @queue: the handle, open for reading
 * @batch: the batch; what is in it already stays there, in front
 * @timeout: how long to wait for the first record; see above
 *
 * Takes as many records as there are and as fit. With BBUF_LEASE each of them is leased, and
 * they are settled in their order, by bbuf_settle() with a lease of 0, or all together.
 *
 * Return: records taken; 0 is the end of the data. Errors: those of bbuf_get();
 * EMSGSIZE if the first record doesn't fit into what is free in the batch; ENOBUFS if
 * none would; EINVAL, too, if the queue is a stream.
 */
ssize_t bbuf_batch_get(struct bbuf *queue, struct bbuf_batch *batch,
		       const struct timespec *timeout);

/**
 * bbuf_create() - make a queue
 * @name: its name, 1 to 63 of A-Z a-z 0-9 _ - . and no dot first
 * @config: what it is to be, or NULL for BBUF_CONFIG_INIT
 *
 * For whoever may write to /dev/bbuf-control, which is root unless its mode, owner or group
 * was changed. The node is /dev/bbuf-NAME.
 *
 * Return: 0. Errors: EINVAL (the name, or a value in @config, or a dead-letter queue that is
 * a stream or has one itself), ERANGE (a capacity beyond the module's max_capacity), EEXIST,
 * ENOSPC (no numbers left), ENOMEM, EACCES (/dev/bbuf-control does not permit it), ENOENT (the
 * module is not loaded, or there is no such dead-letter queue), ENXIO (the module is loaded,
 * but /dev/bbuf-control does not exist, or is something else).
 */
int bbuf_create(const char *name, const struct bbuf_config *config);

/**
 * bbuf_destroy() - destroy a queue, and what is queued, whoever uses it
 * @name: its name
 *
 * For the same as bbuf_create(). Whoever has the queue open gets ENODEV.
 *
 * Return: 0. Errors: EINVAL (a name that no queue can have), ENOENT (no such queue, or
 * the module is not loaded), EPERM (the queue "default"), EACCES and ENXIO as bbuf_create()
 * has them.
 */
int bbuf_destroy(const char *name);

/**
 * bbuf_list() - what queues there are
 * @list: is set to an array, one entry for each queue, sorted by name
 * @count: is set to their number
 *
 * From /sys/class/bbuf: no queue is opened. The values of one entry are read one after the
 * other, while the queue goes on. A queue that is destroyed meanwhile is left out.
 *
 * What a queue is everybody may know. What passes through it is for those who may read its
 * node: for others these numbers are BBUF_UNKNOWN.
 *
 * Return: 0, and then bbuf_list_free() frees the array. Errors: ENOENT (the module is
 * not loaded), ENOMEM, and those of opendir(3) and read(2).
 */
int bbuf_list(struct bbuf_info **list, size_t *count);

/**
 * bbuf_list_free() - free what bbuf_list() has made
 * @list: the array, or NULL
 *
 * errno is left alone.
 */
void bbuf_list_free(struct bbuf_info *list);

/**
 * bbuf_lookup() - what a queue is and has done, by its name
 * @name: its name
 * @info: is filled
 *
 * As bbuf_list(), for one queue.
 *
 * Return: 0. Errors: EINVAL (a name that no queue can have), ENOENT (no such queue, or
 * the module is not loaded), and those of read(2).
 */
int bbuf_lookup(const char *name, struct bbuf_info *info);

/**
 * bbuf_get_info() - what a queue is and has done, by a handle
 * @queue: the handle, open for anything
 * @info: is filled, with values that belong together
 *
 * Works on a destroyed queue, too: BBUF_DESTROYED is in its state.
 *
 * Return: 0. Errors: those of ioctl(2).
 */
int bbuf_get_info(struct bbuf *queue, struct bbuf_info *info);

/**
 * bbuf_shutdown() - say that no more is to come
 * @queue: the handle, open for writing
 *
 * Writers get EPIPE from now on, also those that wait. Readers get what is queued, and
 * then the end.
 *
 * Return: 0, also if that was said before. Errors: EBADF (not open for writing), ENODEV
 * (destroyed).
 */
int bbuf_shutdown(struct bbuf *queue);

/**
 * bbuf_reopen() - take bbuf_shutdown() back, for a new round
 * @queue: the handle, open for writing
 *
 * With BBUF_EOF_ON_CLOSE readers see an end again when the handle is closed, if nobody else
 * has the queue open for writing then.
 *
 * Return: 0, also if there was nothing to take back. Errors: EBADF (not open for
 * writing), ENODEV (destroyed).
 */
int bbuf_reopen(struct bbuf *queue);

/**
 * bbuf_drain() - wait until all that is queued now has been taken
 * @queue: the handle, open for reading or writing
 *
 * As fsync(2) on the queue; waits also with O_NONBLOCK. What is leased counts as taken when
 * it is acknowledged.
 *
 * Return: 0. Errors: EBADF (open for neither), EINTR (a signal), ENODEV (destroyed).
 */
int bbuf_drain(struct bbuf *queue);

/**
 * bbuf_peek() - copy what is queued first, and leave it there
 * @queue: the handle, open for reading
 * @buffer: where to
 * @size: bytes of that
 *
 * Never waits. Of a stream up to @size bytes, of a record queue the next record.
 *
 * Return: bytes copied; 0 is the end of the data. Errors: EAGAIN (nothing is queued),
 * EMSGSIZE (the record is longer than @size), ENODEV (destroyed), EFAULT, EBADF (not
 * open for reading).
 */
ssize_t bbuf_peek(struct bbuf *queue, void *buffer, size_t size);

/**
 * bbuf_flush() - discard what is queued
 * @queue: the handle, open for reading
 *
 * What is leased is not.
 *
 * Return: 0. Errors: EINTR (a signal), ENODEV (destroyed), EBADF (not open for reading).
 */
int bbuf_flush(struct bbuf *queue);

/**
 * bbuf_set() - change marks, policy, capacity and the limits of leases of a queue in use
 * @queue: the handle
 * @set: what to change; see linux/bbuf.h
 *
 * All of it or nothing.
 *
 * Return: 0. Errors: EPERM (neither the node's owner nor root), EINVAL (a mark of 0 or
 * beyond the capacity, marks that together are more than the capacity and a byte, an
 * unknown policy, limits of leases that the queue doesn't have), ERANGE (a capacity beyond
 * the module's max_capacity), EBUSY (more is queued and leased than the new capacity),
 * ENOMEM, EINTR (a signal), EAGAIN (O_NONBLOCK, and somebody is in the middle of a copy),
 * ENODEV (destroyed).
 */
int bbuf_set(struct bbuf *queue, const struct bbuf_set *set);

/**
 * bbuf_resize() - change a queue's capacity, and nothing else
 * @queue: the handle
 * @capacity: in bytes
 *
 * Marks beyond the new capacity are lowered to it.
 *
 * Return: 0. Errors: those of bbuf_set().
 */
int bbuf_resize(struct bbuf *queue, uint64_t capacity);

#ifdef __cplusplus
}
#endif

#endif /* BBUF_H */
