// SPDX-License-Identifier: GPL-2.0-only
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ledger.h"
#include "named.h"
#include "random.h"

#define FAULTS_SHOWN	20
#define LINE_SIZE	200

struct ledger {
	struct book books[BOOKS];
	struct item items[BOOKS][WRITERS][ITEMS];
};

static struct ledger *ledger;
static unsigned int *fault_counts;

static void *shared_memory(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	return memory;
}

void ledger_open(void)
{
	ledger = shared_memory(sizeof(*ledger));
	fault_counts = shared_memory(FAULTS * sizeof(*fault_counts));
}

void ledger_clear(void)
{
	madvise(ledger, sizeof(*ledger), MADV_REMOVE);
}

struct book *ledger_book(unsigned int n)
{
	return &ledger->books[n];
}

struct book *ledger_find(uint64_t device)
{
	unsigned int i;

	for (i = 0; i < BOOKS; i++)
		if (load(ledger->books[i].device) == device)
			return &ledger->books[i];
	return NULL;
}

static struct item *item_of(const struct book *book, unsigned int writer, unsigned int number)
{
	return &ledger->items[book - ledger->books][writer][number];
}

void fault(enum fault kind, const char *format, ...)
{
	char line[LINE_SIZE];
	unsigned int i, before = 0;
	va_list args;

	for (i = 0; i < FAULTS; i++)
		before += faults(i);
	__atomic_add_fetch(&fault_counts[kind], 1, __ATOMIC_RELAXED);
	if (before >= FAULTS_SHOWN)
		return;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	dprintf(STDOUT_FILENO, "# WRONG: %s\n", line);
}

unsigned int faults(enum fault kind)
{
	return load(fault_counts[kind]);
}

/* Words */

#define WRITER_BITS	4
#define NUMBER_BITS	15
#define PLACE_BITS	18
#define KEY_BITS	(WRITER_BITS + NUMBER_BITS + PLACE_BITS)

struct word {
	unsigned int writer;
	unsigned int number;
	unsigned int place;
};

static uint64_t word_key(const struct word *word)
{
	return ((uint64_t)word->writer << NUMBER_BITS | word->number) << PLACE_BITS | word->place;
}

static uint64_t word_make(const struct book *book, const struct word *word)
{
	uint64_t key = word_key(word);

	return random_mix(key ^ book->salt) << KEY_BITS | key;
}

/* Its place among all that the writer wrote, from 1 on. */
static uint64_t word_position(const struct word *word)
{
	return ((uint64_t)word->number << PLACE_BITS | word->place) + 1;
}

static struct item *word_item(const struct book *book, const struct word *word)
{
	return item_of(book, word->writer, word->number);
}

static size_t words(size_t bytes)
{
	return (bytes + WORD - 1) / WORD;
}

static bool word_read(const struct book *book, const void *from, struct word *word)
{
	uint64_t value;

	memcpy(&value, from, sizeof(value));
	word->place = value & ((1 << PLACE_BITS) - 1);
	word->number = value >> PLACE_BITS & (ITEMS - 1);
	word->writer = value >> (PLACE_BITS + NUMBER_BITS) & (WRITERS - 1);
	return value == word_make(book, word) &&
	       word->place < words(load(word_item(book, word)->len));
}

/* Writing */

bool item_begin(struct book *book, unsigned int writer, size_t len, bool loose,
		unsigned int *number)
{
	struct item *item;

	if (book->next[writer] == ITEMS)
		return false;
	*number = book->next[writer]++;
	item = item_of(book, writer, *number);
	item->loose = loose;
	store(item->len, len);
	return true;
}

void item_fill(const struct book *book, unsigned int writer, unsigned int number, void *buf)
{
	struct word word = { .writer = writer, .number = number };
	size_t left = item_of(book, writer, number)->len;

	while (left) {
		uint64_t value = word_make(book, &word);
		size_t n = left < WORD ? left : WORD;

		memcpy(buf, &value, n);
		word.place++;
		buf += n;
		left -= n;
	}
}

void item_end(struct book *book, unsigned int writer, unsigned int number, size_t sent)
{
	struct item *item = item_of(book, writer, number);

	item->sent = sent;
	item->known = true;
	if (sent % WORD)
		store(book->words_cut, true);
}

/* Reading */

void sight_begin(struct sight *sight, struct book *book)
{
	unsigned int i;

	sight->book = book;
	for (i = 0; i < WRITERS; i++)
		sight->high[i] = load(book->high[i]);
}

static void raise_high(uint64_t *high, uint64_t to)
{
	uint64_t old = load(*high);

	while (old < to && !__atomic_compare_exchange_n(high, &old, to, false, __ATOMIC_RELEASE,
							__ATOMIC_ACQUIRE))
		continue;
}

static void sight_end(struct sight *sight, bool take)
{
	unsigned int i;

	for (i = 0; take && i < WRITERS; i++)
		raise_high(&sight->book->high[i], sight->high[i]);
}

/* So many words in a row, from this one on, n bytes, have come. */
static void sight_run(struct sight *sight, const struct word *first, size_t n, bool take)
{
	struct item *item = word_item(sight->book, first);
	struct word last = *first;

	last.place += words(n) - 1;
	if (word_position(first) <= sight->high[first->writer] && !sight->book->lease)
		fault(DISORDER, "item %u of writer %u came after a later one", first->number,
		      first->writer);
	sight->high[first->writer] = word_position(&last);
	if (take && __atomic_add_fetch(&item->got, n, __ATOMIC_RELAXED) > item->len)
		fault(TWICE, "of item %u of writer %u, %u bytes, came %u", first->number,
		      first->writer, item->len, item->got);
}

/* Is all of this what follows the word at its beginning? */
static bool words_follow(const struct book *book, const unsigned char *buf, size_t n,
			 struct word word)
{
	for (; n; buf += WORD, word.place++) {
		uint64_t value = word_make(book, &word);
		size_t part = n < WORD ? n : WORD;

		if (memcmp(buf, &value, part))
			return false;
		n -= part;
	}
	return true;
}

static void sight_one_record(struct sight *sight, const void *buf, size_t n, bool take)
{
	struct word word;

	if (n < WORD || !word_read(sight->book, buf, &word) || word.place ||
	    word_item(sight->book, &word)->len != n ||
	    !words_follow(sight->book, buf, n, word))
		fault(TORN, "%zu bytes are no record", n);
	else
		sight_run(sight, &word, n, take);
}

void sight_record(struct sight *sight, const void *buf, size_t n, bool take)
{
	sight_one_record(sight, buf, n, take);
	sight_end(sight, take);
}

/* Zeros up to the next frame, or to the end of the read. Returns how many, or -1. */
static ssize_t padding(const unsigned char *buf, size_t len, size_t left)
{
	size_t i, pad = BBUF_FRAME_SPACE(len) - sizeof(struct bbuf_frame) - len;

	if (pad > left)
		pad = left;
	for (i = 0; i < pad; i++)
		if (buf[i])
			return -1;
	return pad;
}

void sight_frames(struct sight *sight, const void *buf, size_t n, bool take)
{
	while (n) {
		struct bbuf_frame frame;
		ssize_t pad = -1;

		memcpy(&frame, buf, n < sizeof(frame) ? n : sizeof(frame));
		if (n >= sizeof(frame) && frame.len <= n - sizeof(frame)) {
			buf += sizeof(frame);
			n -= sizeof(frame) + frame.len;
			pad = padding(buf + frame.len, frame.len, n);
		}
		if (pad < 0) {
			fault(TORN, "a frame is none, or its padding, %zu bytes before the end", n);
			break;
		}
		sight_one_record(sight, buf, frame.len, take);
		buf += frame.len + pad;
		n -= pad;
	}
	sight_end(sight, take);
}

static bool is_word(const struct book *book, const void *buf, const struct word *word)
{
	uint64_t value = word_make(book, word);

	return word->place < words(word_item(book, word)->len) && !memcmp(buf, &value, WORD);
}

/* How many bytes are words in a row, with this one at their beginning? */
static size_t run_length(const struct book *book, const void *buf, size_t n, struct word word)
{
	size_t len = 0;

	do {
		len += WORD;
		word.place++;
	} while (len + WORD <= n && is_word(book, buf + len, &word));
	return len;
}

/*
 * Within one read, other data follows that number of words: if the item has more, it was cut there.
 */
static void item_cut(struct item *item, uint32_t followed)
{
	if (followed < words(item->len))
		store(item->cut, followed);
}

/*
 * Bytes before the next word, parts of words that were cut. At the end of a read there may be no
 * whole word any more. Returns how many, or -1 if they are too many for parts.
 */
static ssize_t parts_of_words(const struct book *book, const void *buf, size_t n,
			      struct word *next)
{
	size_t len;

	for (len = 0; len < WORD && len + WORD <= n; len++)
		if (word_read(book, buf + len, next))
			return len;
	return n < 2 * WORD - 1 ? (ssize_t)n : -1;
}

/* Words in a row; those before them in the same read, if any, were the last of their item. */
static size_t sight_words(struct sight *sight, const void *buf, size_t n, const struct word *first,
			  bool others_before, bool take)
{
	size_t len = run_length(sight->book, buf, n, *first);

	if (others_before && first->place && !word_item(sight->book, first)->loose)
		fault(TORN, "item %u of writer %u goes on at word %u, after another",
		      first->number, first->writer, first->place);
	sight_run(sight, first, len, take);
	return len;
}

void sight_stream(struct sight *sight, const void *buf, size_t n, bool take)
{
	struct word first;
	struct item *before = NULL;
	size_t at, followed = 0, len;

	if (n % WORD)
		store(sight->book->words_cut, true);
	for (at = 0; at < n; at += len) {
		ssize_t parts = parts_of_words(sight->book, buf + at, n - at, &first);

		if (parts < 0) {
			fault(TORN, "at byte %zu of %zu that were read there is no word", at, n);
			break;
		}
		if (take)
			__atomic_add_fetch(&sight->book->parts, parts, __ATOMIC_RELAXED);
		at += parts;
		if (at == n)
			break;
		len = sight_words(sight, buf + at, n - at, &first, before, take);
		if (before)
			item_cut(before, followed);
		before = word_item(sight->book, &first);
		followed = first.place + len / WORD;
	}
	sight_end(sight, take);
}

/* The sum */

/**
 * struct sums - over all items of a queue, in bytes
 * @sent: taken, as calls said that returned
 * @got: that came out
 * @kept: of @sent, what did not
 * @unknown: of calls that never returned, what did not come out
 * @unknown_got: of those, what did
 */
struct sums {
	uint64_t sent;
	uint64_t got;
	uint64_t kept;
	uint64_t unknown;
	uint64_t unknown_got;
};

/*
 * An item longer than the queue is written in pieces. If a piece cannot make room because a reader
 * copies the oldest data, a queue that drops the oldest drops the rest of the item instead.
 */
static bool may_lose_its_end(const struct book *book, const struct item *item)
{
	return (book->may & MAY_DROP) &&
	       ((book->may & MAY_RESIZE) || item->len > book->capacity);
}

static void item_audit(const struct book *book, const struct item *item)
{
	if (item->known && item->got > item->sent)
		fault(TORN, "%u bytes came of an item of which %u were sent", item->got,
		      item->sent);
	if (book->type == BBUF_RECORD && item->got && item->got != item->len)
		fault(TORN, "of a record of %u bytes %u came", item->len, item->got);
	if (item->known && item->cut && !item->loose && item->cut != item->sent / WORD &&
	    !may_lose_its_end(book, item))
		fault(TORN, "something else follows %zu bytes of an item of which %u were sent",
		      item->cut * WORD, item->sent);
}

static void item_add(const struct item *item, struct sums *sums)
{
	sums->got += item->got;
	if (item->known) {
		sums->sent += item->sent;
		sums->kept += item->sent > item->got ? item->sent - item->got : 0;
	} else {
		sums->unknown += item->len - item->got;
		sums->unknown_got += item->got;
	}
}

static struct sums book_sum(const struct book *book)
{
	struct sums sums = { 0 };
	unsigned int writer, number;

	for (writer = 0; writer < WRITERS; writer++) {
		for (number = 0; number < book->next[writer]; number++) {
			const struct item *item = item_of(book, writer, number);

			item_audit(book, item);
			item_add(item, &sums);
		}
	}
	return sums;
}

/* Is it at least least, and at most slack more? */
static bool within(uint64_t value, uint64_t least, uint64_t slack)
{
	return value >= least && value - least <= slack;
}

/* The number of flushed records is not reported; each has at least one byte. */
bool info_adds_up(const struct bbuf_info *info)
{
	uint64_t flushed = info->in.records - info->out.records - info->records -
			   info->leased_records - info->dropped_records - info->dead_lettered;

	return info->in.bytes == info->out.bytes + info->bytes + info->leased_bytes +
				 info->dropped_bytes + info->flushed_bytes &&
	       flushed <= (info->type == BBUF_RECORD ? info->flushed_bytes : 0);
}

/*
 * Where writers who were killed may or may not have queued something, or readers taken it
 * along, the sums have some play, and none otherwise.
 */
void book_audit(const struct book *book, const struct bbuf_info *info)
{
	struct sums sums = book_sum(book);
	uint64_t gone = info->dropped_bytes + info->flushed_bytes + info->bytes + book->parts;

	if (book->parts && !book->words_cut && !sums.unknown)
		fault(TORN, "%s: parts of words came, and no call has cut one", info->name);
	if (!within(gone + book->unsure, sums.kept, book->unsure + sums.unknown))
		fault(LOSS, "%s: %llu bytes did not come: %llu were dropped, flushed, left or parts, "
		      "%llu may have gone along with readers, %llu with writers", info->name,
		      (unsigned long long)sums.kept, (unsigned long long)gone,
		      (unsigned long long)book->unsure, (unsigned long long)sums.unknown);
	if (info->leased_bytes || !info_adds_up(info))
		fault(ACCOUNT, "%s: in %llu, out %llu, queued %llu, dropped %llu, flushed %llu bytes",
		      info->name, (unsigned long long)info->in.bytes,
		      (unsigned long long)info->out.bytes, (unsigned long long)info->bytes,
		      (unsigned long long)info->dropped_bytes,
		      (unsigned long long)info->flushed_bytes);
	if (!within(info->in.bytes, sums.sent + sums.unknown_got, sums.unknown))
		fault(ACCOUNT, "%s: in are %llu bytes, writers know of %llu", info->name,
		      (unsigned long long)info->in.bytes, (unsigned long long)sums.sent);
	if (!within(info->out.bytes, sums.got + book->parts, book->unsure))
		fault(ACCOUNT, "%s: out are %llu bytes, readers know of %llu", info->name,
		      (unsigned long long)info->out.bytes, (unsigned long long)sums.got);
}
