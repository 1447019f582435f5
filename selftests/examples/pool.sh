#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The example "pool": results, their order, errors, the division of work, and shutdown.

# shellcheck disable=SC2317 # run_tests calls all
. ./examples.sh

# A number of "out": the one that this pattern matches where it says \([0-9.]*\).
figure()
{
	sed -n "s/$1/\\1/p" out
}

waits_for_room='^.* submit() waited for room \([0-9]*\) times$'
left_at_the_end='^\([0-9]*\) were in the queue just before it was shut down: .*$'
at_a_time='^\([0-9.]*\) at a time, .*$'

test_results_and_errors_reach_the_caller()
{
	run pool
	grep -qx 'map: powers over (2, 3, 4) and (4, 5, 6): 16, 243, 4096' out
	grep -qx 'result: 10 to the power of 100: Numerical result out of range' out
	grep -qx '.* were in the queue just before it was shut down: 40 done' out
}

# The pauses let the tasks be ready one after the other, the last one first.
map_keeps_the_order()
{
	run pool --pause=500ms --tasks=1
	grep -qx 'map: .* ready in this place: 3, 2, 1' out
}

test_map_keeps_the_order()
{
	in_some_run map_keeps_the_order
}

test_one_worker_runs_one_task_at_a_time()
{
	run pool --workers=1 --tasks=10
	grep -qx 'map: .* ready in this place: 1, 2, 3' out
	holds "$(figure "$at_a_time") <= 1"
}

test_workers_share_the_work()
{
	run pool --pause=50ms
	holds "$(figure "$at_a_time") > 2 && $(figure "$at_a_time") <= 4"
}

test_submit_waits_for_room()
{
	run pool --workers=1 --capacity=1 --tasks=20
	holds "$(figure "$waits_for_room") > 10"
	run pool --workers=1 --capacity=20 --tasks=20
	holds "$(figure "$waits_for_room") == 0"
}

test_queued_work_is_done_before_shutdown()
{
	run pool --workers=2 --capacity=30 --tasks=30 --pause=100ms
	holds "$(figure "$left_at_the_end") > 15"
	grep -q ' 30 done$' out
}

test_invalid_numbers_are_refused()
{
	expect 2 '--workers=0: must be a number' "$examples/pool" --workers=0
	expect 2 '--tasks=1000001: must be at most 1000000' "$examples/pool" --tasks=1000001
}

run_tests
