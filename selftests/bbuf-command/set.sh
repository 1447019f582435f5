#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# bbuf set, flush, drain, shutdown, reopen.

# shellcheck disable=SC2317 # run_tests calls all
. ./lib.sh

test_capacity_can_be_changed_up_to_the_limit()
{
	expect 0 '' bbuf set jobs --capacity 2M
	is jobs capacity $((2 * 1024 * 1024))
	expect 1 'jobs: set: a capacity of 17M exceeds the limit of 16M' \
		bbuf set jobs --capacity 17M
	is jobs capacity $((2 * 1024 * 1024))
}

test_change_of_the_capacity_keeps_what_is_queued()
{
	bbuf put jobs one two
	expect 1 'jobs: set: 6 queued exceed the new capacity of 5' bbuf set jobs --capacity 5
	expect 0 '' bbuf set jobs --capacity 6
	[ "$(bbuf get jobs -n 2 --lines | paste -sd+)" = one+two ]
}

test_more_room_wakes_a_writer()
{
	head -c 65536 /dev/zero | bbuf put bytes
	bbuf put bytes more &
	waits_in bytes waiting_writers
	bbuf set bytes --capacity 128K
	wait $!
	is bytes bytes 65540
}

test_marks_can_be_changed_with_the_capacity()
{
	expect 0 '' bbuf set bytes --read-mark 10 --write-mark 1K
	is bytes read_mark 10
	is bytes write_mark 1024
	expect 0 '' bbuf set bytes --read-mark 1 --capacity 100
	is bytes read_mark 1
	is bytes write_mark 100
}

test_read_waits_for_the_mark()
{
	bbuf set bytes --read-mark 3
	bbuf get bytes >got &
	bbuf put bytes ab
	waits_in bytes waiting_readers
	bbuf put bytes c
	wait $!
	[ "$(<got)" = abc ]
}

test_invalid_marks_are_refused()
{
	expect 1 'bytes: set: a mark must be from 1 to the capacity, 64K, and the sum of both' \
		bbuf set bytes --read-mark 65537
	expect 1 'the read mark of a record queue is 1' bbuf set jobs --read-mark 2
	expect 1 'the sum of both at most' bbuf set bytes --read-mark 40K --write-mark 40K
	expect 2 'must be a size' bbuf set bytes --write-mark 0
	is bytes read_mark 1
}

test_set_changes_all_or_nothing()
{
	expect 1 'a mark must be' bbuf set bytes --capacity 128K --read-mark 1M
	is bytes capacity 65536
}

test_policies_can_be_changed()
{
	expect 0 '' bbuf set jobs --drop-oldest
	expect 0 '' bbuf set jobs --eof-on-close=yes
	is jobs drop_oldest 1
	is jobs eof_on_close 1
	expect 0 '' bbuf set jobs --drop-oldest=no
	is jobs drop_oldest 0
	is jobs eof_on_close 1
	expect 2 'must be yes or no' bbuf set jobs --drop-oldest=perhaps
}

test_drop_oldest_never_waits()
{
	bbuf create q --records --capacity 6 --drop-oldest
	expect 0 '' bbuf put q one two
	expect 0 '' bbuf put q six
	[ "$(bbuf get q -n 2 --lines | paste -sd+)" = two+six ]
	is q dropped_records 1
}

test_wrong_usage_is_refused()
{
	expect 2 'nothing to change' bbuf set jobs
	expect 2 'missing argument: QUEUE' bbuf set --capacity 1M
	expect 1 'frob: set: no such queue' bbuf set frob --capacity 1M
}

test_flush_discards_what_is_queued()
{
	bbuf put jobs one two
	expect 0 '' bbuf flush jobs
	is jobs bytes 0
	is jobs flushed_bytes 6
	expect 0 '' bbuf flush jobs
}

test_drain_waits_until_all_is_read()
{
	local waiting

	expect 0 '' bbuf drain jobs
	bbuf put jobs one two
	expect 4 'jobs: drain: timed out' bbuf drain jobs --timeout 100ms
	bbuf drain jobs &
	waiting=$!
	bbuf get jobs >/dev/null
	not ended "$waiting"
	bbuf get jobs >/dev/null
	wait "$waiting"
}

test_reopen_undoes_a_shutdown()
{
	bbuf put jobs last
	expect 0 '' bbuf shutdown jobs
	is jobs state shut
	expect 1 'jobs: put: the queue is shut down: .bbuf reopen jobs' \
		bbuf put jobs more
	[ "$(bbuf get jobs)" = last ]
	expect 5 'jobs: get: end of file: the queue is shut down and empty' bbuf get jobs
	expect 0 '' bbuf reopen jobs
	expect 0 '' bbuf put jobs again
	[ "$(bbuf get jobs)" = again ]
}

test_shutdown_ends_all_waiting_commands()
{
	local reader writer

	bbuf get jobs >/dev/null 2>&1 &
	reader=$!
	head -c 65536 /dev/zero | bbuf put bytes
	bbuf put bytes more 2>errors &
	writer=$!
	waits_in jobs waiting_readers
	waits_in bytes waiting_writers
	bbuf shutdown jobs
	bbuf shutdown bytes
	wait "$reader" || [ $? = 5 ]
	not wait "$writer"
	grep -q 'the queue is shut down' errors
}

test_commands_are_refused_without_permission()
{
	local command

	for command in 'set jobs --drop-oldest' 'flush jobs' 'drain jobs' 'shutdown jobs' \
			'reopen jobs' 'put jobs x' 'get jobs' 'peek jobs'; do
		# shellcheck disable=SC2086 # several words
		expect 1 'jobs: [a-z]*: not permitted by /dev/bbuf-jobs, mode 0600, owner root' \
			"${nobody[@]}" bbuf $command
	done
}

test_only_the_owner_can_change_the_queue()
{
	chmod 0666 /dev/bbuf-jobs
	expect 1 'jobs: set: only the owner of the node and root may change the queue' \
		"${nobody[@]}" bbuf set jobs --capacity 1M
	chown nobody /dev/bbuf-jobs
	expect 0 '' "${nobody[@]}" bbuf set jobs --capacity 1M
	is jobs capacity $((1024 * 1024))
}

test_set_does_not_cause_EOF()
{
	bbuf create q --eof-on-close
	bbuf get q >got &
	waits_in q waiting_readers
	expect 0 '' bbuf set q --capacity 1M
	expect 0 '' bbuf reopen q
	is q waiting_readers 1
	bbuf put q here
	wait $!
	[ "$(<got)" = here ]
}

test_reopen_restores_eof_on_close()
{
	bbuf create q --eof-on-close
	bbuf put q one
	bbuf shutdown q
	expect 1 'the queue is shut down' bbuf put q two
	expect 0 '' bbuf reopen q
	is q state left
	[ "$(bbuf get q)" = one ]
	expect 0 '' bbuf put q two
	[ "$(bbuf get q)" = two ]
}

# It takes permission to write, and no more than that.
test_shutdown_and_reopen_need_write_permission_only()
{
	chmod 0622 /dev/bbuf-jobs
	expect 0 '' "${nobody[@]}" bbuf shutdown jobs
	is jobs state shut
	expect 0 '' "${nobody[@]}" bbuf reopen jobs
	is jobs state open
	chmod 0644 /dev/bbuf-jobs
	expect 1 'jobs: shutdown: not permitted' "${nobody[@]}" bbuf shutdown jobs
	expect 1 'jobs: reopen: not permitted' "${nobody[@]}" bbuf reopen jobs
}

test_missing_queue_is_reported()
{
	local command

	for command in flush drain shutdown reopen put get peek; do
		expect 1 "frob: $command: no such queue" bbuf "$command" frob
		expect 1 "invalid name: it must have 1 to 63" bbuf "$command" ''
		expect 1 "/dev/null: $command: not a bbuf queue" bbuf "$command" /dev/null
		expect 2 'missing argument: QUEUE' bbuf "$command"
	done
}

run_tests
