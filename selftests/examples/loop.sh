#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The example "loop": what came through, who slept, and what was kept for each.

# shellcheck disable=SC2317 # run_tests calls all
. ./examples.sh

loop()
{
	cell "$1" 1
}

threads()
{
	cell "$1" 2
}

# No task sleeps in the loop, and one call of epoll_wait reports several queues.
who_slept()
{
	[ "$(loop 'slept in a queue')" = 0 ]
	holds "$(threads 'slept in a queue') > 100"
	holds "10 * $(loop slept) < $(threads slept)"
	holds "0 < $(loop 'calls of epoll_wait') && $(loop 'calls of epoll_wait') < 400"
	[ "$(threads 'calls of epoll_wait')" = 0 ]
}

# Kernel stacks are counted for the whole machine, including those of tasks that have exited,
# until they are freed.
memory()
{
	run loop
	[ "$(loop 'threads started') $(threads 'threads started')" = '0 200' ]
	holds "10 * $(loop 'addresses reserved, KiB') < $(threads 'addresses reserved, KiB')"
	holds "4 * $(loop 'kernel stacks, KiB') < $(threads 'kernel stacks, KiB')"
	holds "2 * $(loop 'page tables, KiB') < $(threads 'page tables, KiB')"
}

# The items are 0 to 1999.
test_loop_and_threads_move_the_same_items()
{
	run loop
	grep -qx '100 times a producer and a consumer, of 20 items; each came once, in order:' out
	[ "$(loop 'sum of the items') $(threads 'sum of the items')" = '1999000 1999000' ]
	who_slept
}

test_loop_needs_less_memory_than_threads()
{
	in_some_run memory
}

test_numbers_of_pairs_and_items_can_be_chosen()
{
	run loop --pairs=1 --items=1
	[ "$(loop 'sum of the items')" = 0 ]
	run loop --pairs=3 --items=1000 --room=1
	[ "$(loop 'sum of the items')" = 4498500 ]
	[ "$(loop 'slept in a queue')" = 0 ]
	expect 2 '--pairs=101: ' "$examples/loop" --pairs=101
	expect 2 '--room=0: ' "$examples/loop" --room=0
}

run_tests
