/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libbbuf: the C library for bbuf, bounded FIFOs between the processes of one machine.
 *
 * The queues are in the kernel (see linux/bbuf.h and bbuf(4)). The library adds no thread and no
 * signal handler, and no buffer but the batches, writers and readers that the caller allocates.
 * A function that fails returns -1, or NULL if it returns a pointer, and sets errno. "Errors"
 * lists the values that a caller may have to tell apart.
 *
 * Thread safety: a handle or a batch may be used by one thread at a time. Each function of a
 * writer or reader also uses its handle. Different handles are independent, even if they refer to
 * the same queue. Functions that take no handle may be called by any thread at any time.
 *
 * Timeouts: with NULL a function blocks until it can proceed. With { 0, 0 } it never blocks, and
 * fails with EAGAIN if it would have to. With any other timeout, which the kernel rounds up to
 * its clock tick, it fails with ETIMEDOUT. With a handle that was opened with O_NONBLOCK no
 * function waits for data or for room, whatever its timeout.
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

/* Name of the queue that exists as long as the module is loaded. Its node is /dev/bbuf. */
#define BBUF_QUEUE_DEFAULT	"default"

/* Handle: an open file of a queue. */
struct bbuf;

/* Batch: records in the memory of the process, which are put or taken by one system call. */
struct bbuf_batch;

/* Writer: collects records that are put one by one, and sends many by one system call. */
struct bbuf_writer;

/* Reader: fetches many records by one system call, and returns them one by one. */
struct bbuf_reader;

/**
 * struct bbuf_config - properties of a new queue, for bbuf_create()
 * @type: BBUF_STREAM or BBUF_RECORD
 * @policy: any of BBUF_EOF_ON_CLOSE, BBUF_DROP_OLDEST and BBUF_LEASE
 * @capacity: capacity in bytes, from 1 to the module parameter max_capacity
 * @mode: permissions of the node, up to 0777; the umask does not apply
 * @uid: owner of the node, or BBUF_ID_CALLER
 * @gid: group of the node, or BBUF_ID_CALLER
 * @lease_timeout: visibility timeout of a lease in nanoseconds: after it the record is
 *                 redelivered even if its holder is alive; 0 for none
 * @max_leases: maximum number of leases that one file may hold; 0 for BBUF_MAX_LEASES_DEFAULT
 * @max_deliveries: maximum number of deliveries of a record; 0 for no limit
 * @dead_letters: name of the record queue that receives rejected records and records that have
 *                used up @max_deliveries; NULL to drop them
 *
 * Initialize it with BBUF_CONFIG_INIT, then change single members. The members from
 * @lease_timeout on require BBUF_LEASE; all of them except @max_leases also require BBUF_RECORD.
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

/* Positional, in the order of the members: C++ accepts no other order. */
#define BBUF_CONFIG_INIT \
	{ BBUF_STREAM, 0, 65536, 0600, BBUF_ID_CALLER, BBUF_ID_CALLER, 0, 0, 0, NULL }

/*
 * Value of a number that the caller may not read, from bbuf_list() and bbuf_lookup(). A member
 * of 32 bits has the value BBUF_UNKNOWN_32.
 */
#define BBUF_UNKNOWN	UINT64_MAX
#define BBUF_UNKNOWN_32	UINT32_MAX

/**
 * bbuf_open() - open a queue
 * @queue: name of the queue, such as "jobs" or "default", or a path of its node, which contains
 *         a '/'
 * @flags: O_RDONLY, O_WRONLY or O_RDWR, optionally with O_NONBLOCK; or O_ACCMODE, which requires
 *         both permissions and opens the queue for neither reading nor writing: bbuf_get_info()
 *         and bbuf_set() are possible, and the handle does not count as a reader or writer
 *
 * The file is close-on-exec. bbuf_open() never blocks and does not change the queue.
 *
 * If @queue is a name, or a path such as /dev/bbuf-jobs while there is a queue "jobs", the node
 * must belong to the queue of that name. Any other path is opened as it is, and must be the node
 * of a queue.
 *
 * Return: a handle, to be closed with bbuf_close(). Errors: EINVAL (invalid name or flag),
 * ENOENT (no such queue), ENXIO (the queue exists, but its node does not exist or is another
 * file), ENODEV (the queue is being destroyed), ENOTTY (the path is not the node of a queue),
 * and those of open(2), such as EACCES, of ioctl(2) and of malloc(3).
 */
struct bbuf *bbuf_open(const char *queue, int flags);

/**
 * bbuf_from_fd() - make a handle for a file that is already open
 * @fd: file descriptor of a queue, for example inherited or received over a socket
 *
 * The handle takes ownership of @fd. The flags of the file, including close-on-exec, do not
 * change. The options in struct bbuf_options belong to the open file description: another
 * process that shares it should not use it at the same time.
 *
 * Return: a handle, to be closed with bbuf_close(). On failure @fd stays open and belongs to the
 * caller. Errors: EBADF, ENOTTY (not a queue), and those of malloc(3).
 */
struct bbuf *bbuf_from_fd(int fd);

/**
 * bbuf_fd() - get the file descriptor of a handle
 * @queue: handle
 *
 * The descriptor can be used with poll(2), epoll(7), FIONREAD and so on. It still belongs to the
 * handle; do not close it.
 *
 * Return: the file descriptor.
 */
int bbuf_fd(const struct bbuf *queue);

/**
 * bbuf_close() - close a handle and its file
 * @queue: handle, or NULL
 *
 * Queued data stays in the queue, and records leased by the handle return to it. errno is
 * preserved.
 */
void bbuf_close(struct bbuf *queue);

/**
 * bbuf_put() - write bytes, or one record, to a queue
 * @queue: handle, open for writing
 * @data: bytes to write
 * @len: number of bytes
 * @timeout: maximum time to wait for room; see "Timeouts" above
 *
 * Works like write(2) on the queue. A record, and a write of up to the capacity to a stream, is
 * atomic. A longer write to a stream is queued in pieces, between which no bytes of other
 * writers appear; with a timeout of { 0, 0 } a write of more than 4096 bytes may be partial.
 *
 * Return: number of bytes queued, which is @len except in the cases above. Errors: EAGAIN,
 * ETIMEDOUT, EINTR (interrupted by a signal), EMSGSIZE (the record is longer than the capacity),
 * EPIPE (the queue is shut down), ENODEV (the queue is destroyed), ENOMEM, EFAULT, EBADF, EINVAL
 * (invalid @timeout).
 */
ssize_t bbuf_put(struct bbuf *queue, const void *data, size_t len,
		 const struct timespec *timeout);

/**
 * bbuf_get() - read bytes, or one record, from a queue
 * @queue: handle, open for reading
 * @buffer: memory for the data
 * @size: size of @buffer in bytes
 * @timeout: maximum time to wait for data; see "Timeouts" above
 *
 * Works like read(2) on the queue: it returns up to @size bytes of a stream, or exactly one
 * record. On a queue with BBUF_LEASE the record is leased; see bbuf_lease().
 *
 * Return: number of bytes read; 0 at EOF. Errors: EAGAIN, ETIMEDOUT, EINTR (interrupted by a
 * signal), EMSGSIZE (the record is longer than @size and stays queued; FIONREAD returns its
 * length), EBUSY (the file holds its maximum number of leases), ENODEV (the queue is destroyed),
 * EFAULT, EBADF, EINVAL (invalid @timeout).
 */
ssize_t bbuf_get(struct bbuf *queue, void *buffer, size_t size,
		 const struct timespec *timeout);

/**
 * bbuf_lease() - read one record and lease it
 * @queue: handle, open for reading; the queue must be a record queue with BBUF_LEASE
 * @buffer: memory for the record
 * @size: size of @buffer in bytes
 * @timeout: maximum time to wait for a record; see "Timeouts" above
 * @lease: filled in unless NULL: member lease, to pass to bbuf_settle(); member len, the length
 *         of the record in bytes, which is also set if it exceeds @size; member deliveries, the
 *         number of deliveries so far, including this one
 *
 * The record is consumed only when bbuf_settle() acknowledges it (at-least-once delivery). It
 * returns to its position in the queue if bbuf_settle() returns it, when the lease_timeout of
 * the queue expires, and when the file is closed: by bbuf_close(), or by the kernel when the
 * process dies.
 *
 * bbuf_get() and bbuf_batch_get() lease records, too, but do not fill in struct bbuf_lease.
 *
 * Return: number of bytes read; 0 at EOF, which is not reported while any record is leased.
 * Errors: those of bbuf_get(); EBUSY (the file holds its maximum number of leases); also EINVAL
 * if the queue has no leases or is a stream.
 */
ssize_t bbuf_lease(struct bbuf *queue, void *buffer, size_t size,
		   const struct timespec *timeout, struct bbuf_lease *lease);

/**
 * bbuf_settle() - acknowledge, return, reject or renew a leased record
 * @queue: handle that leased the record
 * @lease: number of the lease, from bbuf_lease(), or 0 for the oldest lease of the handle
 * @action: BBUF_ACK: the record is consumed; BBUF_RETURN: it returns to its position in the queue;
 *       BBUF_RETURN_LAST: it returns to the tail of the queue; BBUF_REJECT: it moves to the
 *       dead-letter queue or, without one, is dropped and counted; BBUF_RENEW: it stays leased,
 *       and its lease timeout restarts
 *
 * Never blocks. A record that is returned after its last permitted delivery also moves to the
 * dead-letter queue, or is dropped.
 *
 * Return: 1. Errors: ESTALE (the file does not hold the lease, or no longer: it has timed out,
 * and another consumer may have the record), ENOENT (@lease is 0 and nothing is leased), EAGAIN
 * (BBUF_REJECT: the dead-letter queue is full or was destroyed; the record stays leased), EBADF,
 * EINVAL, ENODEV (the queue is destroyed).
 */
ssize_t bbuf_settle(struct bbuf *queue, uint64_t lease, enum bbuf_settle_action action);

/**
 * bbuf_settle_all() - settle all leases of a handle
 * @queue: handle
 * @action: as for bbuf_settle()
 *
 * Return: number of records settled, 0 or more. Errors: those of bbuf_settle() except ESTALE and
 * ENOENT.
 */
ssize_t bbuf_settle_all(struct bbuf *queue, enum bbuf_settle_action action);

/**
 * bbuf_batch_new() - allocate an empty batch
 * @bytes: size in bytes; a record takes BBUF_FRAME_SPACE() of its length
 *
 * A batch is a FIFO of records in the memory of the process. bbuf_batch_add() and
 * bbuf_batch_get() append records; bbuf_batch_next() and bbuf_batch_put() remove the oldest
 * ones. Records taken from one queue can therefore be put into another as they are.
 *
 * Return: a batch, to be freed with bbuf_batch_free(). Errors: EINVAL (too small for a record of
 * one byte), ENOMEM.
 */
struct bbuf_batch *bbuf_batch_new(size_t bytes);

/**
 * bbuf_batch_free() - free a batch and the records in it
 * @batch: batch, or NULL
 *
 * errno is preserved.
 */
void bbuf_batch_free(struct bbuf_batch *batch);

/**
 * bbuf_batch_add() - append a record to a batch
 * @batch: batch
 * @data: the record, which is copied
 * @len: length of the record in bytes, 1 or more
 *
 * Return: 0. Errors: EINVAL (@len is 0), EMSGSIZE (the record does not fit into an empty batch),
 * ENOBUFS (the record does not fit now: put the batch, then add the record again).
 */
int bbuf_batch_add(struct bbuf_batch *batch, const void *data, size_t len);

/**
 * bbuf_batch_next() - remove the first record from a batch
 * @batch: batch
 * @data: set to the address of the record, which is valid until the batch is used by any
 *        function other than this one and bbuf_batch_count()
 * @len: set to the length of the record in bytes
 *
 * Return: 1, or 0 if the batch is empty; then @data and @len are not changed.
 */
int bbuf_batch_next(struct bbuf_batch *batch, const void **data, size_t *len);

/**
 * bbuf_batch_count() - count the records in a batch
 * @batch: batch
 *
 * Return: number of records.
 */
size_t bbuf_batch_count(const struct bbuf_batch *batch);

/**
 * bbuf_batch_clear() - discard all records in a batch
 * @batch: batch
 */
void bbuf_batch_clear(struct bbuf_batch *batch);

/**
 * bbuf_batch_put() - write the records of a batch to a record queue, by one system call
 * @queue: handle, open for writing
 * @batch: batch; records that are not queued stay in it, in order
 * @timeout: maximum time to wait for room for all of them; see "Timeouts" above
 *
 * Each record is written atomically. Records of other writers may be queued between them.
 *
 * Return: number of records queued, less than all of them if an error occurred in between, which
 * the next call reports; 0 if the batch is empty. Errors: those of bbuf_put() for the first
 * record; also EINVAL if the queue is a stream.
 */
ssize_t bbuf_batch_put(struct bbuf *queue, struct bbuf_batch *batch,
		       const struct timespec *timeout);

/**
 * bbuf_batch_get() - read records from a record queue into a batch, by one system call
 * @queue: handle, open for reading
 * @batch: batch; the records already in it stay, before the new ones
 * @timeout: maximum time to wait for the first record; see "Timeouts" above
 *
 * Reads as many records as are queued and fit. With BBUF_LEASE each of them is leased; settle
 * them in order, by bbuf_settle() with a lease of 0, or all at once.
 *
 * Return: number of records read; 0 at EOF. Errors: those of bbuf_get(); EMSGSIZE if the first
 * record does not fit into the free part of the batch; ENOBUFS if no record would fit; also
 * EINVAL if the queue is a stream.
 */
ssize_t bbuf_batch_get(struct bbuf *queue, struct bbuf_batch *batch,
		       const struct timespec *timeout);

/**
 * bbuf_writer_new() - allocate a writer
 * @queue: handle, open for writing, of a record queue; close it after bbuf_writer_free()
 * @bytes: size of its memory in bytes; a record takes BBUF_FRAME_SPACE() of its length
 * @delay: how long a record may be held back; NULL for any time; { 0, 0 } to hold back only
 *         records for which the queue has no room
 *
 * A writer is to a queue what a stream of stdio is to a file. It sends the records that it has
 * collected, in order, when the next one does not fit, when bbuf_writer_flush() is called, and
 * when one is put and the oldest has been held back for @delay. It starts no timer: a program
 * that may put nothing for a long time uses bbuf_writer_timeout().
 *
 * A record that has been put is in the writer or in the queue, once. If the process ends, records
 * in the writer are lost. After fork(2) both processes have them: only one of the two may use the
 * writer, and the other one at most frees it.
 *
 * Return: a writer, to be freed with bbuf_writer_free(). Errors: EINVAL (the queue is a stream,
 * @bytes is too small for a record of one byte, @delay is invalid), ENOMEM, and those of
 * bbuf_get_info().
 */
struct bbuf_writer *bbuf_writer_new(struct bbuf *queue, size_t bytes,
				    const struct timespec *delay);

/**
 * bbuf_writer_free() - free a writer, and discard the records in it
 * @writer: writer, or NULL
 *
 * Sends nothing, so call bbuf_writer_flush() before. The handle stays open. errno is preserved.
 */
void bbuf_writer_free(struct bbuf_writer *writer);

/**
 * bbuf_writer_put() - write a record to a writer
 * @writer: writer
 * @data: the record, which is copied
 * @len: length of the record in bytes; 0 does nothing
 * @timeout: maximum time to wait if records have to be sent; see "Timeouts" above
 *
 * A record that is longer than the memory of the writer, or than the capacity that the queue had
 * when the writer was allocated, is sent by itself, after all others.
 *
 * If @delay is over, but the queue has no room within @timeout, or a signal is caught, the record
 * has been put nevertheless, and its sending is tried again when @delay is over once more.
 *
 * Return: @len. On failure the record was not put; earlier ones stay in the writer. Errors: those
 * of bbuf_put(), for the oldest record in the writer or for this one.
 */
ssize_t bbuf_writer_put(struct bbuf_writer *writer, const void *data, size_t len,
			const struct timespec *timeout);

/**
 * bbuf_writer_flush() - send all records in a writer
 * @writer: writer
 * @timeout: maximum time to wait for room for all of them; see "Timeouts" above
 *
 * Return: 0, also if there are none. On failure the records that were not sent stay in the
 * writer, in order; the next call goes on with them. A signal that is caught after some were sent
 * may not end the call. Errors: those of bbuf_put(); EMSGSIZE (the oldest record is longer than
 * the capacity, which was reduced: see bbuf_writer_take()).
 */
int bbuf_writer_flush(struct bbuf_writer *writer, const struct timespec *timeout);

/**
 * bbuf_writer_count() - count the records in a writer
 * @writer: writer
 *
 * Return: number of records that have been put and not been sent.
 */
size_t bbuf_writer_count(const struct bbuf_writer *writer);

/**
 * bbuf_writer_timeout() - get the time after which to flush a writer
 * @writer: writer
 *
 * For the argument "timeout" of poll(2) or epoll_wait(2). If the queue had no room, wait for
 * EPOLLOUT, too.
 *
 * Return: milliseconds until the oldest record has been held back for @delay, or, if that is not
 * the first try, until the next one; 0 if that time is over; -1 if the writer is empty, or @delay
 * is NULL or { 0, 0 }.
 */
int bbuf_writer_timeout(const struct bbuf_writer *writer);

/**
 * bbuf_writer_take() - take the oldest record out of a writer, instead of sending it
 * @writer: writer
 * @data: set to the address of the record, which is valid until the writer is used by any function
 *        other than this one and bbuf_writer_count()
 * @len: set to the length of the record in bytes
 *
 * For records that the queue does not accept any more, as it is shut down, destroyed, or smaller
 * than before.
 *
 * Return: 1, or 0 if the writer is empty; then @data and @len are not changed.
 */
int bbuf_writer_take(struct bbuf_writer *writer, const void **data, size_t *len);

/**
 * bbuf_reader_new() - allocate a reader
 * @queue: handle, open for reading, of a record queue; close it after bbuf_reader_free()
 * @bytes: size of its memory in bytes; a record takes BBUF_FRAME_SPACE() of its length, or
 *         BBUF_LEASE_FRAME_SPACE() if the queue has BBUF_LEASE
 *
 * A reader that has no record left fetches as many as are queued and fit. Records that it has
 * fetched are not in the queue any more: poll(2) and other readers do not see them. If the process
 * ends, they are lost, unless the queue has BBUF_LEASE. After fork(2) both processes have them:
 * only one of the two may use the reader, and the other one at most frees it.
 *
 * With BBUF_LEASE, all records that were fetched are leased, which counts as a delivery. Records
 * that were not acknowledged return to the queue when the file is closed. Their lease timeouts run
 * from the moment they were fetched. bbuf_settle_all() includes them, and so does bbuf_settle()
 * with a lease of 0: it settles in the order in which the reader returns them, unless leases expire.
 *
 * Return: a reader, to be freed with bbuf_reader_free(). Errors: EINVAL (the queue is a stream, or
 * @bytes is too small for a record of one byte), ENOMEM, and those of bbuf_get_info().
 */
struct bbuf_reader *bbuf_reader_new(struct bbuf *queue, size_t bytes);

/**
 * bbuf_reader_free() - free a reader, and discard the records in it
 * @reader: reader, or NULL
 *
 * Records with leases stay leased until the handle, which stays open, is closed or settles them.
 * errno is preserved.
 */
void bbuf_reader_free(struct bbuf_reader *reader);

/**
 * bbuf_reader_next() - get the next record, without a copy
 * @reader: reader
 * @data: set to the address of the record, a multiple of 8, which is valid until the reader is
 *        used by any function other than bbuf_reader_count()
 * @timeout: maximum time to wait if the reader has no record; see "Timeouts" above
 * @lease: filled in unless NULL: member len, the length of the record in bytes; members lease and
 *         deliveries as by bbuf_lease(), or 0 without BBUF_LEASE
 *
 * Return: length of the record in bytes; 0 at EOF. Errors: those of bbuf_batch_get(); EMSGSIZE (the
 * record is longer than the memory of the reader, and stays queued: bbuf_reader_get() returns it;
 * member len of @lease is set to its length).
 */
ssize_t bbuf_reader_next(struct bbuf_reader *reader, const void **data,
			 const struct timespec *timeout, struct bbuf_lease *lease);

/**
 * bbuf_reader_get() - get a copy of the next record
 * @reader: reader
 * @buffer: memory for the record
 * @size: size of @buffer in bytes
 * @timeout: maximum time to wait if the reader has no record; see "Timeouts" above
 * @lease: filled in unless NULL, as by bbuf_reader_next(); member len is also set if it exceeds
 *         @size
 *
 * A record that is longer than the memory of the reader is read by itself.
 *
 * Return: number of bytes copied; 0 at EOF. Errors: those of bbuf_batch_get(); EMSGSIZE (the record
 * is longer than @size; the next call returns it).
 */
ssize_t bbuf_reader_get(struct bbuf_reader *reader, void *buffer, size_t size,
			const struct timespec *timeout, struct bbuf_lease *lease);

/**
 * bbuf_reader_count() - count the records in a reader
 * @reader: reader
 *
 * Return: number of records that have been fetched and not been returned. While it is not 0, do
 * not wait for the queue with poll(2).
 */
size_t bbuf_reader_count(const struct bbuf_reader *reader);

/**
 * bbuf_create() - create a queue
 * @name: name of the queue: 1 to 63 characters from A-Z a-z 0-9 _ - . without a leading dot
 * @config: properties of the queue, or NULL for BBUF_CONFIG_INIT
 *
 * Requires write permission for /dev/bbuf-control, which only root has by default. The node of
 * the queue is /dev/bbuf-NAME.
 *
 * Return: 0. Errors: EINVAL (invalid name or value in @config, or a dead-letter queue that is a
 * stream or has a dead-letter queue itself), ERANGE (a capacity above the module parameter
 * max_capacity), EEXIST, ENOSPC (no free minor number), ENOMEM, EACCES (no permission for
 * /dev/bbuf-control), ENOENT (the module is not loaded, or the dead-letter queue does not
 * exist), ENXIO (the module is loaded, but /dev/bbuf-control does not exist or is another file).
 */
int bbuf_create(const char *name, const struct bbuf_config *config);

/**
 * bbuf_destroy() - destroy a queue, even if it is in use, and all data in it
 * @name: name of the queue
 *
 * Requires the same permission as bbuf_create(). All current and future calls on open files of
 * the queue fail with ENODEV.
 *
 * Return: 0. Errors: EINVAL (invalid name), ENOENT (no such queue, or the module is not loaded),
 * EPERM (the queue "default"), EACCES and ENXIO as for bbuf_create().
 */
int bbuf_destroy(const char *name);

/**
 * bbuf_list() - get the properties and statistics of all queues
 * @list: set to an array with one entry per queue, sorted by name
 * @count: set to the number of entries
 *
 * Reads /sys/class/bbuf; no queue is opened. The values of one entry are read one after the
 * other while the queue is in use, so they may not be consistent. A queue that is destroyed
 * meanwhile is left out.
 *
 * The properties of a queue are readable by all users, its statistics only by users who may read
 * its node: for others these numbers are BBUF_UNKNOWN.
 *
 * Return: 0; free the array with bbuf_list_free(). Errors: ENOENT (the module is not loaded),
 * ENOMEM, and those of opendir(3) and read(2).
 */
int bbuf_list(struct bbuf_info **list, size_t *count);

/**
 * bbuf_list_free() - free an array that bbuf_list() returned
 * @list: the array, or NULL
 *
 * errno is preserved.
 */
void bbuf_list_free(struct bbuf_info *list);

/**
 * bbuf_lookup() - get the properties and statistics of a queue by name
 * @name: name of the queue
 * @info: filled in
 *
 * Works like bbuf_list(), for one queue.
 *
 * Return: 0. Errors: EINVAL (invalid name), ENOENT (no such queue, or the module is not loaded),
 * and those of read(2).
 */
int bbuf_lookup(const char *name, struct bbuf_info *info);

/**
 * bbuf_get_info() - get the properties and statistics of the queue of a handle
 * @queue: handle, opened with any flags
 * @info: filled in, with values of one moment
 *
 * Works on a destroyed queue, too: its state includes BBUF_DESTROYED.
 *
 * Return: 0. Errors: those of ioctl(2).
 */
int bbuf_get_info(struct bbuf *queue, struct bbuf_info *info);

/**
 * bbuf_shutdown() - refuse further writes; report EOF once the queue is empty
 * @queue: handle, open for writing
 *
 * Writers, including blocked ones, fail with EPIPE. Readers get the data that is queued, then
 * EOF.
 *
 * Return: 0, also if the queue is already shut down. Errors: EBADF (not open for writing),
 * ENODEV (the queue is destroyed).
 */
int bbuf_shutdown(struct bbuf *queue);

/**
 * bbuf_reopen() - undo bbuf_shutdown()
 * @queue: handle, open for writing
 *
 * With BBUF_EOF_ON_CLOSE, readers get EOF again once the handle is closed, unless the queue is
 * open for writing elsewhere.
 *
 * Return: 0, also if the queue was not shut down. Errors: EBADF (not open for writing), ENODEV
 * (the queue is destroyed).
 */
int bbuf_reopen(struct bbuf *queue);

/**
 * bbuf_drain() - wait until all data that is queued now has been consumed
 * @queue: handle, open for reading or writing
 *
 * Works like fsync(2) on the queue, and blocks even with O_NONBLOCK. A leased record is consumed
 * when it is acknowledged.
 *
 * Return: 0. Errors: EBADF (open for neither), EINTR (interrupted by a signal), ENODEV (the
 * queue is destroyed).
 */
int bbuf_drain(struct bbuf *queue);

/**
 * bbuf_peek() - copy the oldest data without removing it from the queue
 * @queue: handle, open for reading
 * @buffer: memory for the data
 * @size: size of @buffer in bytes
 *
 * Never blocks. Copies up to @size bytes of a stream, or the next record of a record queue.
 *
 * Return: number of bytes copied; 0 at EOF. Errors: EAGAIN (the queue is empty), EMSGSIZE (the
 * record is longer than @size), ENODEV (the queue is destroyed), EFAULT, EBADF (not open for
 * reading).
 */
ssize_t bbuf_peek(struct bbuf *queue, void *buffer, size_t size);

/**
 * bbuf_flush() - discard all queued data
 * @queue: handle, open for reading
 *
 * Leased records are not discarded.
 *
 * Return: 0. Errors: EINTR (interrupted by a signal), ENODEV (the queue is destroyed), EBADF
 * (not open for reading).
 */
int bbuf_flush(struct bbuf *queue);

/**
 * bbuf_set() - change the capacity, marks, policy and lease limits of a queue in use
 * @queue: handle
 * @set: the changes; see linux/bbuf.h
 *
 * Either all changes are made or none.
 *
 * Return: 0. Errors: EPERM (the caller is neither owner of the node nor root), EINVAL (a mark
 * that is 0 or above the capacity, marks whose sum exceeds the capacity plus one, an unknown
 * policy, lease limits for a queue without leases), ERANGE (a capacity above the module
 * parameter max_capacity), EBUSY (the queued and leased data exceeds the new capacity), ENOMEM,
 * EINTR (interrupted by a signal), EAGAIN (O_NONBLOCK, and another call is copying data), ENODEV
 * (the queue is destroyed).
 */
int bbuf_set(struct bbuf *queue, const struct bbuf_set *set);

/**
 * bbuf_resize() - change only the capacity of a queue
 * @queue: handle
 * @capacity: new capacity in bytes
 *
 * Marks above the new capacity are lowered to it.
 *
 * Return: 0. Errors: those of bbuf_set().
 */
int bbuf_resize(struct bbuf *queue, uint64_t capacity);

#ifdef __cplusplus
}
#endif

#endif /* BBUF_H */
