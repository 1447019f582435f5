#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Queues with leases: bbuf create and set, info and list, get.

# shellcheck disable=SC2317 # run_tests calls all
. ./lib.sh

# Open q as file 3, and lease the next record by it.
hold()
{
	exec 3</dev/bbuf-q
	dd bs=1M count=1 <&3 2>/dev/null
}

let_go()
{
	exec 3<&-
}

# The line of a queue in a list, its columns one blank apart.
line_of()
{
	grep "^$1 " out | tr -s ' ' | sed 's/ $//'
}

# Is there a line that is this, but for its blanks?
says()
{
	tr -s ' ' <out | grep -qxF "$1" || {
		echo "# no line \"$1\" in:" >&2
		sed 's/^/# /' out >&2
		return 1
	}
}

test_create_has_the_documented_defaults()
{
	expect 0 '' bbuf create q --records --lease
	is q lease 1
	is q lease_timeout_ns 0
	is q max_leases 1024
	is q max_deliveries 0
	is q dead_letters ''
	is jobs lease 0
}

test_create_applies_every_option()
{
	expect 0 '' bbuf create q --records --lease --lease-timeout 30s --max-leases 7 \
		--tries 3 --dead-letters jobs
	is q lease_timeout_ns 30000000000
	is q max_leases 7
	is q max_deliveries 3
	is q dead_letters jobs
	expect 0 '' bbuf create p --lease --max-leases 5 --eof-on-close
	is p max_leases 5
	expect 0 '' bbuf create r --records --lease --lease-timeout no --tries=no
	is r lease_timeout_ns 0
}

test_create_refuses_conflicting_options()
{
	local option

	for option in '--lease-timeout 1s' '--tries 2' '--dead-letters jobs' '--max-leases 2'; do
		# shellcheck disable=SC2086 # several words
		expect 2 "${option% *} requires --lease" \
			bbuf create q --records $option
	done
	for option in '--lease-timeout 1s' '--tries 2' '--dead-letters jobs'; do
		# shellcheck disable=SC2086 # several words
		expect 2 "${option% *} requires --records" \
			bbuf create q --lease $option
	done
	expect 2 '--lease and --drop-oldest are mutually exclusive: .*leave out one of them' \
		bbuf create q --lease --drop-oldest
	expect 2 'must be a time such as' bbuf create q -r --lease --lease-timeout never
	expect 2 'must be a number, 1 or more' bbuf create q -r --lease --tries 0
	expect 2 'must be a number, 1 or more' bbuf create q -r --lease --max-leases no
	expect 2 'must be at most 4294967295' bbuf create q -r --lease --tries 4294967296
	[ ! -e /dev/bbuf-q ]
}

test_create_refuses_missing_dead_letter_queue()
{
	expect 1 'q: create: --dead-letters=frob: no such queue: create it first' \
		bbuf create q --records --lease --dead-letters frob
	expect 1 'q: create: --dead-letters=q: no such queue' \
		bbuf create q --records --lease --dead-letters q
	expect 1 '--dead-letters=bytes: is a stream: name a queue' \
		bbuf create q --records --lease --dead-letters bytes
	expect 1 'q: create: --dead-letters=a/b: invalid name: it must have 1 to 63' \
		bbuf create q --records --lease --dead-letters a/b
	bbuf create r --records --lease --dead-letters jobs
	expect 1 '--dead-letters=r: has a dead-letter queue itself' \
		bbuf create q --records --lease --dead-letters r
	[ ! -e /dev/bbuf-q ]
}

test_set_changes_the_limits()
{
	bbuf create q --records --lease
	expect 0 '' bbuf set q --lease-timeout 2s --max-leases 9 --tries 4
	is q lease_timeout_ns 2000000000
	is q max_leases 9
	is q max_deliveries 4
	expect 0 '' bbuf set q --lease-timeout=no --tries no
	is q lease_timeout_ns 0
	is q max_leases 9
	is q max_deliveries 0
}

test_set_refuses_invalid_values()
{
	bbuf create q --records --lease
	bbuf create p --lease
	expect 1 'jobs: set: the queue has no leases: .bbuf create --lease. creates a queue' \
		bbuf set jobs --tries 2
	expect 1 'p: set: this is a pool of tokens, to which only --max-leases applies' \
		bbuf set p --lease-timeout 1s
	expect 1 'q: set: --drop-oldest cannot be used with leases' bbuf set q --drop-oldest
	expect 0 '' bbuf set p --max-leases 3
	expect 0 '' bbuf set q --drop-oldest=no --eof-on-close
	expect 2 'must be a number' bbuf set q --max-leases 0
	is q drop_oldest 0
}

test_set_refuses_a_capacity_below_the_leased_data()
{
	bbuf create q --records --lease
	bbuf put q one three
	[ "$(hold)" = one ]
	hold >/dev/null
	expect 1 'q: set: 5 queued and 3 leased exceed the new capacity of 7: read or' \
		bbuf set q --capacity 7
	let_go
	expect 1 'q: set: 8 queued exceed the new capacity of 7' bbuf set q --capacity 7
	expect 0 '' bbuf set q --capacity 8
}

test_get_acknowledges_what_it_has_written()
{
	bbuf create q --records --lease
	bbuf put q one two three four
	[ "$(bbuf get q)" = one ]
	[ "$(bbuf get q -n 2 --lines | paste -sd+)" = two+three ]
	is q records 1
	is q leased_records 0
	is q records_out 3
	is q returned 0
}

test_get_ends_at_EOF()
{
	bbuf create q --records --lease
	bbuf get q --follow --lines >got &
	seq 5000 | bbuf put q --lines
	bbuf shutdown q
	wait $!
	seq 5000 | cmp - got
	is q records_out 5000
	is q returned 0
}

test_get_waits_for_leases_of_others()
{
	bbuf create q --records --lease
	bbuf put q one
	hold >/dev/null
	bbuf shutdown q
	expect 3 'q: get: no data is available now' bbuf get q --nonblock
	bbuf get q --follow >got 3<&- &
	waits_in q waiting_readers
	let_go
	wait $!
	[ "$(<got)" = one ]
	expect 5 'end of file: the queue is shut down and empty' bbuf get q
}

# Runs bbuf get with these arguments. Its output is a pipe that is never read: file 4.
get_stuck()
{
	mkfifo pipe
	exec 4<>pipe
	bbuf get "$@" >pipe 2>errors &
	stuck=$!
}

test_record_returns_when_get_is_killed_before_writing_it()
{
	bbuf create q --records --lease --capacity 1M
	yes | head -c 200000 | bbuf put q
	bbuf put q more
	get_stuck q
	eventually is q leased_records 1
	kill -9 "$stuck"
	eventually is q returned 1
	is q records 2
	bbuf get q | cmp - <(yes | head -c 200000)
	[ "$(bbuf get q)" = more ]
}

# It takes three of them by one call; the pipe has room for the first three.
test_unwritten_records_return_when_get_is_killed()
{
	local i

	bbuf create q --records --lease --capacity 1M
	for ((i = 0; i < 8; i++)); do
		head -c 20000 /dev/zero | tr '\0' "$i"
		echo
	done | bbuf put q --lines
	get_stuck q --follow --lines
	eventually is q records_out 3
	eventually is q leased_records 3
	kill -9 "$stuck"
	eventually is q leased_records 0
	is q returned 3
	bbuf shutdown q
	[ "$(bbuf get q --follow --lines | cut -c 1 | paste -sd ' ')" = '3 4 5 6 7' ]
}

test_get_with_a_write_error_loses_nothing()
{
	bbuf create q --records --lease
	bbuf put q one two
	not bbuf get q -n 2 2>errors >/dev/full
	grep -q 'q: get: standard output: No space left on device; 2 items read but' errors
	grep -q 'but not acknowledged: returned to the queue' errors
	is q returned 2
	[ "$(bbuf get q -n 2 --lines | paste -sd+)" = one+two ]
}

test_get_warns_of_a_lease_that_timed_out()
{
	bbuf create q --records --lease --lease-timeout 100ms --capacity 1M
	yes | head -c 200000 | bbuf put q
	get_stuck q
	eventually is q expired 1
	head -c 200000 <&4 | cmp - <(yes | head -c 200000)
	wait "$stuck"
	grep -q 'q: get: 1 record written after the lease had timed out: delivered again' errors
	is q records 1
}

test_killed_readers_fill_the_dead_letters()
{
	bbuf create q --records --lease --capacity 1M --tries 2 --dead-letters jobs
	bbuf set jobs --capacity 1M
	yes | head -c 200000 | bbuf put q
	get_stuck q
	eventually is q leased_records 1
	kill -9 "$stuck"
	eventually is q returned 1
	is jobs records 0
	bbuf get q >pipe &
	eventually is q leased_records 1
	kill -9 $!
	eventually is q dead_lettered 1
	is q records 0
	bbuf get jobs | cmp - <(yes | head -c 200000)
}

test_get_refuses_a_pool_of_tokens()
{
	bbuf create q --lease
	bbuf put q ++++
	expect 1 'q: get: this is a pool of tokens, which return when their holder exits: .bbuf peek' \
		bbuf get q
	expect 0 '' bbuf peek q
	[ "$(<out)" = ++++ ]
	expect 0 '' bbuf flush q
	is q bytes 0
}

# As the manual page has it: a shell that takes a token, and writes it back.
test_shell_can_hold_tokens()
{
	local token

	bbuf create q --lease
	bbuf put q ab
	exec 3<>/dev/bbuf-q
	read -rn 1 token <&3
	[ "$token" = a ]
	is q leased_bytes 1
	printf %s "$token" >&3
	is q leased_bytes 0
	is q bytes 2
	read -rn 1 token <&3
	[ "$token" = b ]
	exec 3<&-
	is q leased_bytes 0
	is q bytes 2
	is q returned 1
}

test_info_shows_leases()
{
	bbuf create q --records --lease --lease-timeout 90s --tries 2 --dead-letters jobs
	bbuf put q one three
	hold >/dev/null
	expect 0 '' bbuf info q
	says 'queued 5 bytes in 1 record, at most 8 bytes so far'
	says 'leases at most 1024 records per open file, for 90s'
	says 'tries 2'
	says 'dead letters go to jobs, 0 so far'
	says 'leased 3 bytes in 1 record, held by 1'
	says 'returned 0 records'
	let_go
	hold >/dev/null
	let_go
	expect 0 '' bbuf info q
	says 'dead letters go to jobs, 1 so far'
	says 'leased 0 bytes in 0 records, held by 0'
	says 'returned 1 record'
}

test_info_shows_tokens()
{
	local token

	bbuf create q --lease --max-leases 1
	bbuf put q ++
	exec 3<>/dev/bbuf-q
	read -rn 1 token <&3
	expect 0 '' bbuf info q
	says 'leases at most 1 byte per process'
	says 'leased 1 byte, held by 1'
	not grep -q '^dead letters' out
	not grep -q '^tries' out
	expect 0 '' bbuf info bytes
	not grep -q '^lease' out
}

# All that sysfs has, under the same names.
test_json_contains_all_lease_fields()
{
	local file

	bbuf create q --records --lease --lease-timeout 30s --tries 2 --dead-letters jobs
	bbuf put q one three
	hold >/dev/null
	expect 0 '' bbuf info --json q
	for file in leased_bytes leased_records leasing_files returned expired dead_lettered \
			lease_timeout_ns max_leases max_deliveries; do
		grep -qE "^ +\"$file\": $(value q "$file"),?$" out
	done
	grep -qE '"lease": true' out
	grep -qE '"dead_letters": "jobs"' out
	[ "$(grep -c '": ' out)" = $((2 + $(find /sys/class/bbuf/q/ -maxdepth 1 -type f \
		! -name uevent ! -name dev | wc -l))) ]
	expect 0 '' bbuf info --json jobs
	grep -qE '"lease": false' out
	grep -qE '"dead_letters": null' out
}

test_list_shows_leased_data()
{
	expect 0 '' bbuf list
	not grep -q LEASED out
	bbuf create q --records --lease
	bbuf put q one three
	hold >/dev/null
	expect 0 '' bbuf list
	[ "$(line_of QUEUE)" = \
		'QUEUE TYPE STATE CAPACITY QUEUED RECORDS LEASED WRITERS READERS W-WAIT R-WAIT' ]
	[ "$(line_of q)" = 'q record open 64K 5 1 3 0 1 0 0' ]
	[ "$(line_of jobs)" = 'jobs record open 64K 0 0 0 0 0 0 0' ]
}

test_top_counts_leased_data_as_used()
{
	bbuf create q --records --lease
	head -c 32768 /dev/zero | bbuf put q
	hold >/dev/null
	expect 0 '' bbuf top --count 1 --interval 20ms
	grep -qE '^q +\[#+\.+\] +50% +0r ' out
}

run_tests
