/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A model for spin of waiting and waking in module/queue.c, and of shutdown and destruction in
 * module/manage.c.
 *
 * Read it beside them: NAME() here is bbuf_side_NAME() there, with the same steps in the same
 * order. "check" lets spin search every interleaving of the processes at the end of this file;
 * and again with one deliberate mistake, each name in an #ifdef or #ifndef in turn, which must
 * be detected.
 *
 * Properties that must hold:
 *
 *   - No process sleeps for ever: in every run all processes terminate. Spin reports a process
 *     that is left over as an invalid end state.
 *   - Each byte is read once, at its position, in order; no position passes the other one or
 *     the capacity; a copy without the lock has the side to itself.       move(), copy()
 *   - No byte is queued after shutdown, and neither a read nor poll reports EOF before all
 *     bytes are read.                                         move(), advance(), watcher()
 *   - Non-blocking calls bypass a waiter once at most; apart from that, running callers bypass
 *     it by no more than a share of bytes, if enough is left for all in the wait list.
 *                                                         bypass(), move(), count_bypass()
 *   - A waiter that was woken finds what it was woken for, unless it was woken ahead, or a
 *     non-blocking call has bypassed it.                                        wait()
 *
 * Stores are delayed: a store goes to a buffer of its process, where only that process sees it,
 * and reaches memory later, at any time, in the order of the stores. Only a full barrier waits
 * for it. This is the model of x86; weaker machines also reorder loads, and stores without a
 * release between them: that is tested in litmus/. Taking a lock is no full barrier here, and
 * releasing it is a store.
 *
 * Left out: the values of bytes (each is its own position), records, frames, leases (lease.c) and
 * their return (settle.c), dropping the oldest, resizing, flushing, timeouts (a signal stands for
 * all ways to give up), SIGIO (it is sent together with poll events), the fairness of locks, and
 * spinning before a sleep.
 */

/* The two sides, and what is constant about them. */
#define PRODUCERS	0
#define CONSUMERS	1
#define PEER(side)	(1 - (side))
#define WINDOW(side)	((side) == PRODUCERS -> CAPACITY : 0)
#define MARK(side)	((side) == PRODUCERS -> 1 : READ_MARK)

/* As there on one processor. */
#define SHARE		(CAPACITY / 2)

/* Unless the command line says otherwise. */
#ifndef CAPACITY
#define CAPACITY	1
#endif
#ifndef READ_MARK
#define READ_MARK	1
#endif
#ifndef SIGNALS
#define SIGNALS		0
#endif
#ifndef FAULTS
#define FAULTS		0
#endif
#ifndef STUCK
#define STUCK		0
#endif
#ifndef AHEAD
#define AHEAD		0	/* all copies are long */
#endif

/*
 * Memory
 *
 * These are the locks, and what some read without the lock that it is written under.
 */
#define POS(side)	(side)
#define WANTED(side)	(2 + (side))
#define NO_BYPASS(side)	(4 + (side))
#define ENDED(side)	(6 + (side))
#define HAS_WAITERS(side)	(8 + (side))	/* the wait list is not empty */
#define POLLED(side)	(10 + (side))	/* the poll queue is not empty */
#define LOCK(side)	(12 + (side))
#define WAIT_LOCK(side)	(14 + (side))
#define DRAIN_LOCK	16
#define DRAINED		17		/* q->drains is not empty */
#define SHORT		18		/* short_of_room */
#define DESTROYED	19
#define DATA(pos)	(20 + (pos) % CAPACITY)
#define PLACES		(20 + CAPACITY)

#define TASKS		7		/* with stores() and init, which are the first */
#define MEMORY		0		/* what stores() sees, which makes none */

typedef seen {
	byte at[PLACES]
}

/* The memory as each task sees it, and its stores that others do not see yet. */
seen view[TASKS];
chan pending[TASKS] = [8] of { byte, byte };

#define LOAD(place)	view[_pid].at[place]

inline store(place, what)
{
	atomic {
		pending[_pid]!place,what;
		view[_pid].at[place] = what
	}
}

/* The oldest store of a task reaches memory: all tasks see it, except one with a later store. */
inline arrive(task)
{
	pending[task]?to,value;
	view[MEMORY].at[to] = value;
	other = 1;
	do
	:: other < TASKS ->
		if
		:: pending[other]??[eval(to),_]
		:: !pending[other]??[eval(to),_] -> view[other].at[to] = value
		fi;
		other++
	:: else -> break
	od;
	to = 0;
	value = 0;
	other = 0
}

inline barrier()
{
	d_step {
		do
		:: nempty(pending[_pid]) -> arrive(_pid)
		:: empty(pending[_pid]) -> break
		od
	}
}

inline lock(which)
{
	atomic {
		view[MEMORY].at[which] == 0;
		view[MEMORY].at[which] = 1;
		view[_pid].at[which] = 1
	}
}

inline unlock(which)
{
	store(which, 0)
}

/* The rest of a side and of its waiters: accessed only under the lock. */
chan wait_list[2] = [TASKS] of { byte };
bool no_bypass[TASKS];
bool woken[TASKS];
byte result[TASKS];
byte need[TASKS];
byte reservation[TASKS];
byte bypass_start[2];

/* Events that epoll has not reported yet; one task polls a side, and one drains. */
bool edge[2];
byte target;
bool reached;

/* How many times these events, which are possible at any time, may still happen. */
byte signals;
byte faults = FAULTS;

/* For the checks. */
bool bypassed[TASKS];
byte bypassing[TASKS];	/* bytes at once */
bool shut;
byte total[2];
byte done;

/* The result of a call. */
#define GO_ON		0
#define EOF		1
#define EPIPE		2
#define ENODEV		3
#define EAGAIN		4
#define EINTR		5

#define LOCALS \
	byte to, value, other, want, pos, before, first, n, ret; \
	short avail; \
	bool go, end, queued, was_head, bypass_allowed, alone, was_woken

/* As "if" is in C: where nothing is true, an if of Promela's waits. */
#define WHEN(condition, what) \
	if :: (condition) -> what :: else fi

#define MIN(a, b)	((a) < (b) -> (a) : (b))

/* Reset variables that are not read again: they would only multiply the states. */
inline forget()
{
	d_step {
		want = 0;
		pos = 0;
		first = 0;
		n = 0;
		avail = 0;
		go = false;
		end = false;
		was_head = false;
		was_woken = false
	}
}

inline forget_call()
{
	d_step {
		no_bypass[_pid] = false;
		woken[_pid] = false;
		result[_pid] = 0;
		need[_pid] = 0;
		bypassed[_pid] = false;
		bypassing[_pid] = 0
	}
}

/*
 * Which call may proceed
 */
inline find_avail(side)
{
	pos = LOAD(POS(side));
	avail = LOAD(POS(PEER(side))) + WINDOW(side) - pos
}

inline can_move(side, bytes)
{
	atomic {
		go = LOAD(ENDED(side));
		pos = LOAD(POS(side))
	};
	atomic {
		avail = LOAD(POS(PEER(side))) + WINDOW(side) - pos;
		go = go || avail >= bytes
	};
	if
	:: !go && side == CONSUMERS && avail > 0 ->
		go = LOAD(HAS_WAITERS(PRODUCERS)) || LOAD(SHORT) || LOAD(ENDED(PRODUCERS))
	:: else
	fi
}

/* Whether there is any, and whether it is the end. */
inline events(side)
{
	go = !LOAD(NO_BYPASS(side));
	WHEN(go, can_move(side, MARK(side)));
#ifdef POSITION_BEFORE_END
	find_avail(side);
	end = LOAD(ENDED(side));
#else
	end = LOAD(ENDED(side));
	find_avail(side);
#endif
	atomic {
		go = go || end;
		end = end && (avail == 0 || LOAD(DESTROYED))
	}
}

/*
 * Waking
 */
inline lock_and_wake_head(side, and)
{
	atomic {
		lock(WAIT_LOCK(side));
		want = LOAD(WANTED(side));
		go = false
	};
	WHEN(want, want = want - MIN(want, and); can_move(side, want));
	atomic {
		if
		:: go ->
			store(WANTED(side), 0);
			wait_list[side]?<first>;
			woken[first] = true
		:: else
		fi;
		unlock(WAIT_LOCK(side))
	}
}

inline wake_head_for(side, upcoming)
{
	atomic {
		want = LOAD(WANTED(side));
		go = false
	};
	WHEN(want, want = want - MIN(want, upcoming); can_move(side, want));
	WHEN(go, lock_and_wake_head(side, upcoming));
	forget()
}

inline wake_head(side)
{
	wake_head_for(side, 0)
}

inline wake_pollers(side)
{
	WHEN(LOAD(POLLED(side)), events(side); edge[side] = edge[side] || go; forget())
}

inline notify(side)
{
#ifndef NO_BARRIER_IN_NOTIFY
	barrier();
#endif
#ifndef AHEAD_ALONE
	wake_head(side);
#endif
	wake_pollers(side)
}

inline wake_drainers()
{
	if
	:: LOAD(DRAINED) ->
		atomic {
			lock(DRAIN_LOCK);
			if
			:: LOAD(DRAINED) && (LOAD(POS(CONSUMERS)) >= target || LOAD(DESTROYED)) ->
				store(DRAINED, 0);
				reached = true
			:: else
			fi;
			unlock(DRAIN_LOCK)
		}
	:: else
	fi
}

/*
 * The line
 */
inline join(side)
{
	atomic {
		queued = true;
		lock(WAIT_LOCK(side));
		woken[_pid] = false;
		WHEN(empty(wait_list[side]), bypass_start[side] = total[side]);
		reservation[_pid] = left;
		store(HAS_WAITERS(side), 1);
		wait_list[side]!_pid;
		if
		:: no_bypass[_pid] ->
			n = len(wait_list[side]);
			do
			:: n > 1 -> wait_list[side]?first; wait_list[side]!first; n--
			:: else -> break
			od;
			store(WANTED(side), 0)
		:: !no_bypass[_pid] && len(wait_list[side]) == 1 ->
			store(WANTED(side), need[_pid])
		:: else
		fi;
		unlock(WAIT_LOCK(side));
		forget()
	}
}

inline hold(side)
{
	atomic {
		no_bypass[_pid] = true;
		WHEN(!queued, join(side));
		store(NO_BYPASS(side), 1)
	}
}

inline ask_for_room()
{
	WHEN(READ_MARK > 1 && !LOAD(SHORT), store(SHORT, 1); notify(CONSUMERS))
}

inline bypass(side)
{
	go = false;
	WHEN(!LOAD(NO_BYPASS(side)), can_move(side, need[_pid]));
	if
	:: !go ->
		ret = EAGAIN;
#ifndef NO_ASK_FOR_ROOM
		WHEN(side == PRODUCERS && !LOAD(NO_BYPASS(side)), ask_for_room())
#endif
	:: else ->
		if
		:: nempty(wait_list[side]) ->
			atomic {
				wait_list[side]?<first>;
				assert(!bypassed[first]);
				bypassed[first] = true;
#ifndef BYPASS_AGAIN
				no_bypass[first] = true;
				store(NO_BYPASS(side), 1)
#endif
			}
		:: empty(wait_list[side])
		fi
	fi;
	forget()
}

inline ask(side)
{
	if
	:: wait_list[side]?[eval(_pid)] &&
	   (woken[_pid] || LOAD(WANTED(side)) != need[_pid]) ->
		lock(WAIT_LOCK(side));
		woken[_pid] = false;
		store(WANTED(side), need[_pid]);
		unlock(WAIT_LOCK(side))
	:: !wait_list[side]?[eval(_pid)] && woken[_pid] ->
		lock(WAIT_LOCK(side));
		woken[_pid] = false;
		unlock(WAIT_LOCK(side))
	:: else
	fi
}

inline sleep(side)
{
	unlock(LOCK(side));
	if
	:: atomic { woken[_pid] -> was_woken = true }
	:: atomic { signals > 0 -> signals--; ret = EINTR }
	fi;
	lock(LOCK(side))
}

inline wait(side)
{
	do
	:: ret || result[_pid] -> break
	:: else ->
		atomic { ask(side) };
#ifndef NO_BARRIER_IN_WAIT
		barrier();
#endif
#ifndef NO_LOOK_IN_WAIT
		wake_head(side);
#endif
		sleep(side);
		go = !ret && !result[_pid] && wait_list[side]?[eval(_pid)];
		WHEN(go, can_move(side, need[_pid]));
		atomic {
			assert(go || ret || result[_pid] || !was_woken || bypassed[_pid] ||
			       READ_MARK > 1 || AHEAD);
			was_woken = false;
			WHEN(go, break)
		}
	od;
	ret = (result[_pid] -> result[_pid] : ret);
	forget()
}

inline find_error(side)
{
	atomic {
		ret = GO_ON;
		if
		:: LOAD(ENDED(side)) ->
			ret = (LOAD(DESTROYED) -> ENODEV : (side == PRODUCERS -> EPIPE : GO_ON))
		:: else
		fi;
		ret = (result[_pid] -> result[_pid] : ret)
	}
}

inline enter_nowait(side)
{
	find_error(side);
	WHEN(!ret, bypass(side))
}

inline enter(side)
{
	find_error(side);
#ifdef JUMP_THE_WAIT_LIST
	go = true;
#else
	go = empty(wait_list[side]);
#endif
	if
	:: ret
	:: !ret && queued ->
		go = wait_list[side]?[eval(_pid)];
		WHEN(go, can_move(side, need[_pid]))
	:: else ->
		WHEN(go, can_move(side, need[_pid]));
		if
		:: go
		:: else ->
			join(side);
#ifndef NO_NOTIFY_OF_JOIN
			WHEN(side == PRODUCERS, notify(CONSUMERS));
#endif
			go = false
		fi
	fi;
	WHEN(!ret && queued && !go, wait(side));
	if
	:: !ret -> find_error(side)
	:: else
	fi;
	forget()
}

inline leave(side)
{
	atomic {
		was_head = wait_list[side]?[eval(_pid)];
		bypass_allowed = LOAD(NO_BYPASS(side));
		lock(WAIT_LOCK(side));
		wait_list[side]??eval(_pid);
		reservation[_pid] = 0;
		bypass_start[side] = (was_head -> total[side] : bypass_start[side]);
		if
		:: empty(wait_list[side]) -> store(HAS_WAITERS(side), 0)
		:: nempty(wait_list[side])
		fi;
		if
		:: was_head && nempty(wait_list[side]) ->
			wait_list[side]?<first>;
			store(WANTED(side), need[first]);
			store(NO_BYPASS(side), no_bypass[first])
		:: was_head && empty(wait_list[side]) ->
			store(WANTED(side), 0);
			store(NO_BYPASS(side), 0);
			bypass_start[side] = 0		/* not read again: see forget() */
		:: !was_head
		fi;
		unlock(WAIT_LOCK(side));
		bypass_allowed = bypass_allowed && !LOAD(NO_BYPASS(side))
	}
}

inline exit(side)
{
	if
	:: queued ->
		leave(side);
		atomic {
			queued = false;
			forget_call();
			unlock(LOCK(side));
			forget()
		};
#ifndef NO_BARRIER_IN_EXIT
		barrier();
#endif
#ifndef NO_LOOK_IN_EXIT
		wake_head(side);
#endif
#ifndef NO_WORD_OF_BYPASS
		WHEN(bypass_allowed, wake_pollers(side));
#endif
		bypass_allowed = false
	:: else -> atomic { forget_call(); unlock(LOCK(side)) }
	fi
}

inline poll(side)
{
	store(POLLED(side), 1);
#ifndef NO_BARRIER_IN_POLL
	barrier();
#endif
	events(side)
}

/*
 * Without a place in line
 */
inline spare_to_bypass(side)
{
	n = SHARE;
	n = n - MIN(n, total[side] - bypass_start[side]);
#ifndef IGNORE_RESERVED
	wait_list[side]?<first>;
	avail = avail - MIN(avail, reservation[first]);
#endif
#ifndef NO_SHARE
	avail = MIN(avail, n);
#endif
#ifndef IGNORE_NO_BYPASS
	avail = (LOAD(NO_BYPASS(side)) -> 0 : avail);
#endif
	n = 0
}

inline spare(side)
{
#ifndef IGNORE_THE_END
	avail = (LOAD(ENDED(side)) -> 0 : avail);
#endif
	WHEN(nempty(wait_list[side]), spare_to_bypass(side))
}

/*
 * Moving on
 */
inline transfer(side, much)
{
	n = 0;
	do
	:: n < much && side == PRODUCERS ->
		pos = LOAD(POS(side)) + n;
		store(DATA(pos), pos + 1);
		n++
	:: n < much && side == CONSUMERS ->
		pos = LOAD(POS(side)) + n;
		assert(LOAD(DATA(pos)) == pos + 1);
		n++
	:: n == much -> break
	od
}

/* Of io.c: with the lock, or in front of the line and without. */
inline copy(side, much)
{
	before = total[side];
	alone = no_bypass[_pid];
	WHEN(AHEAD && !alone, wake_head_for(PEER(side), much));
	if
	:: alone || faults == 0
	:: atomic { !alone && faults > 0 -> faults--; alone = true }
	:: !alone && faults > 0
	fi;
	if
	:: alone ->
#ifndef NO_HOLD
		hold(side);
#endif
		unlock(LOCK(side));
		transfer(side, much);
		done >= STUCK;
		lock(LOCK(side))
	:: else -> transfer(side, much)
	fi;
	assert(total[side] == before);
	before = 0;
	alone = false;
	forget()
}

inline room_is_made(side)
{
	WHEN(side == CONSUMERS && LOAD(SHORT), store(SHORT, 0))
}

inline publish(side, much)
{
	total[side] = total[side] + much;
	store(POS(side), total[side])
}

inline advance(side, much)
{
	assert(total[side] == LOAD(POS(side)));
	assert(side == CONSUMERS || !shut);
#ifdef NOTIFY_BEFORE_POSITION
	notify(PEER(side));
#endif
#ifndef SHORT_AFTER_NOTIFY
	room_is_made(side);
#endif
	publish(side, much);
#ifndef NOTIFY_BEFORE_POSITION
	notify(PEER(side));
#endif
#ifdef SHORT_AFTER_NOTIFY
	room_is_made(side);
#endif
	if
	:: side == CONSUMERS ->
		wake_drainers();
		if
		:: LOAD(ENDED(side)) ->
			find_avail(side);
#ifndef NO_WORD_OF_THE_LAST
			WHEN(avail == 0, wake_pollers(side));
#endif
			forget()
		:: else
		fi
	:: else
	fi
}

/*
 * Reads and writes, with a maximum length and a number of repetitions. A non-blocking caller
 * is notified by epoll, edge-triggered.
 */
#define IS_OVER(ret)	(ret && ret != EAGAIN)

inline find_need(side)
{
	if
	:: side == CONSUMERS ->
		need[_pid] = (waits -> MIN(READ_MARK, left) : 1)
	:: side == PRODUCERS && (!waits || size <= CAPACITY) ->
		need[_pid] = left
	:: else ->
		need[_pid] = MIN(left, (CAPACITY + 1) / 2)
	fi
}

inline move(side)
{
	find_avail(side);
	much = MIN(left, avail);
	assert(avail >= 0 && avail <= CAPACITY);
	assert(!waits || empty(wait_list[side]) || wait_list[side]?[eval(_pid)]);
	if
	:: much == 0 -> ret = EOF
	:: else ->
		copy(side, much);
		if
		:: side == PRODUCERS -> find_error(side)
		:: else
		fi;
		if
		:: !ret ->
			left = (side == PRODUCERS -> left - much : 0);
			advance(side, much)
		:: else
		fi
	fi;
	much = 0
}

/* A reader takes no less because of waiters; a write always moves all of its bytes. */
inline can_move_fast(side)
{
	d_step {
		find_avail(side);
		much = (side == CONSUMERS -> MIN(left, avail) : left);
		spare(side);
		go = much > 0 && much <= avail &&
		     (side == PRODUCERS || much >= MIN(left, READ_MARK))
	}
}

inline count_bypass(side)
{
	wait_list[side]?<first>;
	bypassing[first] = bypassing[first] + much;
	assert(bypassing[first] <= SHARE)
}

/*
 * A call that could proceed, but has a missing page, or checked a little earlier, enters the
 * wait list all the same. If the list is empty, that only makes a difference for the page.
 */
inline enter_past_wait_list(side)
{
	can_move_fast(side);
	if
	:: go -> WHEN(nempty(wait_list[side]), count_bypass(side))
	:: !go || faults > 0 || nempty(wait_list[side]) -> forget(); much = 0
	fi
}

inline move_fast(side)
{
	WHEN(AHEAD, wake_head_for(PEER(side), much));
	transfer(side, much);
	left = (side == PRODUCERS -> left - much : 0);
#ifdef WAKE_NOBODY_IN_FAST_PATH
	publish(side, much);
#else
	advance(side, much);
#endif
	much = 0;
	forget()
}

proctype mover(bool side; byte times; byte size; bool waits)
{
	LOCALS;
	byte left, much;

	WHEN(!waits, poll(side); edge[side] = edge[side] || go; ret = EAGAIN; forget());
	do
	:: times == 0 || IS_OVER(ret) -> break
	:: else ->
		if
		:: ret == EAGAIN -> atomic { edge[side] -> edge[side] = false }
		:: else
		fi;
		atomic {
			lock(LOCK(side));
			left = size;
			ret = GO_ON;
			enter_past_wait_list(side)
		};
		WHEN(go, move_fast(side));
		do
		:: ret || left == 0 -> break
		:: else ->
			find_need(side);
			if
			:: waits -> enter(side)
			:: else -> enter_nowait(side)
			fi;
			if
			:: ret
			:: else ->
				WHEN(left > CAPACITY, hold(side));
				move(side)
			fi
		od;
		assert(ret != EOF || total[PRODUCERS] == total[CONSUMERS]);
		times = (left == 0 -> times - 1 : times);
		exit(side)
	od;
	done++
}

/*
 * The end
 */
inline end_waiters(side, outcome)
{
	atomic {
		lock(WAIT_LOCK(side));
		n = len(wait_list[side]);
		do
		:: n > 0 ->
			wait_list[side]?first;
			wait_list[side]!first;
#ifdef WAKE_THE_HEAD_ALONE
			if
			:: n == len(wait_list[side]) -> result[first] = outcome; woken[first] = true
			:: else
			fi;
#else
			result[first] = outcome;
			woken[first] = true;
#endif
			n--
		:: else -> break
		od;
		unlock(WAIT_LOCK(side));
		forget()
	}
}

proctype ender(byte after)
{
	LOCALS;
	bool destroy;

	done >= after;
	if
#if !defined(DESTROY)
	:: destroy = false
#endif
#if !defined(END)
	:: destroy = true
#endif
	fi;
#ifndef END_WITH_ONE_LOCK
	lock(LOCK(PRODUCERS));
#endif
	lock(LOCK(CONSUMERS));
	store(DESTROYED, destroy);
	store(ENDED(PRODUCERS), 1);
	store(ENDED(CONSUMERS), 1);
	shut = true;
#ifndef NO_WORD_OF_THE_END
	end_waiters(PRODUCERS, (destroy -> ENODEV : EPIPE));
	find_avail(CONSUMERS);
	if
	:: destroy -> end_waiters(CONSUMERS, ENODEV)
	:: !destroy && avail == 0 -> end_waiters(CONSUMERS, EOF)
	:: else
	fi;
#endif
	unlock(LOCK(CONSUMERS));
#ifndef END_WITH_ONE_LOCK
	unlock(LOCK(PRODUCERS));
#endif
	forget();
#ifndef NO_NOTIFY_OF_THE_END
	notify(PRODUCERS);
	notify(CONSUMERS);
	wake_drainers()
#endif
}

/* Waits for the end, and does nothing else. */
proctype watcher()
{
	LOCALS;

	poll(CONSUMERS);
	do
	:: end -> break
	:: else ->
		atomic { edge[CONSUMERS] -> edge[CONSUMERS] = false };
		events(CONSUMERS)
	od;
	assert(total[PRODUCERS] == total[CONSUMERS] || LOAD(DESTROYED))
}

/* Its barrier can't be missed here: the lock is taken again only when free in memory. */
proctype drainer()
{
	LOCALS;

	atomic {
		lock(DRAIN_LOCK);
		target = LOAD(POS(PRODUCERS));
		store(DRAINED, 1);
		unlock(DRAIN_LOCK)
	};
	barrier();
	wake_drainers();
	reached;
	assert(total[CONSUMERS] >= target || LOAD(DESTROYED))
}

#define ARRIVE(task)	d_step { nempty(pending[task]) -> arrive(task) }

active proctype stores()
{
	byte to, value, other;

end:	do
	:: ARRIVE(1)
	:: ARRIVE(2)
	:: ARRIVE(3)
	:: ARRIVE(4)
	:: ARRIVE(5)
	:: ARRIVE(6)
	od
}

/* As if it had all been written long ago. */
inline fill()
{
	do
	:: total[PRODUCERS] < CAPACITY * TASKS ->
		task = total[PRODUCERS] / CAPACITY;
		pos = total[PRODUCERS] % CAPACITY;
		view[task].at[DATA(pos)] = pos + 1;
		view[task].at[POS(PRODUCERS)] = CAPACITY;
		total[PRODUCERS]++
	:: else -> break
	od;
	total[PRODUCERS] = CAPACITY
}

#define WRITER(times, size)		run mover(PRODUCERS, times, size, true)
#define READER(times, size)		run mover(CONSUMERS, times, size, true)
#define POLLING_WRITER(times, size)	run mover(PRODUCERS, times, size, false)
#define POLLING_READER(times, size)	run mover(CONSUMERS, times, size, false)
#define UNTIL_EOF			9

init {
	byte task, pos;

	atomic {
		if
		:: signals = SIGNALS
		:: signals = 0		/* a task that could still get one would not be left over */
		fi;
#if defined(WAIT_ROOM)		/* a waiter behind another */
		WRITER(1, 1);
		WRITER(1, 1);
		READER(2, 1)
#elif defined(WAIT_DATA)
		WRITER(2, 1);
		READER(1, 1);
		READER(1, 1)
#elif defined(GIVE_UP)		/* a woken waiter may give up */
		WRITER(2, 1);
		READER(1, 1);
		READER(1, 1)
#elif defined(LONG_DATA)	/* a waiter is woken ahead */
		WRITER(2, 1);
		READER(1, 1);
		READER(1, 1)
#elif defined(LONG_ROOM)
		WRITER(1, 1);
		WRITER(1, 1);
		READER(2, 1)
#elif defined(SPARE_DATA)	/* a running caller bypasses a woken waiter */
		WRITER(1, 3);
		READER(1, 1);
		READER(2, 1)
#elif defined(SPARE_ROOM)
		fill();
		READER(1, 3);
		WRITER(1, 1);
		WRITER(2, 1)
#elif defined(SPARE_POLL)	/* the same, but non-blocking */
		WRITER(1, 3);
		READER(1, 1);
		POLLING_READER(2, 1)
#elif defined(FAIR)		/* a waiter beside a non-blocking caller */
		WRITER(2, 1);
		POLLING_READER(2, 1);
		READER(1, 1);
		run ender(2)
#elif defined(POLL_OUT)
		WRITER(1, 1);
		POLLING_WRITER(1, 1);
		READER(2, 1)
#elif defined(MARKS)		/* a reader would rather have more */
		WRITER(1, 1);
		WRITER(1, 2);
		READER(UNTIL_EOF, 2);
		run ender(2)
#elif defined(MARKS_POLL)
		WRITER(2, 1);
		POLLING_WRITER(1, 2);
		READER(UNTIL_EOF, 2);
		run ender(2)
#elif defined(MARKS_ASK)
		WRITER(1, 1);
		POLLING_WRITER(1, 2);
		READER(UNTIL_EOF, 2);
		run ender(2)
#elif defined(PIECES)		/* more than there is room for */
		WRITER(1, 3);
		WRITER(1, 1);
		READER(UNTIL_EOF, 2);
		run ender(2)
#elif defined(BYPASS_ONCE)	/* one has a missing page, the other doesn't wait */
		WRITER(1, 1);
		POLLING_WRITER(1, 1)
#elif defined(DRAIN)
		WRITER(1, 1);
		READER(1, 1);
		run drainer()
#elif defined(END) || defined(DESTROY)	/* each ending in a set of its own */
		WRITER(1, 1);
		READER(1, 1);
		run watcher();
		run ender(0)
#elif defined(STUCK_HEAD)	/* one has no page until the other is gone */
		WRITER(1, 1);
		WRITER(1, 1);
		run ender(0)
#endif
	}
}
