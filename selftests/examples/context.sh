#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The example "context": which switches the kernel makes, and how their costs compare.

# shellcheck disable=SC2317 # run_tests calls all
. ./examples.sh

# Column of the table: ns 'coroutine'
ns()
{
	cell "$1" 1
}

switches()
{
	cell "$1" 2
}

# Preemption by others adds some.
switches_of_each()
{
	local row

	run context --rounds=300
	for row in 'function call' 'system call' 'coroutine' 'two queues alone' \
		'coroutine, two queues'; do
		holds "$(switches "$row") < 0.1"
	done
	for row in 'thread' 'process'; do
		holds "$(switches "$row") > 1.9 && $(switches "$row") < 2.2"
		holds "$(cell "$row" 3) > 0.9"
	done
}

test_switches_of_each_way_are_counted()
{
	in_some_run switches_of_each
}

order_of_cost()
{
	run context --rounds=300
	holds "5 * $(ns 'function call') < $(ns 'system call')"
	holds "1.5 * $(ns 'system call') < $(ns 'coroutine')"
	holds "1.5 * $(ns 'coroutine') < $(ns 'two queues alone')"
	holds "1.3 * $(ns 'coroutine, two queues') < $(ns 'thread')"
	holds "$(ns 'thread') < $(ns 'process')"
}

test_costs_are_in_the_expected_order()
{
	in_some_run order_of_cost
}

test_rows_are_sorted()
{
	run context --rounds=10
	[ "$(sed -n '2,/^$/p' out | wc -l)" = 8 ]
	sed -n '2,/^$/p' out | sed '$d; s/^[a-z, ]* //' | sort -cn
}

run_tests
