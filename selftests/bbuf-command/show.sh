#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# bbuf list, bbuf info.

# shellcheck disable=SC2317 # run_tests calls all
. ./lib.sh

# The line of a queue in a list, its columns one blank apart.
line_of()
{
	grep "^$1 " out | tr -s ' ' | sed 's/ $//'
}

test_list_shows_state_and_counters()
{
	bbuf put jobs one two
	bbuf put bytes hello
	expect 0 '' bbuf list
	[ "$(line_of jobs)" = 'jobs record open 64K 6 2 0 0 0 0' ]
	[ "$(line_of bytes)" = 'bytes stream open 64K 5 0 0 0 0 0' ]
	[ "$(line_of default | cut -d ' ' -f 1)" = default ]
}

test_list_shows_waiters()
{
	bbuf get jobs >/dev/null &
	waits_in jobs waiting_readers
	bbuf shutdown bytes
	expect 0 '' bbuf list
	[ "$(line_of jobs)" = 'jobs record open 64K 0 0 0 1 0 1' ]
	[ "$(line_of bytes)" = 'bytes stream shut 64K 0 0 0 0 0 0' ]
}

test_list_shows_many_queues()
{
	local i

	for ((i = 0; i < 30; i++)); do
		bbuf create "q$i"
	done
	expect 0 '' bbuf list
	[ "$(grep -c '^q' out)" = 30 ]
}

test_unprivileged_users_can_list()
{
	expect 0 '' "${nobody[@]}" bbuf list
	grep -q ^jobs out
	expect 0 '' "${nobody[@]}" bbuf info jobs
	grep -q '^capacity *64K$' out
}

test_list_hides_counters_without_permission()
{
	bbuf put jobs one two
	bbuf create seen --mode 0644
	expect 0 '' "${nobody[@]}" bbuf list
	[ "$(line_of jobs)" = 'jobs record open 64K - - - - - -' ]
	[ "$(line_of seen)" = 'seen stream open 64K 0 0 0 0 0 0' ]
	expect 0 '' bbuf list
	[ "$(line_of jobs)" = 'jobs record open 64K 6 2 0 0 0 0' ]
}

test_info_hides_counters_without_permission()
{
	bbuf create q --records --lease --lease-timeout 5s --tries 3
	expect 0 '' "${nobody[@]}" bbuf info q
	grep -q '^queue *q, a record queue, open$' out
	grep -q '^node */dev/bbuf-q, mode 0600, owner root (0), group root (0)$' out
	grep -q '^capacity *64K$' out
	grep -q '^leases *at most 1024 records per open file, for 5s$' out
	grep -q '^tries *3$' out
	grep -q '^queued *- bytes in - records, at most - bytes so far$' out
	grep -q '^dropped *- bytes in - records$' out
	grep -q '^flushed *- bytes$' out
	grep -q '^dead letters *are dropped, - so far$' out
	grep -q '^leased *- bytes in - records, held by -$' out
	grep -q '^returned *- records$' out
	grep -q '^open files *- *-$' out
	grep -q '^time slept *- *-$' out
	grep -q 'to users who may read the node' out
	expect 0 '' bbuf info q
	not grep -q 'to users who may read the node' out
}

# null, and nothing else, in what is still JSON.
test_json_hides_counters_without_permission()
{
	bbuf create q --records --lease
	expect 0 '' "${nobody[@]}" bbuf info --json q
	python3 - out <<-'END'
		import json, sys
		queue = json.load(open(sys.argv[1]))['queues'][0]
		known = {'name': 'q', 'type': 'record', 'state': 'open', 'eof_on_close': False,
			 'drop_oldest': False, 'lease': True, 'capacity': 65536, 'read_mark': 1,
			 'write_mark': 4096, 'lease_timeout_ns': 0, 'max_leases': 1024,
			 'max_deliveries': 0, 'dead_letters': None}
		wrong = {key: value for key, value in queue.items() if value is not known.get(key)
			 and (value is None or value != known.get(key))}
		sys.exit(f'# not as it should be: {wrong}' if wrong else 0)
	END
}

# Under the names that sysfs has; lease.sh knows that they are all there.
test_json_contains_all_fields()
{
	local file

	bbuf put jobs one
	bbuf set jobs --drop-oldest
	expect 0 '' bbuf info --json jobs
	for file in bytes records capacity read_mark write_mark peak bytes_in records_in; do
		grep -qE "^ +\"$file\": $(value jobs "$file"),?$" out
	done
	grep -qE '"name": "jobs"' out
	grep -qE '"type": "record"' out
	grep -qE '"drop_oldest": true' out
	grep -qE '"eof_on_close": false' out
}

test_list_in_json_has_all_queues()
{
	expect 0 '' bbuf list --json
	[ "$(grep -c '"name": ' out)" = 3 ]
}

test_info_shows_state_and_counters()
{
	bbuf put jobs one two
	bbuf get jobs >/dev/null
	expect 0 '' bbuf info jobs
	grep -q '^queue *jobs, a record queue, open$' out
	grep -q '^node */dev/bbuf-jobs, mode 0600, owner root (0), group root (0)$' out
	grep -q '^queued *3 bytes in 1 record, at most 6 bytes so far$' out
	grep -q '^bytes moved *6 *3$' out
	grep -q '^records moved *2 *1$' out
	grep -q '^end of file *by shutdown$' out
	grep -q '^when full *writers wait$' out
}

test_info_does_not_open_the_queue()
{
	bbuf get jobs >/dev/null &
	waits_in jobs waiting_readers
	expect 0 '' bbuf info jobs
	grep -q '^open files *0 *1$' out
}

test_info_accepts_the_path_of_a_node()
{
	expect 0 '' bbuf info /dev/bbuf-jobs
	grep -q '^queue *jobs,' out
	expect 1 '/dev/null: info: not a bbuf queue' bbuf info /dev/null
}

test_info_reports_a_missing_queue()
{
	expect 1 'frob: info: no such queue: .bbuf list. shows' bbuf info frob
	expect 2 'missing argument: QUEUE' bbuf info
}

test_full_disk_is_reported()
{
	not bbuf list 2>errors >/dev/full
	grep -q 'standard output: No space left on device' errors
	not bbuf info jobs 2>errors >/dev/full
	grep -q 'standard output: No space left on device' errors
}

run_tests
