#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The example "events": the sum, the alarms and their answers, and what waiting costs.

# shellcheck disable=SC2317 # run_tests calls all
. ./examples.sh

# Is each alarm above this limit, by less than another number, answered before the count
# went on, and do all counts add up to the sum? alarms_fit LIMIT NUMBERS
alarms_fit()
{
	awk -v limit="$1" -v numbers="$2" '
		/^count [0-9]+: alarm [0-9]+, answer [0-9]+$/ {
			alarms++
			wrong += $2 + 0 <= limit || $2 + 0 >= limit + numbers
			wrong += $4 + 0 != alarms || $6 != alarms
		}
		/^count [0-9]+: the end$/ { wrong += $2 + 0 > limit }
		/^count/ { counted += $2 }
		/^sum/ { sum = $2 }
		END { exit wrong || !alarms || sum != counted || sum != numbers * (numbers - 1) / 2 }
	' out
}

test_sum_and_alarms_are_right()
{
	run events
	grep -qx 'sum 3160' out
	alarms_fit 100 80
}

test_other_numbers_give_the_right_sum_and_alarms()
{
	run events --producers=200 --limit=5 --pause=100ms
	grep -qx 'sum 19900' out
	alarms_fit 5 200
}

test_no_alarm_is_given_below_the_limit()
{
	run events --producers=20 --limit=190 --pause=1ms
	not grep alarm, out
	grep -qx 'count 190: the end' out
	grep -qx 'sum 190' out
}

# A thread that polls in a loop would use all of one CPU.
test_waiting_uses_no_processor_time()
{
	local who

	run events --pause=5s
	for who in consumer watcher; do
		holds "$(cell "$who" 2) < 0.5 * $(cell "$who" 1)"
		holds "$(cell "$who" 3) >= 10"
	done
}

# It is in the middle of a read, which never ends, when the program does.
test_watcher_thread_does_not_delay_the_exit()
{
	expect 0 '' strace -f -o trace -e trace=read,exit_group "$examples/events" --producers=20 \
		--pause=10ms
	grep -q 'The watcher still waits' out
	grep -qE 'read.*<unfinished \.\.\.>\) += \?$' trace
}

test_invalid_numbers_are_refused()
{
	expect 2 '--producers=1001: must be at most 1000' "$examples/events" --producers=1001
	expect 2 '--limit=-1: must be a number' "$examples/events" --limit=-1
}

run_tests
