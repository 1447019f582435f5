#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Tests for all examples: help, wrong use, the module, the list in "demo".

# shellcheck disable=SC2317 # run_tests calls all
. ./examples.sh

all()
{
	ls "$examples"
}

test_demo_lists_all_examples()
{
	local example

	expect 0 '' demo --help
	for example in $(all); do
		grep -qE "^  $example  +[a-z0-9]" out
	done
	[ "$(grep -c '^  [a-z]' out)" = "$(all | wc -w)" ]
}

test_demo_runs_an_example()
{
	expect 0 '' demo pipe
	grep -q 'gets 1000$' out
	expect 2 '^Usage: demo' demo nosuch
	expect 2 '^Usage: demo' demo 'p.*'
	expect 2 'Try .pipe --help.' demo pipe --nosuch
}

test_help_is_printed_by_each_example()
{
	local example

	for example in $(all); do
		expect 0 '' "$examples/$example" --help
		grep -q "^Usage: $example " out
		grep -q '^Exit status: 0 success' out
	done
}

test_wrong_usage_is_refused_by_each_example()
{
	local example

	for example in $(all); do
		expect 2 "$example --usage" "$examples/$example" --nosuch
		expect 2 "$example --usage" "$examples/$example" nosuch
	done
}

test_missing_module_is_reported()
{
	local example

	rmmod bbuf
	for example in $(all); do
		expect 1 'load the module with .insmod bbuf.ko. or .make load' \
			"$examples/$example" || { insmod /lib/bbuf/bbuf.ko; return 1; }
	done
	insmod /lib/bbuf/bbuf.ko
}

test_users_other_than_root_are_refused()
{
	local example

	for example in $(all); do
		expect 1 'not permitted by /dev/bbuf-control: run this as root' "${nobody[@]}" "$examples/$example"
	done
}

test_closed_output_leaves_no_queue_behind()
{
	local example

	for example in pipe events loop; do
		"$examples/$example" | true
		eventually no_queue_is_left
	done
}

run_tests
