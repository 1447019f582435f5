#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The example "gil": who was at work, or waited, at the same moment, and what turns cost. No
# times: the machine's CPUs may be shared with others.

# shellcheck disable=SC2317 # run_tests calls all
. ./examples.sh

milliseconds()
{
	awk -v seconds="$(cell "$1" 1)" 'BEGIN { print 1000 * seconds }'
}

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
test_results()
{
	local way

	run gil
	for way in '1 thread' threads processes coroutines; do
		[ "$(result "compute: $way")" = 2 ]
	done
	[ "$(result 'ask: 1 thread')" = 560 ]
	[ "$(result 'ask: threads')" = 560 ]
}

# Taking turns gives 1 at the most.
test_at_once()
{
	run gil
	holds "$(at_once 'compute: 1 thread') < 1.05"
	holds "$(at_once 'compute: threads') < 1.05"
	holds "$(at_once 'compute: coroutines') < 1.05"
	holds "$(at_once 'ask: 1 thread') < 1.05"
	holds "$(at_once 'ask: threads') > 1.5"
	[ "$(nproc)" -gt 1 ] || return 0
	holds "$(at_once 'compute: processes') > 1.2"
}

# Nobody is asked for the lock before the interval is over, and then hands it over.
test_slices()
{
	run gil --interval=40ms --jobs=16
	holds "0 < $(turns 'compute: threads')"
	holds "40 * $(turns 'compute: threads') < $(milliseconds 'compute: threads') + 40"
	[ "$(turns 'compute: 1 thread')" = 0 ]
	[ "$(turns 'compute: processes')" = 0 ]
}

test_coroutines_save_switches()
{
	run gil
	holds "$(turns 'compute: coroutines') > 4 * $(turns 'compute: threads')"
	holds "4 * $(slept 'compute: coroutines') < $(slept 'compute: threads')"
}

test_wrong_use()
{
	expect 2 '--interval=0: must be a time' "$examples/gil" --interval=0
	expect 2 '--jobs=1000' "$examples/gil" --jobs=1000
}

run_tests
