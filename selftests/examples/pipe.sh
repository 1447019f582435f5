#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The example "pipe": what went in and came out on which side, and in which process.

# shellcheck disable=SC2317 # run_tests calls all
. ./examples.sh

test_processes_print_each_step()
{
	run pipe
	sed 's/, process [0-9]*,//' out >roles
	diff roles - <<-'OUT'
		one queue:
		  child puts 1
		  records queued: 1
		  parent gets 1
		  parent puts 1000
		  records queued: 1
		  child gets 1000
		two queues:
		  parent puts 55
		  child gets 55
		  child puts 110
		  parent gets 110
	OUT
}

# One parent, and three children, one after the other.
test_every_end_is_a_process_of_its_own()
{
	run pipe
	[ "$(sed -n 's/^  parent, process \([0-9]*\), .*/\1/p' out | sort -u | wc -l)" = 1 ]
	[ "$(sed -n 's/^  .*, process \([0-9]*\), .*/\1/p' out | sort -u | wc -l)" = 4 ]
}

test_other_requests_are_answered()
{
	run pipe --request=1000000
	tail -n 1 out | grep -q 'gets 2000000$'
	expect 2 '--request=9999999999: must be at most' "$examples/pipe" --request=9999999999
}

run_tests
