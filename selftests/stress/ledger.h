/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The model: all data that was written to each queue, by writer, and all data that was read.
 * It lives in memory shared by all processes, so that it survives the kill of any process.
 *
 * The data of a write is an item. It consists of words, each of which contains the writer, the
 * number of the item and the position of the word in it, and has a checksum that is valid for
 * one queue only. A record is an item, its last word possibly cut. In a stream, reads cut items
 * anywhere between words, as long as all calls move whole words. When memory disappears during
 * a copy, some processors (arm64) move single bytes: then parts of words occur, too, which
 * cannot be attributed to a writer.
 */
#ifndef BBUF_STRESS_LEDGER_H
#define BBUF_STRESS_LEDGER_H

#include <linux/bbuf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define WORD		sizeof(uint64_t)
#define WRITERS		16
#define BOOKS		48
#define ITEMS		(1 << 15)	/* of one writer in one queue */

/* Operations other than reads and writes that may be applied to a queue. */
#define MAY_END		(1U << 0)
#define MAY_FLUSH	(1U << 1)
#define MAY_RESIZE	(1U << 2)
#define MAY_DROP	(1U << 3)
#define MAY_DESTROY	(1U << 4)
#define MAY_EVERYTHING	((1U << 5) - 1)

/* Possible faults. */
enum fault { TORN, TWICE, DISORDER, LOSS, ACCOUNT, RESULT, STUCK, FAULTS };

/**
 * struct item - one write, or one record of it
 * @len: bytes that were to be written; 0: there is no such item
 * @sent: bytes that were, as the call said; good if @known
 * @got: bytes that came out
 * @cut: of a stream, words of it that something else followed; 0 if not seen
 * @known: the call has returned
 * @loose: it was more than one write of the kernel's: others may get in between
 */
struct item {
	uint32_t len;
	uint32_t sent;
	uint32_t got;
	uint32_t cut;
	bool known;
	bool loose;
};

/**
 * struct book - record of one queue, from its creation to its destruction
 * @device: device number of the queue; 0 if the book is unused
 * @salt: included in the checksums, so that words are valid for this queue only
 * @type: one of enum bbuf_type
 * @capacity: capacity at creation
 * @may: any of MAY_END ...
 * @lease: reads take leases: data may be delivered again until it is acknowledged
 * @unsure: bytes that killed readers had requested, or were about to acknowledge: these may
 *          be lost
 * @words_cut: a call may have moved a part of a word, so that parts of words may be read
 * @parts: bytes of such parts that were read
 * @next: number of the next item of each writer
 * @high: position of each writer's last word that was read; see struct sight
 */
struct book {
	uint64_t device;
	uint64_t salt;
	unsigned int type;
	unsigned int may;
	bool lease;
	size_t capacity;
	uint64_t unsure;
	bool words_cut;
	uint64_t parts;
	uint32_t next[WRITERS];
	uint64_t high[WRITERS];
};

/**
 * struct sight - what had come out when a read began: nothing older may come after
 * @book: of the queue
 * @high: as the book had it then, and what the read itself has found since
 */
struct sight {
	struct book *book;
	uint64_t high[WRITERS];
};

/* Makes the ledger, and empties it. */
void ledger_open(void);
void ledger_clear(void);

struct book *ledger_book(unsigned int n);
/* The book of the queue with this device number, or NULL. */
struct book *ledger_find(uint64_t device);

/* Before a write: a number for the item and its bytes. False if there are no numbers left. */
bool item_begin(struct book *book, unsigned int writer, size_t len, bool loose,
		unsigned int *number);
void item_fill(const struct book *book, unsigned int writer, unsigned int number, void *buf);
/* After it: what the call says was taken. */
void item_end(struct book *book, unsigned int writer, unsigned int number, size_t sent);

/* Before a read, and what it got; with take it is out, without it was peeked at, or leased. */
void sight_begin(struct sight *sight, struct book *book);
void sight_record(struct sight *sight, const void *buf, size_t n, bool take);
void sight_frames(struct sight *sight, const void *buf, size_t n, bool take);
void sight_stream(struct sight *sight, const void *buf, size_t n, bool take);

/* Is all that came into a queue somewhere: read, dropped, flushed, queued or leased? */
bool info_adds_up(const struct bbuf_info *info);

/* When all is over: does it add up with what the queue itself says? */
void book_audit(const struct book *book, const struct bbuf_info *info);

/* Something is wrong: counts it, and says so. */
void __attribute__((format(printf, 2, 3))) fault(enum fault kind, const char *format, ...);
unsigned int faults(enum fault kind);

#endif /* BBUF_STRESS_LEDGER_H */
