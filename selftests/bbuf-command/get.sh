#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# bbuf get, bbuf peek.

# shellcheck disable=SC2317 # run_tests calls all
. ./lib.sh

test_record_is_printed_unchanged()
{
	head -c 1000 /dev/urandom >in
	bbuf put jobs <in
	bbuf put jobs two
	bbuf get jobs | cmp - in
	is jobs records 1
}

test_stream_prints_what_is_available()
{
	bbuf put bytes one
	bbuf put bytes two
	[ "$(bbuf get bytes)" = onetwo ]
}

test_count_limits_the_records()
{
	seq 10 | bbuf put jobs --lines
	[ "$(bbuf get jobs -n 3 --lines | paste -sd+)" = 1+2+3 ]
	is jobs records 7
	[ "$(bbuf get jobs --number=2 --null | tr '\0' +)" = 4+5+ ]
	printf 0123456789 | bbuf put bytes
	[ "$(bbuf get bytes -n 4)" = 0123 ]
	[ "$(bbuf get bytes -n 6)" = 456789 ]
}

# What one write put in and one read took out are not items of a stream.
test_stream_is_printed_without_separators()
{
	local piece

	for piece in 'one
' tw 'o
'; do
		bbuf put bytes "$piece"
		bbuf get bytes --lines
	done >got
	printf 'three\0' | bbuf put bytes
	bbuf peek bytes --null >>got
	printf 'one\ntwo\nthree\0' | cmp - got
}

test_message_says_what_caused_EOF()
{
	bbuf create q --eof-on-close
	printf '' | bbuf put q
	expect 5 'q: get: end of file: the last writer has closed the queue, and it is empty' bbuf get q
	expect 5 'q: peek: end of file: the last writer has closed the queue' bbuf peek q
	bbuf shutdown q
	expect 5 'q: get: end of file: the queue is shut down and empty' bbuf get q
}

# Neither more than asked for, however small the records.
test_count_is_not_exceeded()
{
	local number

	yes | head -n 3000 | bbuf put jobs --lines
	for number in 1 2 3 100 1000; do
		[ "$(bbuf get jobs -n "$number" | wc -c)" = "$number" ]
	done
	is jobs records $((3000 - 1106))
}

test_count_waits_for_the_last_record()
{
	bbuf get jobs -n 3 --lines >got &
	bbuf put jobs one two
	waits_in jobs waiting_readers
	eventually grep -q two got
	bbuf put jobs three four
	wait $!
	[ "$(paste -sd+ got)" = one+two+three ]
	is jobs records 1
}

test_follow_ends_at_EOF()
{
	bbuf get jobs --follow --lines >got &
	seq 5000 | bbuf put jobs --lines
	bbuf shutdown jobs
	wait $!
	seq 5000 | cmp - got
}

test_follow_ends_when_the_last_writer_closes_a_stream()
{
	bbuf create q
	bbuf set q --eof-on-close
	bbuf get q --follow >got &
	waits_in q waiting_readers
	seq 50000 | bbuf put q
	wait $!
	seq 50000 | cmp - got
}

# It waits for the first writer; after the last one each ends at once, until there is another.
test_cat_in_a_loop_spins_without_a_writer()
{
	bbuf create q --eof-on-close
	expect 124 '' timeout 0.3 cat /dev/bbuf-q
	echo one >/dev/bbuf-q
	[ "$(timeout "$deadline" cat /dev/bbuf-q)" = one ]
	expect 0 '' timeout "$deadline" cat /dev/bbuf-q
	expect 0 '' timeout "$deadline" cat /dev/bbuf-q
	expect 0 '' timeout "$deadline" bbuf get q --follow
}

test_reader_that_is_also_a_writer_does_not_end()
{
	bbuf create q --eof-on-close
	cat <>/dev/bbuf-q >got &
	echo one >/dev/bbuf-q
	eventually grep -q one got
	sleep 0.2
	kill -0 $!
	echo two >/dev/bbuf-q
	eventually grep -q two got
	bbuf shutdown q
	wait $!
}

test_EOF_before_the_count_fails()
{
	bbuf put jobs one
	bbuf shutdown jobs
	expect 5 'jobs: get: end of file: the queue is shut down and empty' bbuf get jobs -n 2
	[ "$(<out)" = one ]
	expect 0 '' bbuf get jobs --follow
}

test_nonblock_does_not_wait_for_data()
{
	expect 3 'jobs: get: no data is available now' bbuf get jobs --nonblock
	bbuf put jobs one two
	expect 3 'no data is available now' bbuf get jobs --nonblock --follow --lines
	[ "$(paste -sd+ out)" = one+two ]
}

test_timeout_ends_the_wait()
{
	expect 4 'jobs: get: timed out waiting for data' \
		bbuf get jobs --timeout 100ms
	bbuf put jobs one
	expect 4 'timed out' bbuf get jobs --timeout 100ms -n 2
	[ "$(<out)" = one ]
	bbuf get jobs --timeout 10s >got &
	waits_in jobs waiting_readers
	bbuf put jobs two
	wait $!
	[ "$(<got)" = two ]
}

test_wrong_usage_is_refused()
{
	expect 2 'give only one of --number and --follow' bbuf get jobs -n 1 --follow
	expect 2 'give only one of --lines and --null' bbuf get jobs --lines --null
	expect 2 'must be a size' bbuf get jobs -n 0
	expect 2 'Too many arguments' bbuf get jobs bytes
}

test_records_may_grow_with_the_capacity()
{
	bbuf get jobs >got &
	waits_in jobs waiting_readers
	bbuf set jobs --capacity 1M
	head -c 500000 /dev/zero | bbuf put jobs
	wait $!
	[ "$(wc -c <got)" = 500000 ]
}

test_each_record_goes_to_one_reader()
{
	local i pids=()

	for i in 1 2 3; do
		bbuf get jobs --follow --lines >"got$i" &
		pids+=($!)
	done
	for i in 1 2; do
		seq -f "$i.%g" 5000 | bbuf put jobs --lines &
		pids+=($!)
	done
	wait "${pids[@]:3}"
	bbuf shutdown jobs
	wait "${pids[@]}"
	sort got1 got2 got3 >got
	(seq -f 1.%g 5000; seq -f 2.%g 5000) | sort | cmp - got
}

# Its reader goes away while it waits: what comes then stays in the queue.
test_nothing_is_lost_without_a_reader()
{
	mkfifo pipe
	bbuf get jobs --follow --lines >pipe 2>get_errors &
	exec 3<pipe
	waits_in jobs waiting_readers
	exec 3<&-
	not wait $!
	bbuf put jobs late
	[ "$(bbuf get jobs)" = late ]
	grep -q 'standard output has no reader any more; no data was lost' get_errors
}

test_head_ends_a_pipeline()
{
	bbuf put jobs one
	bbuf get jobs --follow --lines 2>get_errors | head -n 1 >got
	[ "$(<got)" = one ]
	grep -q 'no data was lost' get_errors
}

test_full_disk_is_reported_with_what_was_lost()
{
	bbuf put jobs one two three
	not bbuf get jobs -n 2 >/dev/full 2>errors
	grep -q 'No space left on device; read from the queue and lost: 6 bytes in 2 items$' errors
	is jobs records 1
}

test_closed_output_is_reported_before_data_is_read()
{
	bbuf put jobs one
	expect 1 'jobs: get: standard output is closed: no data was read' \
		bash -c 'bbuf get jobs >&-'
	expect 1 'jobs: get: standard output is closed: no data was read' \
		bash -c 'bbuf get jobs 1</dev/null'
	is jobs records 1
}

# True if the file is longer than that: has_grown FILE BYTES
has_grown()
{
	[ "$(stat -c %s "$1")" -gt "$2" ]
}

# Whatever the moment: what it took is in its output, and all else in the queue.
test_signal_loses_no_data()
{
	local signal size

	seq inf | bbuf put jobs --lines 2>put_errors &
	: >got
	for signal in TERM INT HUP TERM INT HUP; do
		size=$(stat -c %s got)
		# Bash makes what is in the background ignore SIGINT.
		env --default-signal bbuf get jobs --follow --lines >>got &
		eventually has_grown got "$size"
		kill -"$signal" $!
		wait $! 2>/dev/null || true
	done
	bbuf shutdown jobs
	bbuf get jobs --follow --lines >>got
	[ "$(wc -l <got)" = "$(value jobs records_in)" ]
	seq "$(wc -l <got)" | cmp - got
}

test_signal_sets_the_usual_exit_status()
{
	local status=0

	bbuf get jobs &
	waits_in jobs waiting_readers
	kill -TERM $!
	wait $! || status=$?
	[ "$status" = $((128 + 15)) ]
}

test_peek_leaves_the_data_queued()
{
	expect 3 'jobs: peek: no data is available now' bbuf peek jobs
	bbuf put jobs one two
	expect 0 '' bbuf peek jobs
	[ "$(<out)" = one ]
	expect 0 '' bbuf peek jobs --lines
	is jobs records 2
	printf 0123 | bbuf put bytes
	[ "$(bbuf peek bytes)" = 0123 ]
	is bytes bytes 4
	bbuf shutdown bytes
	bbuf flush bytes
	expect 5 'bytes: peek: end of file: the queue is shut down' bbuf peek bytes
	not bbuf peek jobs 2>errors >/dev/full
	grep -q 'standard output: No space left' errors
}

run_tests
