#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# bbuf put.

# shellcheck disable=SC2317 # run_tests calls all
. ./lib.sh

# All that is in the queue "jobs", a + between records.
all_jobs()
{
	bbuf shutdown jobs
	bbuf get jobs --follow --lines | paste -sd+
	bbuf reopen jobs
}

test_each_argument_is_a_record()
{
	expect 0 '' bbuf put jobs one 'two words' $'two\nlines'
	is jobs records 3
	[ "$(bbuf get jobs)" = one ]
	[ "$(bbuf get jobs)" = 'two words' ]
	[ "$(bbuf get jobs)" = $'two\nlines' ]
}

test_arguments_are_bytes_of_a_stream()
{
	expect 0 '' bbuf put bytes one two
	expect 0 '' bbuf put bytes --lines three four
	[ "$(bbuf get bytes; echo .)" = $'onetwothree\nfour\n.' ]
}

test_argument_with_a_dash_needs_a_double_dash()
{
	expect 2 'invalid option' bbuf put jobs -x
	expect 0 '' bbuf put jobs -- -x --y
	[ "$(all_jobs)" = -x+--y ]
}

test_standard_input_is_one_record()
{
	head -c 30000 /dev/urandom >in
	expect 0 '' bbuf put jobs <in
	is jobs records 1
	bbuf get jobs | cmp - in
}

test_standard_input_is_bytes_of_a_stream()
{
	head -c 300000 /dev/urandom >in
	bbuf put bytes <in &
	bbuf get bytes -n 300000 | cmp - in
	wait $!
}

test_lines_are_records()
{
	printf 'one\ntwo words\n\nunfinished' >in
	expect 1 'skipped 1 empty item: a record has at least one byte' \
		bbuf put jobs --lines <in
	[ "$(all_jobs)" = 'one+two words+unfinished' ]
	expect 0 '' bbuf put bytes --lines <in
	bbuf get bytes | cmp - in
}

test_null_terminated_items_are_records()
{
	expect 0 '' bbuf put jobs --null < <(printf 'one\0two\nlines\0')
	is jobs records 2
	[ "$(bbuf get jobs)" = one ]
	[ "$(bbuf get jobs)" = $'two\nlines' ]
}

test_each_file_is_a_record()
{
	printf one >a
	printf 'two\nlines' >b
	expect 0 '' bbuf put jobs --file a b
	is jobs records 2
	expect 0 '' bbuf put jobs --file - a < <(printf three)
	[ "$(bbuf get jobs -n 4 --null | tr '\0' '+')" = $'one+two\nlines+three+one+' ]
	expect 0 '' bbuf put jobs --lines --file b a
	[ "$(all_jobs)" = two+lines+one ]
}

test_missing_file_is_reported()
{
	printf one >a
	expect 1 'jobs: put: frob: No such file or directory; queued before that: 1 record$' \
		bbuf put jobs --file a frob a
	is jobs records 1
	expect 2 'missing argument: FILE' bbuf put jobs --file
	expect 1 'jobs: put: .: Is a directory; nothing was queued' bbuf put jobs --file .
}

test_hundred_thousand_lines_pass_in_order()
{
	seq 100000 >in
	bbuf put jobs --lines <in &
	bbuf get jobs -n 100000 --lines | cmp - in
	wait $!
	is jobs records_in 100000
}

# What is there goes on its way, although more may come.
test_lines_do_not_wait_for_one_another()
{
	mkfifo pipe
	bbuf put jobs --lines <pipe &
	exec 3>pipe
	echo one >&3
	[ "$(bbuf get jobs)" = one ]
	printf tw >&3
	echo o >&3
	[ "$(bbuf get jobs)" = two ]
	exec 3>&-
	wait $!
}

test_large_and_small_records_keep_their_order()
{
	bbuf set jobs --capacity 1M
	head -c 200000 /dev/zero | tr '\0' x >large
	(echo one; cat large; echo; echo two; cat large; echo; echo three) >in
	expect 0 '' bbuf put jobs --lines <in
	is jobs records 5
	bbuf get jobs -n 5 --lines | cmp - in
}

test_record_longer_than_the_capacity_is_refused()
{
	head -c 65537 /dev/zero | tr '\0' x >in
	expect 1 'jobs: put: standard input: an item is longer than the capacity of 65536 bytes; nothing' \
		bbuf put jobs <in
	expect 1 'longer than the capacity of 65536 bytes; queued before that: 1 record$' \
		bbuf put jobs --lines < <(echo one; cat in; echo)
	bbuf create small --records --capacity 3
	expect 1 'small: put: a record of 4 bytes is longer than the capacity of 3 bytes: raise it with .bbuf set' \
		bbuf put small one four
	is small records 1
}

test_nonblock_does_not_wait_for_room()
{
	bbuf create small --records --capacity 8
	expect 3 'small: put: no room for 5 bytes now; queued before that: 2 records$' \
		bbuf put small --nonblock one four three
	is small records 2
	expect 3 'no room for 6 bytes now; queued before that: [0-9]* bytes$' bbuf put bytes --nonblock --lines < <(seq 100000)
	[ "$(value bytes bytes)" -gt 65529 ]
}

test_timeout_ends_the_wait()
{
	bbuf create small --records --capacity 5
	bbuf put small three
	expect 4 'small: put: timed out waiting for room for 3 bytes; nothing was queued' \
		bbuf put small --timeout 100ms one
	bbuf put small --timeout 10s one &
	waits_in small waiting_writers
	[ "$(bbuf get small)" = three ]
	wait $!
	[ "$(bbuf get small)" = one ]
	expect 2 'must be a time such as 500ms' bbuf put small --timeout soon x
	expect 2 'give only one of --timeout and --nonblock' bbuf put small --timeout 1s --nonblock x
}

test_put_waits_for_room()
{
	bbuf create small --records --capacity 5
	bbuf put small three
	bbuf put small one two &
	waits_in small waiting_writers
	[ "$(bbuf get small --lines -n 3 | paste -sd+)" = three+one+two ]
	wait $!
}

# A stream's lines are never torn by other writers.
test_lines_of_many_writers_stay_whole()
{
	local writer pids=()

	for writer in a b c d; do
		seq -f "$writer%04.0f" 1000 | bbuf put bytes --lines &
		pids+=($!)
	done
	bbuf get bytes -n $((4 * 1000 * 6)) | sort >got
	wait "${pids[@]}"
	(for writer in a b c d; do seq -f "$writer%04.0f" 1000; done) | cmp - got
}

has_lines()
{
	[ "$(wc -l <"$1")" -ge "$2" ]
}

# After a shutdown a writer gets an error, and no signal: a loop of echo goes on.
test_producer_that_ignores_errors_continues_after_shutdown()
{
	while [ ! -e enough ]; do
		echo x || :
		echo >>rounds
		sleep 0.02
	done >/dev/bbuf-bytes 2>errors &
	eventually has_lines rounds 1
	bbuf shutdown bytes
	eventually grep -q 'Broken pipe' errors
	eventually has_lines rounds $(($(wc -l <rounds) + 3))
	: >enough
	wait $!
}

# Such as this one; and put ends at the shutdown.
test_producer_in_a_pipeline_ends_after_shutdown()
{
	{
		status=0
		env --default-signal=PIPE bash -c 'while :; do echo x; sleep 0.02; done' ||
			status=$?
		echo "$status" >status
	} | bbuf put bytes --lines 2>errors &
	eventually not is bytes bytes 0
	bbuf shutdown bytes
	eventually test -s status
	[ "$(<status)" = $((128 + 13)) ]
	grep -q 'put: the queue is shut down' errors
}

test_empty_input_queues_nothing()
{
	expect 0 '' bbuf put bytes </dev/null
	expect 0 '' bbuf put jobs --lines </dev/null
	expect 1 'skipped 1 empty item' bbuf put jobs </dev/null
	expect 1 'skipped 2 empty items' bbuf put jobs '' ''
	is jobs records 0
}

run_tests
