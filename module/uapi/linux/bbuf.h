/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * bbuf: bounded FIFOs between the processes of one machine.
 *
 * Queues are used with read(2) and write(2) alone. What is here makes and removes
 * them, through /dev/bbuf-control, and tells and changes what they are, through an
 * open file of theirs.
 *
 * The size of each structure is part of its command's number. A structure may be
 * passed shorter than the kernel's, from older programs: what is missing counts as
 * 0; or longer, from newer ones: E2BIG if what the kernel doesn't know is not 0.
 * Unknown flags and reserved fields that are not 0 give EINVAL.
 */
#ifndef _UAPI_LINUX_BBUF_H
#define _UAPI_LINUX_BBUF_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Bytes of a queue's name with the NUL: 1 to 63 of A-Z a-z 0-9 _ - . and no dot first. */
#define BBUF_NAME_SIZE		64

/**
 * enum bbuf_type - what a queue keeps apart
 * @BBUF_STREAM: nothing: a FIFO of bytes
 * @BBUF_RECORD: writes: each is a record, that a read takes whole
 */
enum bbuf_type {
	BBUF_STREAM	= 0,
	BBUF_RECORD	= 1,
};

/*
 * Policies of a queue.
 *
 * BBUF_EOF_ON_CLOSE: readers see the end when the last file open for writing is
 *	closed and what is queued has been read, until one is opened again, as with
 *	a pipe. Without it only BBUF_IOC_SHUTDOWN makes an end.
 * BBUF_DROP_OLDEST: a write that finds no room makes room: what was queued first
 *	is lost, and counted. Without it writers wait.
 * BBUF_LEASE: what is read is leased, see struct bbuf_lease. Said when the queue is
 *	made; stays. Not with BBUF_DROP_OLDEST.
 */
#define BBUF_EOF_ON_CLOSE	(1U << 0)
#define BBUF_DROP_OLDEST	(1U << 1)
#define BBUF_LEASE		(1U << 2)

/* Leases that a file may have at once, where a queue doesn't say. */
#define BBUF_MAX_LEASES_DEFAULT	1024

/* For uid and gid: those of the caller. */
#define BBUF_ID_CALLER		0xffffffffU

/**
 * struct bbuf_create - a queue to be made: BBUF_IOC_CREATE on /dev/bbuf-control
 * @name: of the queue; its node is /dev/bbuf-NAME
 * @capacity: bytes it can hold, from 1 to the module's max_capacity
 * @type: one of enum bbuf_type
 * @policy: any of BBUF_EOF_ON_CLOSE, BBUF_DROP_OLDEST, BBUF_LEASE
 * @mode: permissions of the node, as chmod(2) takes them
 * @uid: owner of the node, or BBUF_ID_CALLER
 * @gid: group of the node, or BBUF_ID_CALLER
 * @reserved: 0
 * @lease_timeout: nanoseconds after which a record that was leased goes back although its
 *                 holder lives; 0 for never
 * @max_leases: records, or bytes of a stream, that a file may have leased at once; 0 for
 *              BBUF_MAX_LEASES_DEFAULT
 * @max_deliveries: how often a record is delivered: instead of going back after the last time it
 *                  goes to @dead_letters, or is dropped; 0 for any number
 * @dead_letters: a record queue that exists, and has none itself; empty for none. It is held
 *                on to: destroyed, it takes nothing any more, even if another of that name
 *                is made
 *
 * The members from @lease_timeout on are for BBUF_LEASE; all but @max_leases for a record
 * queue.
 *
 * Errors: EINVAL (a bad name, type, policy, mode, owner or group, a capacity of 0, a
 * dead-letter queue that is a stream or has one itself), ERANGE (a capacity beyond
 * max_capacity), EEXIST, ENOENT (no such dead-letter queue), ENOSPC (no numbers left),
 * ENOMEM.
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
 * struct bbuf_destroy - a queue to be removed: BBUF_IOC_DESTROY on /dev/bbuf-control
 * @name: of the queue
 *
 * Its node is gone at once, those who wait in it get ENODEV, as does everybody who
 * still has it open, and its memory goes with the last of them.
 *
 * Errors: ENOENT, EINVAL (a bad name), EPERM (the queue "default" stays).
 */
struct bbuf_destroy {
	char name[BBUF_NAME_SIZE];
};

/* States of a queue; with any of them readers see the end after what is queued. */
#define BBUF_SHUT		(1U << 0)	/* BBUF_IOC_SHUTDOWN: writers get EPIPE */
#define BBUF_LEFT		(1U << 1)	/* BBUF_EOF_ON_CLOSE: the last writer closed */
#define BBUF_DESTROYED		(1U << 2)	/* everybody gets ENODEV */

/**
 * struct bbuf_side_info - what one side of a queue has done
 * @bytes: moved since the queue was made
 * @records: the same in records; 0 for a stream
 * @files: open for this side now
 * @waiters: calls that wait in line now
 * @blocked: times that a call slept in line
 * @blocked_ns: nanoseconds they slept, all together
 * @wakeups: times that one of them was woken because it could go on, or soon would
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
 * struct bbuf_info - all that is to be known of a queue: BBUF_IOC_INFO
 * @name: of the queue
 * @type: one of enum bbuf_type
 * @policy: any of BBUF_EOF_ON_CLOSE, BBUF_DROP_OLDEST, BBUF_LEASE
 * @state: any of BBUF_SHUT, BBUF_LEFT, BBUF_DESTROYED
 * @reserved: 0
 * @capacity: bytes it can hold
 * @read_mark: bytes that must be queued for poll to report it readable
 * @write_mark: bytes of room for poll to report it writable
 * @bytes: queued now
 * @records: queued now; 0 for a stream
 * @peak: most bytes that were queued at once, with those that were leased
 * @dropped_bytes: lost to BBUF_DROP_OLDEST
 * @dropped_records: the same in records
 * @flushed_bytes: discarded by BBUF_IOC_FLUSH
 * @in: the producers
 * @out: the consumers; what was dropped, flushed or is dead they have not read
 * @leased_bytes: leased now; they are not in @bytes, but count against the capacity
 * @leased_records: the same in records; 0 for a stream
 * @leasing_files: files that have leased something now
 * @returned: records that went back after they were leased; bytes of a stream that did so
 *            other than by being written
 * @expired: how many of them because the lease timed out
 * @dead_lettered: records that went to the dead-letter queue, or were dropped as it has none:
 *                none of them is in @returned for that
 * @lease_timeout: as struct bbuf_create has it
 * @max_leases: likewise, but never 0 with BBUF_LEASE
 * @max_deliveries: likewise
 * @dead_letters: likewise
 *
 * What is leased counts as @out, and as records of @out, only when it is acknowledged. So the
 * bytes, and the records, of @in are the sum of those of @out, queued, leased, dropped, flushed
 * and dead. New members come at the end.
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
 * struct bbuf_set - what a queue is to become: BBUF_IOC_SET
 * @fields: which of the following numbers are meant: BBUF_SET_CAPACITY and so on;
 *          the others are 0
 * @policy: any of BBUF_EOF_ON_CLOSE, BBUF_DROP_OLDEST that is in @policy_mask
 * @policy_mask: which policies are meant; the others stay as they are
 * @reserved: 0
 * @capacity: bytes it can hold, from 1 to the module's max_capacity
 * @read_mark: from 1 to the capacity; of a record queue 1
 * @write_mark: from 1 to the capacity
 * @lease_timeout: as struct bbuf_create has it, for leases from now on
 * @max_leases: likewise; not 0
 * @max_deliveries: likewise
 *
 * All of it or nothing. For the owner of the node, and with CAP_FOWNER. Marks that are
 * not given with a new capacity are lowered to it; a write mark that was never given is
 * 4096, or less where it must. The marks together may be one more than the capacity at
 * the most, or there could be too little for either side.
 *
 * Errors: EINVAL, ERANGE (beyond max_capacity), EPERM (not the owner), EBUSY (what is
 * queued or leased would not fit), ENOMEM, EINTR, EAGAIN (O_NONBLOCK, and somebody is in the
 * middle of a copy or changes it, too), ENODEV.
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
 * struct bbuf_options - of one open file: BBUF_IOC_SET_OPTIONS, BBUF_IOC_GET_OPTIONS
 * @flags: BBUF_FRAMED, for a record queue; with it BBUF_LEASE_FRAMED, if it is one with
 *         BBUF_LEASE
 * @reserved: 0
 * @read_timeout: nanoseconds after which a read that waits fails with ETIMEDOUT; 0
 *                for never
 * @write_timeout: the same for writes
 *
 * They belong to what open(2) returned and to all its duplicates.
 */
struct bbuf_options {
	__u32 flags;
	__u32 reserved;
	__u64 read_timeout;
	__u64 write_timeout;
};

/**
 * struct bbuf_frame - stands before each record in framed reads and writes
 * @len: bytes of the record that follows, at least 1
 * @reserved: 0 in writes, to be ignored in reads
 *
 * A framed read returns as many whole records as fit; of a queue with BBUF_LEASE up to 64 KiB
 * or 1,024 of them at a time. A framed write takes many; it
 * returns the bytes of those that were queued, which is less than all only if
 * something ended it in between. The next frame follows at a multiple of 8 bytes;
 * bytes in between are 0 in reads, and without meaning in writes.
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
 * @deliveries: how often it was delivered, this time included
 * @lease: for BBUF_IOC_SETTLE; never 0
 *
 * Writes of such a file have the other frames.
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
 * @buffer: address of memory for it
 * @size: bytes of that memory
 * @lease: 0; is set, for BBUF_IOC_SETTLE; never 0
 * @len: 0; is set to the record's bytes, also with EMSGSIZE
 * @deliveries: 0; is set: how often it was delivered, this time included
 * @flags: BBUF_LEASE_NOWAIT, or 0
 * @reserved: 0
 *
 * What is read from a queue with BBUF_LEASE, by whatever call, is leased to the file: it
 * still counts against the capacity, and when the file is closed, as it is if its last
 * process is killed, it goes back to where it was: before all that came later. To have it
 * gone it is acknowledged, by BBUF_IOC_SETTLE. There is no end of file, and no end of
 * fsync(2), before that: it may come back.
 *
 * Of a stream, which is a pool of tokens then, each byte is leased. It goes back when the
 * same byte is written by that file, which needs no room and never waits. There the files
 * of the queue that one process opened are one file: what they have leased goes back
 * when the last of them is closed.
 *
 * As read(2), this waits for a record unless the file is O_NONBLOCK, has the file's timeout,
 * and returns the record's bytes, or 0 at the end.
 *
 * Errors: those of read(2): EAGAIN, ETIMEDOUT, EINTR, EMSGSIZE (the record is longer than
 * @size, and stays), EFAULT, ENOMEM, ENODEV, and EBUSY: the file has leased as many records
 * as it may at once (who reads a token then waits for one). And EINVAL: not a record queue with
 * BBUF_LEASE.
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
 * enum bbuf_settle_action - what becomes of a leased record
 * @BBUF_ACK: it is done with, and gone
 * @BBUF_RETURN: it goes back to where it was
 * @BBUF_RETURN_LAST: it goes back behind all that is queued
 * @BBUF_REJECT: it goes to the dead-letter queue or, if there is none, is dropped and
 *	counted
 * @BBUF_RENEW: it stays leased; its time begins anew
 *
 * One that goes back is never lost: if it was delivered as often as may be, and the
 * dead-letter queue has no room or was destroyed, it goes behind all that is queued.
 */
enum bbuf_settle_action {
	BBUF_ACK		= 0,
	BBUF_RETURN		= 1,
	BBUF_RETURN_LAST	= 2,
	BBUF_REJECT		= 3,
	BBUF_RENEW		= 4,
};

#define BBUF_SETTLE_ALL		(1U << 0)	/* all that the file has leased */

/**
 * struct bbuf_settle - be done with leases: BBUF_IOC_SETTLE
 * @lease: which, of this file; 0 for the one that it has had longest, or with BBUF_SETTLE_ALL
 * @action: one of enum bbuf_settle_action
 * @flags: BBUF_SETTLE_ALL, or 0
 *
 * Never waits. The ioctl returns how many it was. A record that another thread of the
 * process is just being given is not leased yet.
 *
 * Errors: ESTALE (not leased by this file, or no more: it timed out, or another thread is just
 * rejecting it, which may leave it leased), ENOENT (@lease is 0
 * without BBUF_SETTLE_ALL, and nothing is leased), EAGAIN (BBUF_REJECT: the dead-letter
 * queue has no room, or was destroyed: what is left stays leased), EINVAL, ENODEV.
 */
struct bbuf_settle {
	__u64 lease;
	__u32 action;
	__u32 flags;
};

/**
 * struct bbuf_peek - what is queued first, without taking it: BBUF_IOC_PEEK
 * @buffer: address of memory for it
 * @size: bytes of that memory
 *
 * Never waits. The ioctl returns the bytes copied: of a stream up to @size, of a
 * record queue the next record.
 *
 * Errors: EBADF (access mode), EAGAIN (nothing queued, or it is that of a reader in front),
 * EMSGSIZE (the record is longer than @size), EFAULT, ENODEV. 0 is the end of file.
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
 * On a queue. Who may do what:
 *
 *	read(2), PEEK, LEASE, SETTLE, FLUSH, FIONREAD	a file open for reading
 *	write(2), SHUTDOWN, REOPEN			a file open for writing
 *	fsync(2)					a file open for either
 *	SET						any open file, of the owner of the node
 *	INFO, GET_OPTIONS, SET_OPTIONS			any open file
 *
 * Without the right file they fail with EBADF; without being the owner, or having CAP_FOWNER in
 * a user namespace that has an id for the owner, with EPERM.
 *
 * A file that is opened with access mode 3 needs the permissions to read and to write, but is
 * open for neither, and counts as no reader and no writer.
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
/* No more is to come. */
#define BBUF_IOC_SHUTDOWN	_IO(BBUF_IOC_MAGIC, 0x16)
/* Take that back: a new round. */
#define BBUF_IOC_REOPEN		_IO(BBUF_IOC_MAGIC, 0x17)
/* With BBUF_LEASE, of a record queue. */
#define BBUF_IOC_LEASE		_IOWR(BBUF_IOC_MAGIC, 0x18, struct bbuf_lease)
#define BBUF_IOC_SETTLE		_IOW(BBUF_IOC_MAGIC, 0x19, struct bbuf_settle)

#endif /* _UAPI_LINUX_BBUF_H */
