#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The example "gil": who was at work, or waited, at the same moment, and what turns cost. No
# times: the machine's CPUs may be shared with others.

# shellcheck disable=SC2317 # run_tests calls all
. ./examples.sh

at_once()
{
	cell "$1" 3
}

turns()
{
	cell "$1" 4
}

slept()
{
	cell "$1" 5
}

result()
{
	cell "$1" 8
}

# Two Armstrong numbers; answers to 10 questions in each of the jobs 0 to 7, twice of each.
results()
{
	local way

	for way in '1 thread' threads processes coroutines; do
		[ "$(result "compute: $way")" = 2 ]
	done
	[ "$(result 'ask: 1 thread') $(result 'ask: threads')" = '560 560' ]
}

several_at_once()
{
	run gil --rounds=3
	holds "$(at_once 'ask: threads') > 1.5"
	[ "$(nproc)" = 1 ] || holds "$(at_once 'compute: processes') > 1.2"
}

test_waiting_threads_and_computing_processes_run_at_once()
{
	in_some_run several_at_once
}

# Threads that exclude each other use at most 1 CPU.
test_threads_and_coroutines_that_compute_do_not_run_at_once()
{
	run gil --rounds=3
	results
	holds "$(at_once 'compute: 1 thread') < 1.05"
	holds "$(at_once 'compute: threads') < 1.05"
	holds "$(at_once 'compute: coroutines') < 1.05"
	holds "$(at_once 'ask: 1 thread') < 1.05"
}

# Coroutines take a turn for each 1000 of the 150000 numbers of a job, and none sleeps.
test_threads_take_turns_and_coroutines_sleep_less()
{
	run gil --rounds=1 --interval=2ms --jobs=4
	holds "0 < $(turns 'compute: threads')"
	[ "$(turns 'compute: 1 thread') $(turns 'compute: processes')" = '0 0' ]
	[ "$(turns 'compute: coroutines')" = 600 ]
	holds "4 * $(slept 'compute: coroutines') < $(slept 'compute: threads')"
}

test_lock_is_not_requested_before_the_interval()
{
	run gil --rounds=1 --interval=1min --jobs=4
	[ "$(turns 'compute: threads')" = 0 ]
}

test_wrong_usage_is_refused()
{
	expect 2 '--interval=0: must be a time' "$examples/gil" --interval=0
	expect 2 '--jobs=1000' "$examples/gil" --jobs=1000
}

run_tests
