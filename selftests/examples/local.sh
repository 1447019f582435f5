#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The example "local": what threads have for themselves stays whole, what they share does
# not, and what each has opened is closed.

# shellcheck disable=SC2317 # run_tests calls all
. ./examples.sh

workers=4
jobs=4000

# A column of the rows of the threads.
of_threads()
{
	awk -v column="$1" '/^a thread / { print $(column + 2) }' out
}

test_thread_local_variables_are_isolated()
{
	run local
	[ "$(of_threads 1 | wc -l)" = "$workers" ]
	[ "$(of_threads 2 | sort -u)" = 0 ]
	[ "$(of_threads 3 | sort -u | wc -l)" = "$workers" ]
	[ "$(of_threads 4 | sort -u | wc -l)" = "$workers" ]
	holds "$(of_threads 1 | paste -sd +) == $jobs"
	holds "$(cell 'the threads together' 1) == $jobs"
}

shared_loses()
{
	run local
	holds "$(cell 'all, one variable' 1) < 0.95 * $jobs"
	holds "$(cell 'all, one variable' 2) > 0.05 * $jobs"
	holds "$(cell 'all, in one step' 1) == $jobs"
}

test_shared_variable_loses_updates()
{
	in_some_run shared_loses
}

# A single thread shares the counter with no other, so that nothing is lost.
test_one_thread_loses_no_update()
{
	run local --workers=1
	holds "$(cell 'all, one variable' 1) == $jobs"
	holds "$(cell 'all, one variable' 2) == 0"
}

test_destructors_close_the_files_of_the_threads()
{
	run local --workers=7 --jobs=10
	grep -qx 'open files of the queue: 0; with the threads: 7; after them: 0' out
}

run_tests
