/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * bbuf: bounded FIFOs between the processes of one machine.
 *
 * A program uses a queue with read(2) and write(2) alone. The ioctls here create and destroy
 * queues, through /dev/bbuf-control, and report and change their settings, through an open file of
 * a queue.
 *
 * The size of each structure is part of its command's number. A structure may be shorter than the
 * kernel's, from older programs: the missing part counts as 0; or longer, from newer ones: E2BIG if
 * a part that the kernel doesn't know is not 0. Unknown flags and reserved members that are not 0
 * give EINVAL.
 */
#ifndef _UAPI_LINUX_BBUF_H
#define _UAPI_LINUX_BBUF_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Size of a queue's name with the NUL: 1 to 63 of A-Z a-z 0-9 _ - . and no dot first. */
#define BBUF_NAME_SIZE		64

/**
 * enum bbuf_type - unit of a queue
 * @BBUF_STREAM: bytes: a FIFO without boundaries
 * @BBUF_RECORD: records: each write is one, which a read returns whole
 */
enum bbuf_type {
	BBUF_STREAM	= 0,
	BBUF_RECORD	= 1,
};

/*
 * Policies of a queue.
 *
 * BBUF_EOF_ON_CLOSE: readers see EOF when the last file open for writing is
 *	closed and what is queued has been read, until one is opened again, as with
 *	a pipe. Without it only BBUF_IOC_SHUTDOWN causes EOF.
 * BBUF_DROP_OLDEST: a write that finds no room makes room: the oldest bytes or
 *	records are lost, and counted. Without it writers wait.
 * BBUF_LEASE: what is read is leased, see struct bbuf_lease. Set when the queue is
 *	created, and constant. Not with BBUF_DROP_OLDEST.
 */
#define BBUF_EOF_ON_CLOSE	(1U << 0)
#define BBUF_DROP_OLDEST	(1U << 1)
#define BBUF_LEASE		(1U << 2)

/* Default of the leases that a file may hold at once. */
#define BBUF_MAX_LEASES_DEFAULT	1024

/* As uid or gid: that of the caller. */
#define BBUF_ID_CALLER		0xffffffffU

/**
 * struct bbuf_create - settings of a new queue: BBUF_IOC_CREATE on /dev/bbuf-control
 * @name: name of the queue; its node is /dev/bbuf-NAME
 * @capacity: bytes that it can hold, from 1 to the module's max_capacity
 * @type: one of enum bbuf_type
 * @policy: any of BBUF_EOF_ON_CLOSE, BBUF_DROP_OLDEST, BBUF_LEASE
 * @mode: permissions of the node, as for chmod(2)
 * @uid: owner of the node, or BBUF_ID_CALLER
 * @gid: group of the node, or BBUF_ID_CALLER
 * @reserved: must be zero
 * @lease_timeout: nanoseconds after which a leased record is returned although its holder lives; 0
 *                 for never
 * @max_leases: maximum number of records, or bytes of a stream, that a file may have leased at
 *              once; 0 for BBUF_MAX_LEASES_DEFAULT
 * @max_deliveries: maximum number of deliveries of a record: instead of being returned after the
 *                  last one it is moved to @dead_letters, or dropped; 0 for any number
 * @dead_letters: name of a record queue that exists, and has no dead-letter queue itself; empty for
 *                none. A reference to it is held: once destroyed, it takes no more records, even if
 *                another queue of that name is created
 *
 * The members from @lease_timeout on are for BBUF_LEASE; all but @max_leases for a record queue.
 *
 * Errors: EINVAL (a bad name, type, policy, mode, owner or group, a capacity of 0, a dead-letter
 * queue that is a stream or has one itself), ERANGE (a capacity beyond max_capacity), EEXIST,
 * ENOENT (no such dead-letter queue), ENOSPC (no numbers left), ENOMEM.
 */
struct bbuf_create {
	char name[BBUF_NAME_SIZE];
	__u64 capacity;
	__u32 type;
	__u32 policy;
	__u32 mode;
	__u32 uid;
	__u32 gid;
	__u32 reserved;
	__u64 lease_timeout;
	__u32 max_leases;
	__u32 max_deliveries;
	char dead_letters[BBUF_NAME_SIZE];
};

/**
 * struct bbuf_destroy - queue to destroy: BBUF_IOC_DESTROY on /dev/bbuf-control
 * @name: name of the queue
 *
 * Its node is removed at once. Processes that wait in the queue, or have it open, get ENODEV; its
 * memory is freed when the last of them has closed it.
 *
 * Errors: ENOENT, EINVAL (a bad name), EPERM (the queue "default" can't be destroyed).
 */
struct bbuf_destroy {
	char name[BBUF_NAME_SIZE];
};

/* States of a queue; with any of them readers see EOF after what is queued. */
#define BBUF_SHUT		(1U << 0)	/* BBUF_IOC_SHUTDOWN: writers get EPIPE */
#define BBUF_LEFT		(1U << 1)	/* BBUF_EOF_ON_CLOSE: the last writer closed */
#define BBUF_DESTROYED		(1U << 2)	/* every call fails with ENODEV */

/**
 * struct bbuf_side_info - totals of one side of a queue
 * @bytes: bytes moved since the queue was created
 * @records: the same in records; 0 for a stream
 * @files: files that are open for this side now
 * @waiters: calls in the wait list now
 * @blocked: times that a call slept in the wait list
 * @blocked_ns: nanoseconds that they slept, all together
 * @wakeups: times that one of them was woken because it could proceed, or soon would
 */
struct bbuf_side_info {
	__u64 bytes;
	__u64 records;
	__u32 files;
	__u32 waiters;
	__u64 blocked;
	__u64 blocked_ns;
	__u64 wakeups;
};

/**
 * struct bbuf_info - settings, contents and totals of a queue: BBUF_IOC_INFO
 * @name: name of the queue
 * @type: one of enum bbuf_type
 * @policy: any of BBUF_EOF_ON_CLOSE, BBUF_DROP_OLDEST, BBUF_LEASE
 * @state: any of BBUF_SHUT, BBUF_LEFT, BBUF_DESTROYED
 * @reserved: 0
 * @capacity: bytes that it can hold
 * @read_mark: bytes that must be queued for poll to report it readable
 * @write_mark: bytes of room for poll to report it writable
 * @bytes: bytes queued now
 * @records: records queued now; 0 for a stream
 * @peak: most bytes that were queued at once, including leased ones
 * @dropped_bytes: bytes lost to BBUF_DROP_OLDEST
 * @dropped_records: the same in records
 * @flushed_bytes: bytes discarded by BBUF_IOC_FLUSH
 * @in: totals of the producers
 * @out: totals of the consumers, without what was dropped, flushed or dead-lettered
 * @leased_bytes: bytes leased now; they are not in @bytes, but count against the capacity
 * @leased_records: the same in records; 0 for a stream
 * @leasing_files: files that hold leases now
 * @returned: records that were returned after they were leased; bytes of a stream that were
 *            returned other than by a write
 * @expired: those of them whose lease timed out
 * @dead_lettered: records that were moved to the dead-letter queue, or dropped for want of one;
 *                 they do not count as @returned
 * @lease_timeout: as in struct bbuf_create
 * @max_leases: likewise, but never 0 with BBUF_LEASE
 * @max_deliveries: likewise
 * @dead_letters: likewise
 *
 * Leased bytes count as @out, and records as records of @out, only when they are acknowledged. So
 * the bytes, and the records, of @in are the sum of those of @out, queued, leased, dropped, flushed
 * and dead-lettered. New members will be added at the end.
 */
struct bbuf_info {
	char name[BBUF_NAME_SIZE];
	__u32 type;
	__u32 policy;
	__u32 state;
	__u32 reserved;
	__u64 capacity;
	__u64 read_mark;
	__u64 write_mark;
	__u64 bytes;
	__u64 records;
	__u64 peak;
	__u64 dropped_bytes;
	__u64 dropped_records;
	__u64 flushed_bytes;
	struct bbuf_side_info in;
	struct bbuf_side_info out;
	__u64 leased_bytes;
	__u64 leased_records;
	__u64 leasing_files;
	__u64 returned;
	__u64 expired;
	__u64 dead_lettered;
	__u64 lease_timeout;
	__u32 max_leases;
	__u32 max_deliveries;
	char dead_letters[BBUF_NAME_SIZE];
};

#define BBUF_SET_CAPACITY	(1U << 0)
#define BBUF_SET_READ_MARK	(1U << 1)
#define BBUF_SET_WRITE_MARK	(1U << 2)
#define BBUF_SET_LEASE_TIMEOUT	(1U << 3)
#define BBUF_SET_MAX_LEASES	(1U << 4)
#define BBUF_SET_MAX_DELIVERIES	(1U << 5)

/**
 * struct bbuf_set - new settings of a queue: BBUF_IOC_SET
 * @fields: settings to change: BBUF_SET_CAPACITY and so on; the others must be zero
 * @policy: any of BBUF_EOF_ON_CLOSE, BBUF_DROP_OLDEST that is in @policy_mask
 * @policy_mask: policies to change; the others stay as they are
 * @reserved: must be zero
 * @capacity: bytes that the queue can hold, from 1 to the module's max_capacity
 * @read_mark: from 1 to the capacity; 1 for a record queue
 * @write_mark: from 1 to the capacity
 * @lease_timeout: as in struct bbuf_create, for later leases
 * @max_leases: likewise; not 0
 * @max_deliveries: likewise
 *
 * Changes all of the settings or none. For the owner of the node, and with CAP_FOWNER. Marks that
 * are not set together with a new capacity are lowered to it; a write mark that was never set is
 * 4096, or less where necessary. The sum of the marks is at most the capacity plus one, or there
 * could be too little for either side.
 *
 * Errors: EINVAL, ERANGE (beyond max_capacity), EPERM (not the owner), EBUSY (what is queued or
 * leased would not fit), ENOMEM, EINTR, EAGAIN (O_NONBLOCK, and another process is copying, or
 * changing the settings), ENODEV.
 */
struct bbuf_set {
	__u32 fields;
	__u32 policy;
	__u32 policy_mask;
	__u32 reserved;
	__u64 capacity;
	__u64 read_mark;
	__u64 write_mark;
	__u64 lease_timeout;
	__u32 max_leases;
	__u32 max_deliveries;
};

/* Flags of an open file. */
#define BBUF_FRAMED		(1U << 0)	/* see struct bbuf_frame */
#define BBUF_LEASE_FRAMED	(1U << 1)	/* see struct bbuf_lease_frame */

/**
 * struct bbuf_options - options of one open file: BBUF_IOC_SET_OPTIONS, BBUF_IOC_GET_OPTIONS
 * @flags: BBUF_FRAMED, for a record queue; with it BBUF_LEASE_FRAMED, for one with BBUF_LEASE
 * @reserved: must be zero
 * @read_timeout: nanoseconds after which a blocking read fails with ETIMEDOUT; 0 for never
 * @write_timeout: the same for writes
 *
 * They belong to the open file description, and so to all duplicates of the file descriptor.
 */
struct bbuf_options {
	__u32 flags;
	__u32 reserved;
	__u64 read_timeout;
	__u64 write_timeout;
};

/**
 * struct bbuf_frame - header of each record in framed reads and writes
 * @len: bytes of the record that follows, at least 1
 * @reserved: must be zero in writes, must be ignored in reads
 *
 * A framed read returns as many whole records as fit; from a queue with BBUF_LEASE up to 64 KiB or
 * 1,024 of them at a time. A framed write takes many; it returns the bytes of those that were
 * queued, which is less than all only if something ended it in between. The next frame follows at a
 * multiple of 8 bytes; the padding is 0 in reads, and ignored in writes.
 */
struct bbuf_frame {
	__u32 len;
	__u32 reserved;
};

#define BBUF_FRAME_ALIGN	8
/* Bytes that a record of @len bytes takes with its frame. */
#define BBUF_FRAME_SPACE(len) \
	((sizeof(struct bbuf_frame) + (len) + BBUF_FRAME_ALIGN - 1) & ~(BBUF_FRAME_ALIGN - 1UL))

/**
 * struct bbuf_lease_frame - the same in reads of a file with BBUF_LEASE_FRAMED
 * @len: bytes of the record that follows, at least 1
 * @deliveries: number of deliveries so far, including this one
 * @lease: id of the lease, for BBUF_IOC_SETTLE; never 0
 *
 * Writes of such a file have struct bbuf_frame.
 */
struct bbuf_lease_frame {
	__u32 len;
	__u32 deliveries;
	__u64 lease;
};

/* Bytes that a record of @len bytes takes with that frame. */
#define BBUF_LEASE_FRAME_SPACE(len) \
	((sizeof(struct bbuf_lease_frame) + (len) + BBUF_FRAME_ALIGN - 1) & \
	 ~(BBUF_FRAME_ALIGN - 1UL))

#define BBUF_LEASE_NOWAIT	(1U << 0)	/* as if the file were O_NONBLOCK */

/**
 * struct bbuf_lease - one record, read and leased: BBUF_IOC_LEASE
 * @buffer: address of memory for the record
 * @size: bytes of that memory
 * @lease: must be zero; set to the id of the lease, for BBUF_IOC_SETTLE, which is never 0
 * @len: must be zero; set to the bytes of the record, also with EMSGSIZE
 * @deliveries: must be zero; set to the number of deliveries so far, including this one
 * @flags: BBUF_LEASE_NOWAIT, or 0
 * @reserved: must be zero
 *
 * A record that is read from a queue with BBUF_LEASE, by whatever call, is leased to the file: it
 * still counts against the capacity, and when the file is closed, as it is if its last process is
 * killed, the record is returned to where it was: before all that came later. To consume it,
 * acknowledge it with BBUF_IOC_SETTLE. Before that there is no EOF, and fsync(2) does not return:
 * it may be returned.
 *
 * A stream with BBUF_LEASE is a pool of tokens: each byte is leased. It is returned when that file
 * writes the same byte, which needs no room and never waits. All files of such a queue that one
 * process opened are one file: what they have leased is returned when the last of them is closed.
 *
 * As read(2), this waits for a record unless the file is O_NONBLOCK, has the file's timeout, and
 * returns the bytes of the record, or 0 at EOF.
 *
 * Errors: those of read(2): EAGAIN, ETIMEDOUT, EINTR, EMSGSIZE (the record is longer than @size,
 * and stays), EFAULT, ENOMEM, ENODEV, and EBUSY: the file has leased as many records as it may at
 * once (a reader of a token waits instead). And EINVAL: not a record queue with BBUF_LEASE.
 */
struct bbuf_lease {
	__u64 buffer;
	__u64 size;
	__u64 lease;
	__u32 len;
	__u32 deliveries;
	__u32 flags;
	__u32 reserved;
};

/**
 * enum bbuf_settle_action - what to do with a leased record
 * @BBUF_ACK: acknowledge: it was processed, and is removed
 * @BBUF_RETURN: return it to where it was
 * @BBUF_RETURN_LAST: return it behind all that is queued
 * @BBUF_REJECT: move it to the dead-letter queue or, if there is none, drop and count it
 * @BBUF_RENEW: keep it leased; its timeout starts again
 *
 * A returned record is never lost: if it was delivered as often as allowed, and the dead-letter
 * queue has no room or was destroyed, it is returned behind all that is queued.
 */
enum bbuf_settle_action {
	BBUF_ACK		= 0,
	BBUF_RETURN		= 1,
	BBUF_RETURN_LAST	= 2,
	BBUF_REJECT		= 3,
	BBUF_RENEW		= 4,
};

#define BBUF_SETTLE_ALL		(1U << 0)	/* all leases of the file */

/**
 * struct bbuf_settle - leases to settle: BBUF_IOC_SETTLE
 * @lease: id of a lease of this file; 0 for its oldest lease, or with BBUF_SETTLE_ALL
 * @action: one of enum bbuf_settle_action
 * @flags: BBUF_SETTLE_ALL, or 0
 *
 * Never waits. The ioctl returns the number of leases. A record that another thread of the process
 * is just reading is not leased yet.
 *
 * Errors: ESTALE (not leased by this file, or not any more: it timed out, or another thread is just
 * rejecting it, which may leave it leased), ENOENT (@lease is 0 without BBUF_SETTLE_ALL, and
 * nothing is leased), EAGAIN (BBUF_REJECT: the dead-letter queue has no room, or was destroyed: the
 * remaining records stay leased), EINVAL, ENODEV.
 */
struct bbuf_settle {
	__u64 lease;
	__u32 action;
	__u32 flags;
};

/**
 * struct bbuf_peek - copy of the oldest bytes or record, which stay queued: BBUF_IOC_PEEK
 * @buffer: address of memory for them
 * @size: bytes of that memory
 *
 * Never waits. The ioctl returns the bytes copied: from a stream up to @size, from a record queue
 * the next record.
 *
 * Errors: EBADF (access mode), EAGAIN (nothing is queued, or a reader in front is copying it),
 * EMSGSIZE (the record is longer than @size), EFAULT, ENODEV. 0 is EOF.
 */
struct bbuf_peek {
	__u64 buffer;
	__u64 size;
};

#define BBUF_IOC_MAGIC		0xBB

/* On /dev/bbuf-control, open for writing. */
#define BBUF_IOC_CREATE		_IOW(BBUF_IOC_MAGIC, 0x00, struct bbuf_create)
#define BBUF_IOC_DESTROY	_IOW(BBUF_IOC_MAGIC, 0x01, struct bbuf_destroy)

/*
 * On a queue. Permissions:
 *
 *	read(2), PEEK, LEASE, SETTLE, FLUSH, FIONREAD	a file open for reading
 *	write(2), SHUTDOWN, REOPEN			a file open for writing
 *	fsync(2)					a file open for either
 *	SET						any open file, of the owner of the node
 *	INFO, GET_OPTIONS, SET_OPTIONS			any open file
 *
 * Without the right file they fail with EBADF; if the caller is not the owner, and does not have
 * CAP_FOWNER in a user namespace that has an id for the owner, with EPERM.
 *
 * A file that is opened with access mode 3 needs the permissions to read and to write, but is open
 * for neither, and counts as no reader and no writer.
 *
 * A user who may read the node may also read, in sysfs, how much passes through the queue.
 */
#define BBUF_IOC_INFO		_IOR(BBUF_IOC_MAGIC, 0x10, struct bbuf_info)
#define BBUF_IOC_SET		_IOW(BBUF_IOC_MAGIC, 0x11, struct bbuf_set)
#define BBUF_IOC_GET_OPTIONS	_IOR(BBUF_IOC_MAGIC, 0x12, struct bbuf_options)
#define BBUF_IOC_SET_OPTIONS	_IOW(BBUF_IOC_MAGIC, 0x13, struct bbuf_options)
#define BBUF_IOC_PEEK		_IOW(BBUF_IOC_MAGIC, 0x14, struct bbuf_peek)
/* Discard what is queued. Returns 0. */
#define BBUF_IOC_FLUSH		_IO(BBUF_IOC_MAGIC, 0x15)
/* Refuse further writes; report EOF once the queue is empty. */
#define BBUF_IOC_SHUTDOWN	_IO(BBUF_IOC_MAGIC, 0x16)
/* Take back a shutdown: writers may write again. */
#define BBUF_IOC_REOPEN		_IO(BBUF_IOC_MAGIC, 0x17)
/* With BBUF_LEASE, of a record queue. */
#define BBUF_IOC_LEASE		_IOWR(BBUF_IOC_MAGIC, 0x18, struct bbuf_lease)
#define BBUF_IOC_SETTLE		_IOW(BBUF_IOC_MAGIC, 0x19, struct bbuf_settle)

#endif /* _UAPI_LINUX_BBUF_H */
