#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# bbuf work, but for what kill.sh does.

# shellcheck disable=SC2317,SC2016 # run_tests calls all; $ is for another shell
# shellcheck source=../bbuf-command/lib.sh
. ./lib.sh

effect=$PWD/effect

# What makes no tests wait for what nothing depends on.
work=(bbuf work jobs --backoff 1ms)

set_up()
{
	bbuf create dead --records
	bbuf create jobs --records --lease --dead-letters dead
}

# Runs what is queued, to the end.
run()
{
	bbuf shutdown jobs
	expect 0 "^bbuf: jobs: work: $1 done, in [0-9.]* [mu]?s$" "${@:2}"
	is jobs records_out "$1"
	is jobs leased_records 0
}

test_record_is_on_standard_input_of_its_command()
{
	head -c 50000 /dev/urandom >in
	bbuf put jobs <in
	run 1 "${work[@]}" -- tee got
	cmp in got
	cmp in out
}

test_braces_are_replaced_by_the_record()
{
	bbuf put jobs one ' $(touch t)  "two";`touch t` ' $'three\n'
	run 3 "${work[@]}" -j 1 -- printf '<%s|%s>' '{}' 'a{}b{}'
	[ "$(<out)" = '<one|aonebone>< $(touch t)  "two";`touch t` |a $(touch t)  "two";`touch t` b $(touch t)  "two";`touch t` ><three
|athree
bthree
>' ]
	[ ! -e t ]
}

test_standard_input_is_empty_with_braces()
{
	bbuf put jobs one
	run 1 "${work[@]}" -- sh -c '[ -z "$(cat)" ] && [ "$1" = one ]' sh '{}'
}

# The record is pasted into the code that the shell runs: each of these must print a warning.
test_shell_code_in_arguments_is_warned_about()
{
	local warning='jobs: work: warning: \{\} is part of the code that .*sh -c'

	bbuf put jobs 'a b; echo INJECTED'
	expect 0 "$warning.*instead: sh -c 'echo \"[$]1\"' sh \{\}.* 1 done" \
		"${work[@]}" --drain -- sh -c 'echo {}'
	[ "$(paste -sd+ out)" = 'a b+INJECTED' ]
	expect 0 "$warning" "${work[@]}" --drain --quiet -- /bin/bash -euo pipefail -c -- 'echo {}'
	expect 0 "$warning" "${work[@]}" --drain --quiet -- env A=b bash --norc -xc 'echo "{}"' sh {}
}

test_plain_arguments_are_not_warned_about()
{
	bbuf put jobs 'a b; echo INJECTED'
	expect 0 '' "${work[@]}" --drain --quiet -- sh -c 'echo "$1"' sh {}
	[ "$(<out)" = 'a b; echo INJECTED' ]
	printf 'echo "$1"' >script
	expect 0 '' "${work[@]}" --drain --quiet -- sh script {}
	expect 0 '' "${work[@]}" --drain --quiet -- sh -e script -c {}
	expect 0 '' "${work[@]}" --drain --quiet -- printf %s {} -c
	expect 0 '' "${work[@]}" --drain --quiet -- sh -c
}

# They have failed, and nothing else.
test_record_that_cannot_be_an_argument_is_rejected()
{
	printf 'a\0b' | bbuf put jobs
	bbuf set jobs --capacity 1M
	bbuf set dead --capacity 1M
	tr '\0' x </dev/zero | head -c 200000 | bbuf put jobs
	bbuf put jobs good
	bbuf shutdown jobs
	expect 6 'contains a NUL.*given up.*too long for an argument.*given up.* 1 done, 2 given up' \
		"${work[@]}" -j 1 --tries 1 -- sh -c 'echo "$1"' sh '{}'
	[ "$(<out)" = good ]
	is dead records 2
}

test_command_is_informed_about_its_job()
{
	bbuf put jobs one
	run 1 "${work[@]}" -- sh -c 'echo $BBUF_QUEUE $BBUF_DELIVERIES'
	[ "$(<out)" = 'jobs 1' ]
}

# True if that number of jobs is running: in_hand 3
in_hand()
{
	is jobs leased_records "$1"
}

test_jobs_run_in_parallel_up_to_the_limit()
{
	seq 20 | bbuf put jobs --lines
	mkfifo pipe
	exec 7<>pipe
	"${work[@]}" -j 3 -- sh -c 'echo >>begun; read x <pipe' &
	eventually in_hand 3
	sleep 0.2
	in_hand 3
	is jobs records 17
	[ "$(wc -l <begun)" = 3 ]
	echo >&7
	eventually is jobs records 16
	in_hand 3
}

# It does not ask for more than it may have.
test_jobs_are_limited_to_the_leases_of_a_file()
{
	bbuf create few --records --lease --max-leases 1
	seq 5 | bbuf put few --lines
	bbuf shutdown few
	expect 0 'few: work: 5 done' bbuf work few -j 4 -- "$effect" .
	[ "$(sort effects | paste -sd+)" = 1+2+3+4+5 ]
}

# Deliveries to all workers count towards the tries.
test_tries_count_for_all_workers()
{
	bbuf put jobs one
	"${work[@]}" --backoff 100s -- false 2>errors &
	eventually grep -q 'delivered 1 time: exit status 1: retried' errors
	kill $!
	not wait $!
	expect 0 '1 done' "${work[@]}" --drain -- sh -c 'echo $BBUF_DELIVERIES'
	[ "$(<out)" = 2 ]
	bbuf put jobs two
	bbuf shutdown jobs
	expect 6 'given up' "${work[@]}" --tries 2 -- sh -c 'echo $BBUF_DELIVERIES; exit 3'
	[ "$(paste -sd+ out)" = 1+2 ]
}

test_failed_job_is_retried_after_a_delay()
{
	bbuf put jobs one
	"${work[@]}" --backoff 100s -- false 2>errors &
	eventually grep -q 'exit status 1: retried in 100 s' errors
	in_hand 1
	is jobs records 0
	kill -KILL $!
	not wait $!
	eventually is jobs records 1
	in_hand 0
}

test_retry_delay_grows_exponentially()
{
	bbuf put jobs one
	bbuf shutdown jobs
	expect 6 'in 100 ms.*in 200 ms.*in 400 ms.*given up' \
		bbuf work jobs --backoff 100ms --tries 4 -- false
}

test_failed_job_goes_to_the_dead_letters_after_all_tries()
{
	bbuf put jobs one two three
	bbuf shutdown jobs
	expect 6 ' 1 done, 2 failures, 2 given up, 2 returned' \
		"${work[@]}" --tries 2 -- grep -q two
	[ "$(bbuf get dead -n 2 --lines | sort | paste -sd+)" = one+three ]
	is jobs dead_lettered 2
}

test_failed_job_is_dropped_without_a_dead_letter_queue()
{
	bbuf create q --records --lease
	bbuf put q one
	expect 6 'delivered 1 time: killed by signal 9, KILL: given up' \
		bbuf work q --tries 1 --drain -- sh -c 'kill -KILL $$'
	is q dead_lettered 1
	is q records 0
}

test_max_deliveries_of_the_queue_limits_the_tries()
{
	bbuf create q --records --lease --tries 2
	bbuf put q one
	bbuf shutdown q
	expect 6 'retried.*delivered 2 times.*given up' bbuf work q --backoff 1ms -- false
	is q dead_lettered 1
}

test_full_dead_letter_queue_keeps_the_job()
{
	head -c 65536 /dev/zero | bbuf put dead
	bbuf put jobs one
	"${work[@]}" --backoff 50ms --tries 1 -- false 2>errors &
	eventually grep -q 'dead-letter queue dead is full or was destroyed: a record is retried' errors
	eventually grep -q 'delivered 2 times: exit status 1' errors
	bbuf flush dead
	eventually is dead records 1
	[ "$(bbuf get dead)" = one ]
	kill $!
	not wait $!
}

test_timeout_ends_the_command()
{
	bbuf put jobs one
	bbuf shutdown jobs
	expect 6 'it took longer than 200 ms: given up' \
		"${work[@]}" --tries 1 --timeout 200ms -- sh -c 'sleep 100 & wait'
	eventually not pgrep -x sleep
}

# Even if the command ends with status 0 on the signal.
test_timeout_counts_as_a_failure()
{
	bbuf put jobs one
	bbuf shutdown jobs
	expect 6 'it took longer than 3[.0]* s: given up' "${work[@]}" --tries 1 --timeout 3s -- \
		sh -c 'trap "echo told; kill $!; exit 0" TERM; sleep 100 & wait'
	[ "$(<out)" = told ]
}

test_timeout_kills_a_command_that_ignores_SIGTERM()
{
	bbuf put jobs one
	bbuf shutdown jobs
	expect 6 'it took longer than 100 ms: given up' \
		"${work[@]}" --tries 1 --timeout 100ms --kill-after 100ms -- \
		sh -c 'trap "" TERM; sleep 100 & wait; wait'
	eventually not pgrep -x sleep
}

test_leases_are_renewed()
{
	bbuf create q --records --lease --lease-timeout 600ms
	bbuf put q one two
	bbuf shutdown q
	# The second one waits that long.
	expect 0 'q: work: 2 done, 1 failure, 1 returned' bbuf work q --backoff 2s -j 2 -- \
		sh -c 'read x; [ "$x" = one ] && sleep 2 || [ $BBUF_DELIVERIES = 2 ]'
	is q expired 0
}

# A worker that is stopped does not renew anything. When it goes on it ends the job.
test_lost_lease_stops_the_command()
{
	bbuf create q --records --lease --lease-timeout 3s
	bbuf put q one
	bbuf work q -- sleep 100 2>errors &
	eventually is q leased_records 1
	kill -STOP $!
	eventually is q expired 1
	[ "$(bbuf get q)" = one ]
	kill -CONT $!
	eventually grep -q 'its lease timed out; another worker may have it' errors
	eventually not pgrep -x sleep
	kill $!
	not wait $!
}

test_signal_lets_running_commands_end()
{
	local status=0

	seq 3 | bbuf put jobs --lines
	mkfifo pipe
	"${work[@]}" -j 1 -- sh -c 'read x <pipe' 2>errors &
	eventually in_hand 1
	kill -TERM $!
	eventually grep -q 'no more records are taken; waiting for 1 running job' errors
	echo >pipe
	wait $! || status=$?
	[ "$status" = $((128 + 15)) ]
	is jobs records_out 1
	is jobs records 2
	grep -q '1 done, in' errors
}

test_second_signal_ends_running_commands()
{
	local status=0

	bbuf put jobs one two
	env --default-signal "${work[@]}" -j 1 -- sleep 100 2>errors &
	eventually in_hand 1
	kill -INT $!
	eventually grep -q 'no more records are taken' errors
	kill -INT $!
	wait $! || status=$?
	[ "$status" = $((128 + 2)) ]
	eventually not pgrep -x sleep
	in_hand 0
	[ "$(bbuf get jobs -n 2 --lines | paste -sd+)" = one+two ]
}

test_grace_period_ends_with_SIGKILL()
{
	bbuf put jobs one two
	"${work[@]}" -j 1 --grace 200ms --kill-after 100ms -- \
		sh -c 'trap "" TERM; sleep 100 & wait; wait' &
	eventually in_hand 1
	kill -TERM $!
	not wait $!
	eventually not pgrep -x sleep
	[ "$(bbuf get jobs -n 2 --lines | paste -sd+)" = one+two ]
}

test_signal_returns_waiting_jobs()
{
	bbuf put jobs one
	"${work[@]}" --backoff 100s -- false 2>errors &
	eventually grep -q 'retried in' errors
	kill -TERM $!
	not wait $!
	is jobs records 1
	grep -q '0 done, 1 failure, 1 returned' errors
}

test_worker_ends_at_EOF()
{
	local pids=()

	bbuf put jobs one
	mkfifo pipe
	"${work[@]}" -- sh -c 'read x <pipe' &
	pids+=($!)
	eventually in_hand 1
	bbuf shutdown jobs
	"${work[@]}" -- true &
	pids+=($!)
	sleep 0.3
	kill -0 "${pids[@]}"		# it may be needed yet
	echo >pipe
	wait "${pids[0]}"
	wait "${pids[1]}"
}

test_another_worker_takes_over_after_a_kill()
{
	local killed

	bbuf put jobs 1
	bbuf shutdown jobs
	"${work[@]}" -- sleep 100 &
	killed=$!
	eventually in_hand 1
	"${work[@]}" -- "$effect" . &
	kill -KILL "$killed"
	wait $!
	[ "$(<effects)" = 1 ]
}

test_empty_queue_ends_the_worker()
{
	seq 5 | bbuf put jobs --lines
	expect 0 '5 done' "${work[@]}" --drain -- true
	expect 0 ' 0 done' "${work[@]}" --drain -- true
}

test_workers_share_a_queue()
{
	local pids=()

	seq 200 | bbuf put jobs --lines
	bbuf shutdown jobs
	while [ ${#pids[@]} -lt 3 ]; do
		"${work[@]}" -j 2 --quiet -- "$effect" . &
		pids+=($!)
	done
	wait "${pids[@]}"
	sort -n effects | cmp - <(seq 200)
	[ ! -e overlaps ]
	is jobs returned 0
}

# With all that it has started.
test_command_is_killed_with_its_worker()
{
	bbuf put jobs one
	"${work[@]}" -- sh -c 'sleep 100 & sleep 100 & wait' &
	eventually in_hand 1
	eventually pgrep -x sleep
	kill -KILL $!
	not wait $!
	eventually is jobs records 1
	not pgrep -x sleep
}

# Then it is only the command itself.
test_killed_keeper_and_worker_lose_no_job()
{
	bbuf put jobs one
	"${work[@]}" -- sleep 100 &
	eventually in_hand 1
	kill -KILL "$(pgrep -x bbuf-keeper)"
	kill -KILL $!
	not wait $!
	eventually is jobs records 1
	eventually not pgrep -x sleep
}

test_records_may_grow_with_the_capacity()
{
	"${work[@]}" -- wc -c >got &
	eventually is jobs readers 1
	bbuf set jobs --capacity 1M
	head -c 500000 /dev/zero | bbuf put jobs
	bbuf shutdown jobs
	wait $!
	[ "$(<got)" = 500000 ]
}

# One value of a line of "events": of_event LINE NAME
of_event()
{
	sed -n "$1{s/.*\"$2\":\"\\?\\([^,\"}]*\\).*/\\1/p}" events
}

test_events_describe_each_job()
{
	bbuf put jobs one
	bbuf shutdown jobs
	expect 6 'given up' "${work[@]}" --tries 2 --json=events -- sh -c 'echo out; exit 3'
	[ "$(paste -sd+ out)" = out+out ]
	[ "$(sed 's/.*"event":"\([a-z_]*\).*/\1/' events | paste -sd+)" = \
		started+failed+returned+started+given_up+ended ]
	[ "$(of_event 1 bytes)" = 3 ]
	[ "$(of_event 2 why)" = 'exit status 3' ]
	[ "$(of_event 4 deliveries)" = 2 ]
	[ "$(of_event 6 given_up)" = 1 ]
	python3 -c 'import json, sys
for line in open("events"): json.loads(line)'
}

test_events_on_standard_output_are_not_mixed_with_output()
{
	bbuf put jobs one
	bbuf shutdown jobs
	"${work[@]}" --json -- echo stray >out 2>errors
	grep -q stray errors
	[ "$(grep -c '^{"event":.*}$' out)" = 3 ]
	[ "$(wc -l <out)" = 3 ]
}

test_quiet_prints_nothing()
{
	bbuf put jobs one
	bbuf shutdown jobs
	expect 6 '' "${work[@]}" --quiet --tries 1 -- sh -c 'exit 3'
}

test_progress_is_shown_on_a_terminal()
{
	seq 4 | bbuf put jobs --lines
	bbuf shutdown jobs
	TERM=xterm script -qec "stty cols 100; bbuf work jobs -j 1 -- sleep 0.7" /dev/null >screen
	grep -q $'\r[123] done, 0 failed, 1 running, [0-3] queued, [0-9.]*/s, [0-9]* s left' screen
	grep -q '4 done, in' screen
}

test_missing_command_is_reported()
{
	bbuf put jobs one
	expect 1 'jobs: work: no such program: .nosuch.' "${work[@]}" -- nosuch
	expect 1 'no such program: .\./nosuch' "${work[@]}" -- ./nosuch
	is jobs returned 0
	printf '#!/nosuch\n' >script
	chmod +x script
	expect 1 "cannot run ./script: No such file" "${work[@]}" -- ./script
	is jobs records 1
}

test_queues_without_leases_are_refused()
{
	bbuf create q --records
	bbuf create stream --lease
	expect 1 'q: work: records would be lost if' bbuf work q -- true
	expect 1 'stream: work: records would be lost if' bbuf work stream -- true
	expect 1 'no such queue' bbuf work nosuch -- true
	expect 1 'not permitted by' "${nobody[@]}" bbuf work jobs -- true
}

test_worker_fails_when_the_queue_is_destroyed()
{
	local status=0

	"${work[@]}" -- true 2>errors &
	eventually is jobs readers 1
	bbuf destroy jobs
	wait $! || status=$?
	[ "$status" = 1 ]
	grep -q 'jobs: work: the queue was destroyed' errors
}

test_wrong_usage_is_refused()
{
	expect 2 'missing argument: QUEUE' bbuf work
	expect 2 'missing argument: COMMAND' bbuf work jobs
	expect 2 'missing argument: COMMAND' bbuf work jobs -j 2
	expect 2 'must be a number' bbuf work jobs -j 0 -- true
	expect 2 'must be a time' bbuf work jobs --timeout 3 -- true
}

# Arguments after the command belong to it, also without a "--".
test_options_of_the_command_are_passed_on()
{
	bbuf put jobs one
	run 1 "${work[@]}" printf '%s' -j -- 5
	[ "$(<out)" = -j--5 ]
}

run_tests
