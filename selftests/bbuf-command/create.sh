#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# bbuf create, bbuf destroy.

# shellcheck disable=SC2317 # run_tests calls all
. ./lib.sh

test_queue_has_the_documented_defaults()
{
	expect 0 '' bbuf create q
	is q type stream
	is q capacity 65536
	is q eof_on_close 0
	is q drop_oldest 0
	[ "$(stat -c '%a %u %g' /dev/bbuf-q)" = '600 0 0' ]
}

test_every_option_is_applied()
{
	expect 0 '' bbuf create q --records --capacity 1M --mode 0660 --owner user \
		--group tty --eof-on-close --drop-oldest
	is q type record
	is q capacity $((1024 * 1024))
	is q eof_on_close 1
	is q drop_oldest 1
	[ "$(stat -c '%a %U %G' /dev/bbuf-q)" = '660 user tty' ]
}

test_owner_may_be_a_number()
{
	expect 0 '' bbuf create q --owner 12345 --group 54321
	[ "$(stat -c '%u %g' /dev/bbuf-q)" = '12345 54321' ]
}

test_owner_can_use_the_queue()
{
	bbuf create q --owner nobody
	expect 0 '' "${nobody[@]}" bbuf put q hello
	expect 0 '' "${nobody[@]}" bbuf get q
	[ "$(<out)" = hello ]
}

test_capacity_is_limited()
{
	local size

	for size in 1 7 64K 16M; do
		expect 0 '' bbuf create q --capacity "$size"
		expect 0 '' bbuf destroy q
	done
	for size in 0 -1 K 64Q 1.5M '' 9223372036854775808 99999999999G; do
		expect 2 'must be a size such as' bbuf create q --capacity="$size"
	done
	expect 1 'q: create: a capacity of 17M exceeds the limit of 16M: choose a smaller one, or let' \
		bbuf create q --capacity 17M
	expect 1 'q: create: a capacity of 512M exceeds the limit of 16M' \
		bbuf create q --capacity 512M
	expect 1 'q: create: a capacity of 513M exceeds the maximum of 512M: choose a smaller one$' \
		bbuf create q --capacity 513M
	[ ! -e /dev/bbuf-q ]
}

test_limit_of_the_capacity_can_be_raised()
{
	local limit=/sys/module/bbuf/parameters/max_capacity

	not bash -c "echo 513M >$limit" 2>/dev/null
	echo 512M >"$limit"
	bbuf create q --capacity 17M || true
	echo 16M >"$limit"
	is q capacity $((17 * 1024 * 1024))
}

test_valid_names_are_accepted()
{
	local name

	for name in q 0 a-b a_b a.b A "$(printf 'x%.0s' {1..63})"; do
		expect 0 '' bbuf create "$name"
		[ -c "/dev/bbuf-$name" ]
	done
	expect 0 '' bbuf create -- -dash
}

test_invalid_names_are_refused()
{
	local name before

	before=$(ls /dev)
	for name in '' . .. .q a/b ../q 'a b' $'a\nb' $'\xff' ä 'a;b' \
			"$(printf 'x%.0s' {1..64})" "$(printf 'x%.0s' {1..300})"; do
		expect 1 'create: invalid name: it must have 1 to 63 characters from' bbuf create "$name"
	done
	[ "$(ls /dev)" = "$before" ]
}

test_names_in_use_are_refused()
{
	expect 1 'jobs: create: a queue of this name exists: choose another name, or destroy that queue' \
		bbuf create jobs
	expect 1 'default: create: this queue exists as long as the module is loaded' \
		bbuf create default
	expect 1 'control: create: this name is reserved: its node would be' \
		bbuf create control
	is jobs type record
}

test_wrong_usage_is_refused()
{
	expect 2 'missing argument: QUEUE' bbuf create
	expect 2 'Too many arguments' bbuf create q r
	expect 2 'unrecognized option' bbuf create q --frob
	expect 2 'must be octal' bbuf create q --mode 999
	expect 2 'must be octal' bbuf create q --mode 01777
	expect 2 'no such user' bbuf create q --owner frob
	expect 2 'no such user' bbuf create q --owner 4294967295
	expect 2 'no such group' bbuf create q --group -1
	[ ! -e /dev/bbuf-q ]
}

test_permissions_of_the_control_node_apply()
{
	local refused='not permitted by /dev/bbuf-control, mode 0600, owner root \(0\), group root'

	expect 1 "q: create: $refused" "${nobody[@]}" bbuf create q
	expect 1 "jobs: destroy: $refused" "${nobody[@]}" bbuf destroy jobs
	[ -c /dev/bbuf-jobs ]
	chgrp 65534 /dev/bbuf-control
	chmod 0660 /dev/bbuf-control
	"${nobody[@]}" bbuf create q || true
	chgrp 0 /dev/bbuf-control
	chmod 0600 /dev/bbuf-control
	[ -c /dev/bbuf-q ]
}

test_destroy_continues_after_a_missing_queue()
{
	expect 1 'frob: destroy: no such queue' bbuf destroy jobs frob bytes
	[ ! -e /dev/bbuf-jobs ]
	[ ! -e /dev/bbuf-bytes ]
}

test_destroy_refuses_the_default_queue_and_invalid_names()
{
	expect 1 'default: destroy: this queue exists as long as the module is loaded' bbuf destroy default
	expect 1 'invalid name' bbuf destroy ../bbuf
	expect 2 'missing argument: QUEUE' bbuf destroy
	[ -c /dev/bbuf ]
}

test_destroy_ends_all_waiting_commands()
{
	local reader

	bbuf get jobs 2>reader_errors &
	reader=$!
	waits_in jobs waiting_readers
	bbuf destroy jobs
	not wait "$reader"
	grep -q 'jobs: get: the queue was destroyed' reader_errors
}

run_tests
