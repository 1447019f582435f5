// SPDX-License-Identifier: GPL-2.0-only
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "twin.h"

#define TOKENS_AT_ONCE	64	/* that are looked at together when they are written */
#define LEASED_AT_ONCE	65536	/* bytes of records with frames */

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

bool twin_leases(const struct twin *t)
{
	return t->info.policy & BBUF_LEASE;
}

bool twin_records(const struct twin *t)
{
	return t->info.type == BBUF_RECORD;
}

bool twin_tokens(const struct twin *t)
{
	return twin_leases(t) && !twin_records(t);
}

bool twin_drops(const struct twin *t)
{
	return t->info.policy & BBUF_DROP_OLDEST;
}

size_t twin_room(const struct twin *t)
{
	return t->info.capacity - t->info.bytes - t->info.leased_bytes;
}

/* Room that a write needs to go on. */
static bool may_write(const struct twin *t, size_t need)
{
	return twin_drops(t) || twin_room(t) >= need;
}

/* Leased records may be returned, so this is not EOF yet. */
static bool at_end(const struct twin *t)
{
	return t->info.state && !t->info.bytes && !t->info.leased_bytes;
}

/* Is there enough for a reader that asks for that amount? */
static bool may_read(const struct twin *t, size_t need)
{
	return at_end(t) || t->info.bytes >= need ||
	       (t->info.bytes && (t->asked || t->info.state));
}

/* Dead letters come from no file. */
bool twin_waits(const struct twin_file *f)
{
	return f && !(f->flags & O_NONBLOCK);
}

bool twin_reads(const struct twin_file *f)
{
	return (f->flags & O_ACCMODE) != O_WRONLY;
}

bool twin_writes(const struct twin_file *f)
{
	return (f->flags & O_ACCMODE) != O_RDONLY;
}

/* Piles */

static void pile_insert(struct pile *pile, size_t i, struct piece p)
{
	memmove(&pile->piece[i + 1], &pile->piece[i], (pile->n++ - i) * sizeof(p));
	pile->piece[i] = p;
}

static void pile_add(struct pile *pile, struct piece p)
{
	pile_insert(pile, pile->n, p);
}

static struct piece pile_remove(struct pile *pile, size_t i)
{
	struct piece p = pile->piece[i];

	memmove(&pile->piece[i], &pile->piece[i + 1], (--pile->n - i) * sizeof(p));
	return p;
}

/* Pieces of the queue: in, out, lent and back */

static void queue_in(struct twin *t, struct piece p)
{
	size_t i = t->queued.n;

	while (i && t->queued.piece[i - 1].order > p.order)
		i--;
	pile_insert(&t->queued, i, p);
	t->info.bytes += p.len;
	t->info.records += twin_records(t);
}

static void queue_behind(struct twin *t, struct piece p)
{
	p.order = t->orders++;
	queue_in(t, p);
}

static struct piece queue_out(struct twin *t)
{
	struct piece p = pile_remove(&t->queued, 0);

	t->info.bytes -= p.len;
	t->info.records -= twin_records(t);
	return p;
}

static void lease_one(struct twin *t, struct twin_holder *holder)
{
	struct piece p = queue_out(t);

	p.deliveries++;
	p.lease = 0;
	t->info.leased_bytes += p.len;
	t->info.leased_records += twin_records(t);
	t->info.leasing_files += !holder->leases.n;
	pile_add(&holder->leases, p);
	pile_add(&t->got, p);
}

static struct piece lent_back(struct twin *t, struct twin_holder *holder, size_t i)
{
	struct piece p = pile_remove(&holder->leases, i);

	t->info.leased_bytes -= p.len;
	t->info.leased_records -= twin_records(t);
	t->info.leasing_files -= !holder->leases.n;
	return p;
}

/* Writing */

static void make_room(struct twin *t, size_t n)
{
	struct piece p;

	while (twin_room(t) < n) {
		p = (struct piece){ .len = n - twin_room(t) };
		if (twin_records(t))
			p = queue_out(t);
		else
			t->info.bytes -= p.len;
		t->info.dropped_bytes += p.len;
		t->info.dropped_records += twin_records(t);
		t->asked = false;
	}
}

/* Bytes of the pattern, or tokens. */
static void come_in(struct twin *t, size_t position, const unsigned char *tokens, size_t n)
{
	size_t i;

	make_room(t, n);
	if (twin_records(t))
		queue_behind(t, (struct piece){ .position = position, .len = n });
	for (i = 0; tokens && i < n; i++)
		queue_behind(t, (struct piece){ .position = tokens[i], .len = 1 });
	if (!twin_records(t) && !tokens) {
		t->info.bytes += n;
		t->end = position + n;
	}
	t->info.in.bytes += n;
	t->info.in.records += twin_records(t);
	if (t->info.peak < t->info.bytes + t->info.leased_bytes)
		t->info.peak = t->info.bytes + t->info.leased_bytes;
}

/* The result of a write that finds too little room. */
static long no_room(struct twin *t, const struct twin_file *f)
{
	if (!twin_waits(f)) {
		t->asked |= t->info.read_mark > 1;
		return -EAGAIN;
	}
	t->info.in.blocked++;
	return -ETIMEDOUT;
}

static size_t need_of_bytes(const struct twin *t, const struct twin_file *f, size_t n, size_t left)
{
	const size_t capacity = t->info.capacity;

	if (!twin_waits(f))
		return n <= min_size(capacity, ATOMIC_MAX) ? n : 1;
	if (n <= capacity)
		return left;
	return min_size(left, capacity / 2 ? capacity / 2 : 1);
}

static long put_bytes(struct twin *t, const struct twin_file *f, size_t position,
		      const unsigned char *tokens, size_t n, size_t *need)
{
	size_t done = 0, piece;
	long error;

	if (t->info.state)
		return -EPIPE;
	do {
		*need = need_of_bytes(t, f, n, n - done);
		if (!may_write(t, *need)) {
			error = no_room(t, f);
			return done ? (long)done : error;
		}
		piece = min_size(n - done, twin_drops(t) ? t->info.capacity : twin_room(t));
		come_in(t, position + done, tokens ? tokens + done : NULL, piece);
		done += piece;
	} while (done < n && twin_waits(f));
	return done;
}

static long put_one(struct twin *t, const struct twin_file *f, size_t position, size_t n,
		    size_t *need)
{
	if (t->info.state)
		return -EPIPE;
	if (n > t->info.capacity)
		return -EMSGSIZE;
	*need = n;
	if (!may_write(t, n))
		return no_room(t, f);
	come_in(t, position, NULL, n);
	return n;
}

/* The file remembers how much was too much for it. */
static long remember(struct twin_file *f, long ret, size_t need)
{
	if (f && (ret > 0 || ret == -EAGAIN))
		f->refused = ret > 0 ? 0 : need;
	return ret;
}

long twin_write(struct twin *t, struct twin_file *f, size_t position, size_t n)
{
	size_t need = 0;
	long ret = 0;

	if (n && twin_records(t))
		ret = put_one(t, f, position, n, &need);
	else if (n)
		ret = put_bytes(t, f, position, NULL, n, &need);
	return remember(f, ret, need);
}

void twin_write_part(struct twin *t, struct twin_file *f, size_t position, size_t n)
{
	come_in(t, position, NULL, n);
	remember(f, n, 0);
}

static size_t find_token(const struct twin_holder *holder, unsigned char byte)
{
	size_t i = 0;

	while (i < holder->leases.n && holder->leases.piece[i].position != byte)
		i++;
	return i;
}

static bool has_token(const struct twin_holder *holder, unsigned char byte)
{
	return find_token(holder, byte) < holder->leases.n;
}

/* Tokens that are held go back; returns how many of those bytes are. */
static size_t give_tokens(struct twin *t, struct twin_holder *holder, const unsigned char *bytes,
			  size_t n)
{
	size_t i = 0;

	for (; i < n && has_token(holder, bytes[i]); i++)
		queue_behind(t, lent_back(t, holder, find_token(holder, bytes[i])));
	return i;
}

long twin_write_tokens(struct twin *t, struct twin_file *f, const unsigned char *bytes, size_t n)
{
	size_t done = 0, need = 0, run, most;
	long ret = 0;

	while (done < n) {
		run = n - done;
		most = min_size(run, TOKENS_AT_ONCE);
		ret = give_tokens(t, f->holder, bytes + done, most);
		if (!ret && f->holder->leases.n)
			for (run = 1; run < most; run++)
				if (has_token(f->holder, bytes[done + run]))
					break;
		if (!ret)
			ret = put_bytes(t, f, 0, bytes + done, run, &need);
		if (ret <= 0)
			break;
		done += ret;
	}
	return remember(f, done ? (long)done : ret, need);
}

/* One frame: the bytes that it takes with its padding, or -errno. */
static long put_frame(struct twin *t, struct twin_file *f, const struct bbuf_frame *frame,
		      size_t position, size_t left, size_t *need)
{
	long ret;

	if (left < sizeof(*frame) || frame->reserved || !frame->len ||
	    frame->len > left - sizeof(*frame))
		return -EINVAL;
	ret = put_one(t, f, position, frame->len, need);
	return ret < 0 ? ret : (long)min_size(left, BBUF_FRAME_SPACE(frame->len));
}

long twin_write_frames(struct twin *t, struct twin_file *f, const void *frames, size_t position,
		       size_t n)
{
	size_t done = 0, need = 0;
	long ret = 0;

	while (done < n) {
		ret = put_frame(t, f, frames + done, position++, n - done, &need);
		if (ret < 0)
			break;
		done += ret;
	}
	return remember(f, done ? (long)done : ret, need);
}

/* Reading */

static long no_data(struct twin *t, bool nowait)
{
	if (nowait)
		return -EAGAIN;
	t->info.out.blocked++;
	return -ETIMEDOUT;
}

/* 1: there is something, be it less than was wanted; 0: the end; or -errno. */
static long come_to_read(struct twin *t, const struct twin_file *f, size_t n, bool nowait)
{
	if (at_end(t))
		return 0;
	if (!t->info.bytes)
		return no_data(t, nowait || !twin_waits(f));
	if (!nowait && twin_waits(f) && !may_read(t, min_size(n, t->info.read_mark)))
		no_data(t, false);
	return 1;
}

bool twin_may_lease(const struct twin *t, const struct twin_file *f)
{
	return f->holder->leases.n < t->info.max_leases;
}

size_t twin_frame(const struct twin_file *f)
{
	if (!(f->options & BBUF_FRAMED))
		return 0;
	return f->options & BBUF_LEASE_FRAMED ? sizeof(struct bbuf_lease_frame)
					      : sizeof(struct bbuf_frame);
}

/* The first record is read, or leased. */
static void take_first(struct twin *t, struct twin_file *f)
{
	struct piece p;

	if (twin_leases(t)) {
		lease_one(t, f->holder);
		return;
	}
	p = queue_out(t);
	t->info.out.bytes += p.len;
	t->info.out.records++;
	t->asked = false;
	pile_add(&t->got, p);
}

/* May a framed read that has got that much continue? */
static bool reads_on(const struct twin *t, const struct twin_file *f, size_t bytes)
{
	if (!t->queued.n || !twin_leases(t))
		return t->queued.n;
	return twin_may_lease(t, f) && bytes < LEASED_AT_ONCE &&
	       bytes + t->queued.piece[0].len <= LEASED_AT_ONCE;
}

static long take_framed(struct twin *t, struct twin_file *f, size_t n, size_t frame)
{
	size_t done = 0, bytes = 0, len;

	do {
		len = t->queued.piece[0].len;
		if (frame + len > n - done)
			break;
		take_first(t, f);
		bytes += len;
		len = (frame + len + BBUF_FRAME_ALIGN - 1) & -BBUF_FRAME_ALIGN;
		done += min_size(len, n - done);
	} while (reads_on(t, f, bytes));
	return done ? (long)done : -EMSGSIZE;
}

static long take_one(struct twin *t, struct twin_file *f, size_t n)
{
	if (t->queued.piece[0].len > n)
		return -EMSGSIZE;
	take_first(t, f);
	return t->got.piece[0].len;
}

static long take_bytes(struct twin *t, size_t n)
{
	n = min_size(n, t->info.bytes);
	pile_add(&t->got, (struct piece){ .position = t->end - t->info.bytes, .len = n });
	t->info.bytes -= n;
	t->info.out.bytes += n;
	t->asked = false;
	return n;
}

static long take_tokens(struct twin *t, struct twin_file *f, size_t n)
{
	size_t i;

	for (i = 0; i < n && t->queued.n && twin_may_lease(t, f); i++)
		lease_one(t, f->holder);
	return i;
}

static long twin_take(struct twin *t, struct twin_file *f, size_t n, size_t frame, bool nowait)
{
	long ret;

	t->got.n = 0;
	if (twin_leases(t) && !twin_may_lease(t, f)) {
		if (twin_records(t))
			return -EBUSY;
		return !twin_waits(f) ? -EAGAIN : -ETIMEDOUT;
	}
	ret = come_to_read(t, f, n, nowait);
	if (ret <= 0)
		return ret;
	if (twin_records(t))
		return frame ? take_framed(t, f, n, frame) : take_one(t, f, n);
	return twin_leases(t) ? take_tokens(t, f, n) : take_bytes(t, n);
}

long twin_read(struct twin *t, struct twin_file *f, size_t n)
{
	t->got.n = 0;
	return n ? twin_take(t, f, n, twin_frame(f), false) : 0;
}

long twin_lease(struct twin *t, struct twin_file *f, size_t n, bool nowait)
{
	return twin_take(t, f, n, 0, nowait);
}

long twin_peek(struct twin *t, struct twin_file *f, size_t n)
{
	size_t i;

	t->got.n = 0;
	if (!twin_reads(f))
		return -EBADF;
	if (!t->info.bytes)
		return at_end(t) ? 0 : -EAGAIN;
	if (twin_records(t)) {
		if (t->queued.piece[0].len > n)
			return -EMSGSIZE;
		pile_add(&t->got, t->queued.piece[0]);
		return t->queued.piece[0].len;
	}
	n = min_size(n, t->info.bytes);
	for (i = 0; twin_tokens(t) && i < n; i++)
		pile_add(&t->got, t->queued.piece[i]);
	if (!twin_tokens(t))
		pile_add(&t->got, (struct piece){ t->end - t->info.bytes, .len = n });
	return n;
}

long twin_readable(const struct twin *t, const struct twin_file *f)
{
	if (!twin_reads(f))
		return -EBADF;
	if (twin_records(t))
		return t->queued.n ? t->queued.piece[0].len : 0;
	return t->info.bytes;
}

/* Leases */

static void go_back(struct twin *t, struct piece p, bool last, bool expired)
{
	t->info.returned++;
	t->info.expired += expired;
	if (last)
		queue_behind(t, p);
	else
		queue_in(t, p);
}

static bool dead_letter(struct twin *t, const struct piece *p)
{
	return !t->dead || twin_write(t->dead, NULL, p->position, p->len) > 0;
}

static bool is_spent(const struct twin *t, const struct piece *p)
{
	return t->info.max_deliveries && p->deliveries >= t->info.max_deliveries;
}

/*
 * Leases, the oldest first: first the ones that may be redelivered return, and then the others are
 * dead-lettered.
 */
static void return_all(struct twin *t, struct twin_holder *holder, size_t n, bool last,
		       bool expired)
{
	struct pile spent = { .n = 0 };
	struct piece p;
	size_t i;

	while (n--) {
		p = lent_back(t, holder, 0);
		if (is_spent(t, &p))
			pile_add(&spent, p);
		else
			go_back(t, p, last, expired);
	}
	for (i = 0; i < spent.n; i++) {
		if (dead_letter(t, &spent.piece[i]))
			t->info.dead_lettered++;
		else
			go_back(t, spent.piece[i], true, expired);
	}
}

static long reject_all(struct twin *t, struct twin_holder *holder, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (!dead_letter(t, &holder->leases.piece[0]))
			return i ? (long)i : -EAGAIN;
		lent_back(t, holder, 0);
		t->info.dead_lettered++;
	}
	return n;
}

/* The first n leases of a holder. */
static long settle_first(struct twin *t, struct twin_holder *holder, size_t n,
			 enum bbuf_settle_action action)
{
	size_t i;

	if (action == BBUF_REJECT)
		return reject_all(t, holder, n);
	if (action == BBUF_RETURN || action == BBUF_RETURN_LAST)
		return_all(t, holder, n, action == BBUF_RETURN_LAST, false);
	for (i = 0; action == BBUF_ACK && i < n; i++) {
		t->info.out.bytes += lent_back(t, holder, 0).len;
		t->info.out.records++;
	}
	return n;
}

long twin_settle(struct twin *t, struct twin_file *f, size_t which, enum bbuf_settle_action action)
{
	struct pile *leases = &f->holder->leases;
	struct piece p;
	long ret;

	if (which >= leases->n)
		return -ENOENT;
	p = pile_remove(leases, which);
	pile_insert(leases, 0, p);
	ret = settle_first(t, f->holder, 1, action);
	/* It stays leased, and is as old as it was. */
	if (action == BBUF_RENEW || ret < 0)
		pile_insert(leases, which, pile_remove(leases, 0));
	return ret;
}

long twin_settle_all(struct twin *t, struct twin_file *f, enum bbuf_settle_action action)
{
	return settle_first(t, f->holder, f->holder->leases.n, action);
}

void twin_expire(struct twin *t, struct twin_file *f)
{
	return_all(t, f->holder, f->holder->leases.n, false, true);
}

/* The queue */

static size_t usual_write_mark(const struct twin *t)
{
	return min_size(t->info.capacity - (t->info.read_mark - 1), ATOMIC_MAX);
}

static void set_write_mark(struct twin *t, size_t mark)
{
	t->write_mark = mark;
	t->info.write_mark = mark ? mark : usual_write_mark(t);
}

void twin_begin(struct twin *t, const struct bbuf_create *create, struct twin *dead)
{
	size_t i;

	memset(t, 0, sizeof(*t));
	for (i = 0; i < TWIN_FILES; i++)
		t->file[i].fd = -1;
	strcpy(t->info.name, create->name);
	t->info.type = create->type;
	t->info.policy = create->policy;
	t->info.capacity = create->capacity;
	t->info.read_mark = 1;
	set_write_mark(t, 0);
	t->dead = dead;
	if (!twin_leases(t))
		return;
	t->info.lease_timeout = create->lease_timeout;
	t->info.max_leases = create->max_leases ? create->max_leases : BBUF_MAX_LEASES_DEFAULT;
	t->info.max_deliveries = create->max_deliveries;
	strcpy(t->info.dead_letters, create->dead_letters);
}

void twin_open(struct twin *t, struct twin_file *f, int fd, int flags, bool elsewhere)
{
	f->fd = fd;
	f->flags = flags;
	f->options = 0;
	f->refused = 0;
	f->holder = twin_tokens(t) && !elsewhere ? &t->shared : &f->own;
	f->holder->files++;
	t->info.out.files += twin_reads(f);
	t->info.in.files += twin_writes(f);
	if (twin_writes(f))
		t->info.state &= ~BBUF_LEFT;
}

void twin_close(struct twin *t, struct twin_file *f)
{
	f->fd = -1;
	t->info.out.files -= twin_reads(f);
	t->info.in.files -= twin_writes(f);
	if (twin_writes(f) && !t->info.in.files && (t->info.policy & BBUF_EOF_ON_CLOSE))
		t->info.state |= BBUF_LEFT;
	if (!--f->holder->files)
		return_all(t, f->holder, f->holder->leases.n, false, false);
}

/* The marks that a change makes, or -EINVAL. */
static long marks_of(const struct twin *t, const struct bbuf_set *set, size_t capacity,
		     size_t *read_mark, size_t *write_mark)
{
	size_t most;

	*read_mark = min_size(t->info.read_mark, capacity);
	if (set->fields & BBUF_SET_READ_MARK)
		*read_mark = set->read_mark;
	if (!*read_mark || *read_mark > capacity || (twin_records(t) && *read_mark > 1))
		return -EINVAL;
	most = capacity + 1 - *read_mark;
	*write_mark = t->write_mark;
	if (set->fields & BBUF_SET_CAPACITY)
		*write_mark = min_size(*write_mark, most);
	if (set->fields & BBUF_SET_WRITE_MARK)
		*write_mark = set->write_mark ? set->write_mark : SIZE_MAX;
	return *write_mark > most ? -EINVAL : 0;
}

static void apply(struct twin *t, const struct bbuf_set *set)
{
	t->info.policy = (t->info.policy & ~set->policy_mask) | set->policy;
	if (!(t->info.policy & BBUF_EOF_ON_CLOSE))
		t->info.state &= ~BBUF_LEFT;
	if (set->fields & BBUF_SET_LEASE_TIMEOUT)
		t->info.lease_timeout = set->lease_timeout;
	if (set->fields & BBUF_SET_MAX_LEASES)
		t->info.max_leases = set->max_leases;
	if (set->fields & BBUF_SET_MAX_DELIVERIES)
		t->info.max_deliveries = set->max_deliveries;
}

long twin_set(struct twin *t, const struct bbuf_set *set)
{
	size_t capacity = t->info.capacity, read_mark, write_mark;
	long error;

	if (set->fields & BBUF_SET_CAPACITY)
		capacity = set->capacity;
	if (!capacity || ((set->fields & BBUF_SET_MAX_LEASES) && !set->max_leases) ||
	    (twin_leases(t) && (set->policy & BBUF_DROP_OLDEST)))
		return -EINVAL;
	error = marks_of(t, set, capacity, &read_mark, &write_mark);
	if (error)
		return error;
	if (t->info.bytes + t->info.leased_bytes > capacity)
		return -EBUSY;
	t->info.capacity = capacity;
	t->info.read_mark = read_mark;
	set_write_mark(t, write_mark);
	apply(t, set);
	return 0;
}

long twin_flush(struct twin *t, const struct twin_file *f)
{
	if (!twin_reads(f))
		return -EBADF;
	t->info.flushed_bytes += t->info.bytes;
	t->info.bytes = 0;
	t->info.records = 0;
	t->queued.n = 0;
	t->asked = false;
	return 0;
}

long twin_shutdown(struct twin *t, const struct twin_file *f)
{
	if (!twin_writes(f))
		return -EBADF;
	t->info.state |= BBUF_SHUT;
	return 0;
}

long twin_reopen(struct twin *t, const struct twin_file *f)
{
	if (!twin_writes(f))
		return -EBADF;
	t->info.state = 0;
	return 0;
}

bool twin_is_drained(const struct twin *t)
{
	return !t->info.bytes && !t->info.leased_bytes;
}

/* Polling */

static bool may_write_again(const struct twin *t, const struct twin_file *f)
{
	size_t need = f->refused;

	/* A record that can never fit would fail at once, or be split. */
	if (need > t->info.capacity)
		need = !twin_records(t);
	return t->info.state || may_write(t, need);
}

void twin_ask(struct twin *t, const struct twin_file *f)
{
	if (f->refused && !may_write_again(t, f))
		t->asked |= t->info.read_mark > 1;
}

static int events_for_readers(const struct twin *t)
{
	int events = may_read(t, t->info.read_mark) ? READABLE : 0;

	if (t->info.state)
		events |= POLLRDHUP;
	return at_end(t) ? events | POLLHUP : events;
}

static int events_for_writers(const struct twin *t, const struct twin_file *f)
{
	if (t->info.state)
		return POLLERR;
	if (f->refused && !may_write_again(t, f))
		return 0;
	if (twin_tokens(t) && f->holder->leases.n && !f->refused)
		return WRITABLE;
	return may_write(t, t->info.write_mark) ? WRITABLE : 0;
}

int twin_events(const struct twin *t, const struct twin_file *f)
{
	int events = twin_reads(f) ? events_for_readers(t) : 0;

	/* An error comes at any time, and then nothing is kept back. */
	if (twin_leases(t) && !twin_may_lease(t, f) && !(twin_writes(f) && t->info.state))
		events &= ~READABLE;
	return twin_writes(f) ? events | events_for_writers(t, f) : events;
}
