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

waits_for_room='^The queue was full, and submit() slept, \([0-9]*\) times\.$'
left_at_the_end='^When the queue was shut down, \([0-9]*\) tasks were still in it; .*$'
at_a_time='^That took .*: on average \([0-9.]*\) tasks ran at the same time\.$'

test_results_and_errors_reach_the_caller()
{
	run pool
	grep -qxF 'map() of three powers returned 2^4 = 16, 3^5 = 243, 4^6 = 4096.' out
	grep -q '10^100 returned the error: Numerical result out of range\.$' out
	grep -qx '.* still in it; in the end 40 tasks were done\.' out
}

# The pauses let the tasks be ready one after the other, the last one first.
map_keeps_the_order()
{
	run pool --pause=500ms --tasks=1
	grep -qx 'The tasks were completed as number 3, 2, 1\.' out
}

test_map_keeps_the_order()
{
	in_some_run map_keeps_the_order
}

test_one_worker_runs_one_task_at_a_time()
{
	run pool --workers=1 --tasks=10
	grep -qx 'The tasks were completed as number 1, 2, 3\.' out
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
	grep -q ' 30 tasks were done\.$' out
}

test_invalid_numbers_are_refused()
{
	expect 2 '--workers=0: must be a number' "$examples/pool" --workers=0
	expect 2 '--tasks=1000001: must be at most 1000000' "$examples/pool" --tasks=1000001
}

run_tests
