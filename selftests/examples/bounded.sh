#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The example "bounded": what the queue has counted in each of its rounds.

# shellcheck disable=SC2317 # run_tests calls all
. ./examples.sh

verified='Each item came once, and those of each producer came in order.'

# Sets what a round's row of the table says: round 'slow consumers'
round()
{
	put=$(cell "$1" 1)
	taken=$(cell "$1" 2)
	most=$(cell "$1" 3)
	producers_slept=$(cell "$1" 4)
	consumers_slept=$(cell "$1" 5)
	woken=$(cell "$1" 6)
}

# As many went in as came out, and never were there more than this in the queue.
balanced()
{
	local name

	for name in 'nobody is slow' 'slow consumers' 'slow producers'; do
		round "$name"
		[ "$put $taken" = "$1 $1" ]
		holds "0 < $most && $most <= $2"
	done
	[ "$(tail -n 1 out)" = "$verified" ]
}

test_every_item_is_consumed_and_the_capacity_is_kept()
{
	run bounded
	grep -qx 'producers: 4, consumers: 3, capacity: 8' out
	balanced 400 8
}

# Long pauses, so that the other side is the faster one on a slow machine, too.
test_faster_side_sleeps()
{
	run bounded --items=40 --pause=50ms
	round 'slow consumers'
	[ "$most" = 8 ]
	holds "$producers_slept > 2 * $consumers_slept"
	round 'slow producers'
	holds "$consumers_slept > 2 * $producers_slept"
}

test_each_sleep_has_one_wakeup()
{
	run bounded --items=40 --producers=10 --consumers=10
	round 'slow consumers'
	holds "$woken <= 1.5 * ($producers_slept + $consumers_slept)"
	round 'slow producers'
	holds "$woken <= 1.5 * ($producers_slept + $consumers_slept)"
}

test_capacity_of_one_item_is_enough()
{
	run bounded --capacity=1 --producers=1 --consumers=1
	balanced 100 1
}

test_many_producers_and_consumers_keep_the_balance()
{
	run bounded --producers=50 --consumers=50 --items=20 --capacity=5 --pause=1ms
	balanced 1000 5
}

test_invalid_numbers_are_refused()
{
	expect 2 '--producers=0: must be a number' "$examples/bounded" --producers=0
	expect 2 '--consumers=1001: must be at most 1000' "$examples/bounded" --consumers=1001
	expect 2 '--pause=3: must be a time' "$examples/bounded" --pause=3
}

test_capacity_above_the_limit_is_refused()
{
	local parameter=/sys/module/bbuf/parameters/max_capacity before status=0

	before=$(<"$parameter")
	echo 4K >"$parameter"
	expect 1 'larger than max_capacity, which root can raise' \
		"$examples/bounded" --capacity=1000 || status=$?
	echo "$before" >"$parameter"
	[ "$status" = 0 ]
	no_queue_is_left
}

run_tests
