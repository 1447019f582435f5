#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The example "armstrong": what all workers found, and that several were at work at the same
# moment. Not how much faster they were: the machine's CPUs may be shared with others.

# shellcheck disable=SC2317 # run_tests calls all
. ./examples.sh

workers=('1 process' '2 processes' '1 thread' '2 threads')

at_once()
{
	cell "$1" 5
}

# One worker is compared with itself, and a median lies within the spread.
test_medians_lie_within_the_spread()
{
	local row

	run armstrong --rounds=4
	grep -q '^Medians of 4 rounds, after one to warm up' out
	[ "$(cell '1 process' 6) $(cell '1 process' 7)" = '1.00 1.00-1.00' ]
	for row in "${workers[@]}"; do
		awk -v seconds="$(cell "$row" 1)" -v spread="$(cell "$row" 2)" '
			BEGIN { split(spread, s, "-"); exit !(s[1] <= seconds && seconds <= s[2]) }'
	done
	expect 2 '--rounds=16: must be at most 15' "$examples/armstrong" --rounds=16
}

test_every_worker_finds_the_numbers()
{
	run armstrong
	diff <(grep '^found' out) <(printf 'found by %s: 24678050 24678051\n' "${workers[@]}")
}

# One worker uses at most one CPU, and so do two that take turns.
two_at_once()
{
	run armstrong --rounds=3
	holds "$(at_once '1 process') < 1.1 && $(at_once '1 thread') < 1.1"
	[ "$(nproc)" = 1 ] ||
		holds "$(at_once '2 processes') > 1.2 && $(at_once '2 threads') > 1.2"
}

test_workers_run_at_once()
{
	in_some_run two_at_once
}

test_number_of_workers_can_be_chosen()
{
	run armstrong --workers=5 --rounds=1
	grep -q '^5 processes ' out
	grep -qx 'found by 5 threads: 24678050 24678051' out
	expect 2 '--workers=21: must be at most 20' "$examples/armstrong" --workers=21
	expect 2 'must be a number, 1 or more' "$examples/armstrong" --workers=0
}

test_killed_worker_is_reported()
{
	"$examples/armstrong" --whole >out 2>errors &
	eventually pkill -KILL -P $!
	not wait $!
	grep -q 'ended before all data arrived' errors
	no_queue_is_left
}

run_tests
