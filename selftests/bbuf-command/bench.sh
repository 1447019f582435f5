#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# bbuf bench. The tests do not judge the figures, only that it measures them, and its output.

# shellcheck disable=SC2317 # run_tests calls all
. ./lib.sh

# A benchmark that hangs must fail, and soon.
bench=(timeout -k 5 120 bbuf bench --messages 200 --time 20ms --rounds 1)

# One value of the CSV in "out": figure PATTERN SIZE NUMBER QUEUE NAME [PHASE].
figure()
{
	awk -F, -v key="$1,$2,$3,${6-steady},$4" -v name="$5" '
		NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) column = i }
		$1 "," $2 "," $3 "," $4 "," $5 == key { print $column }' out
}

# Is it a number in this range? within LEAST MOST NUMBER
within()
{
	awk -v least="$1" -v most="$2" -v number="$3" \
		'BEGIN { exit !(number != "" && number >= least && number <= most) }' || {
		echo "# $3 is not from $1 to $2" >&2
		return 1
	}
}

our_queues()
{
	find /sys/class/bbuf/ -name 'bench-*'
}

our_queues_are_there()
{
	[ -n "$(our_queues)" ]
}

test_all_patterns_have_rows_of_each_queue()
{
	local pattern

	expect 0 '' "${bench[@]}" --sizes 64 --numbers 2:2 --csv
	for pattern in self stream pingpong many epoll idle uring splice memory; do
		grep -q "^$pattern,.*,bbuf-record," out
		grep -q "^$pattern,.*,pipe," out
	done
	[ -z "$(our_queues)" ]
}

# The floor carries nothing between processes, and makes the same calls.
test_first_messages_of_a_fresh_queue_are_measured_apart()
{
	local pattern

	expect 0 '' "${bench[@]}" self stream pingpong many --numbers 1:1 --sizes 64 --first 50 --csv
	for pattern in self stream pingpong; do
		[ "$(figure "$pattern" 64 '' bbuf-stream messages first)" = 50.000 ]
		[ -n "$(figure "$pattern" 64 '' bbuf-stream of_pipe first)" ]
		within 1 200 "$(figure "$pattern" 64 '' bbuf-stream messages)"
	done
	[ "$(figure stream 64 '' floor of_floor first)" = 1.00000 ]
	not grep '^many,.*,first,' out
	expect 0 '' "${bench[@]}" self --sizes 64 --csv
	[ "$(figure self 64 '' pipe messages first)" = 20.000 ]
}

# Whether all rows of the CSV in "out" were measured as often as they had to be: up to $1 times, as
# long as any differs by more than a hundredth.
measured_up_to()
{
	awk -F, -v most="$1" '
		NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; next }
		{ tries = $column["attempts"] }
		tries > most || (tries < most && $column["spread"] > 0.0101) { bad++; print }
		END { exit bad > 0 }' out
}

test_rounds_that_differ_are_measured_again()
{
	local twice=(--rounds 2 --spread 1 --attempts 2)

	expect 0 '' "${bench[@]}" self stream --sizes 64 --csv "${twice[@]}"
	measured_up_to 2
	expect 0 '' "${bench[@]}" self --sizes 64 --csv "${twice[@]}" --attempts 1
	measured_up_to 1
	expect 0 '' "${bench[@]}" self --sizes 64 --csv=a.csv "${twice[@]}"
	mv out text
	cp a.csv out
	[ "$(figure self 64 '' pipe attempts)" = 1 ] ||
		grep -qE '^64 bytes, steady: measured 2 times; rounds (still|now) differ by' text
}

test_state_of_the_machine_is_reported()
{
	expect 0 '' "${bench[@]}" self --sizes 64 --csv
	within 0 10000 "$(figure self 64 '' pipe load)"
	within 0 10000 "$(figure self 64 '' pipe runnable)"
	within 0 1 "$(figure self 64 '' pipe others)"
	within 0 1 "$(figure self 64 '' pipe steal)"
	if [ "$(nproc)" -gt 1 ]; then
		within 0.01 100 "$(figure self 64 '' pipe speedup)"
		within 0 1 "$(figure self 64 '' pipe siblings)"
	fi
	expect 0 '' taskset -c 0 "${bench[@]}" self --sizes 64 --csv
	[ -z "$(figure self 64 '' pipe speedup)$(figure self 64 '' pipe siblings)" ]
	expect 0 '' taskset -c 0 "${bench[@]}" self --sizes 64
	grep -q '^Load average ' out
	grep -q '^One processor' out
	grep -q '^Share of processor time: ' out
}

test_calls_are_counted()
{
	expect 0 '' "${bench[@]}" self pingpong many --numbers 1:1 --sizes 64 --csv
	[ "$(figure self 64 '' bbuf-record calls)" = 2.00000 ]
	[ "$(figure self 64 '' bbuf-framed calls)" = 0.03125 ]
	[ "$(figure self 64 '' bbuf-buffered calls)" = 0.03125 ]
	[ "$(figure pingpong 64 '' bbuf-record calls)" = 4.00000 ]
	# The read of the message that ends it is a call, but that is not a message.
	within 2.0001 3 "$(figure many 64 1:1 bbuf-record calls)"
}

# In a round trip each of two processes waits for the other, unless it is faster.
test_switches_and_wakeups_are_counted()
{
	expect 0 '' bbuf bench self pingpong --rounds 1 --messages 2000 --sizes 64 --csv
	within 0 0.1 "$(figure self 64 '' bbuf-stream switches)"
	within 0.5 3 "$(figure pingpong 64 '' bbuf-stream switches)"
	if grep -q 'QEMU TCG' /proc/cpuinfo && [ "$(nproc)" -gt 1 ]; then
		[ -z "$(figure pingpong 64 '' bbuf-stream wakeups)" ]
	else
		within 0.5 3 "$(figure pingpong 64 '' bbuf-stream wakeups)"
		within 0 0.1 "$(figure self 64 '' bbuf-stream wakeups)"
	fi
}

test_ratios_match_the_figures()
{
	local ours pipe

	expect 0 '' "${bench[@]}" self --sizes 64 --csv
	ours=$(figure self 64 '' bbuf-stream ns)
	pipe=$(figure self 64 '' pipe ns)
	[ "$(figure self 64 '' pipe of_pipe)" = 1.00000 ]
	within 0.999 1.001 "$(awk "BEGIN { print $ours / $pipe / \
		$(figure self 64 '' bbuf-stream of_pipe) }")"
}

test_round_trips_are_sorted()
{
	local queue median p99 p999

	expect 0 '' "${bench[@]}" pingpong --sizes 64 --csv
	for queue in bbuf-stream bbuf-record pipe mq sysv unix seqpacket; do
		median=$(figure pingpong 64 '' "$queue" median_ns)
		p99=$(figure pingpong 64 '' "$queue" p99_ns)
		p999=$(figure pingpong 64 '' "$queue" p999_ns)
		within 1 "$p99" "$median"
		within "$p99" "$p999" "$p999"
	done
}

# The least can't have more than the average.
test_fairness_is_a_fraction()
{
	local queue

	expect 0 '' "${bench[@]}" many --numbers 1:1,8:2 --csv
	for queue in bbuf-record bbuf-framed bbuf-buffered pipe mq sysv unix seqpacket; do
		[ "$(figure many 64 1:1 "$queue" fairness)" = 1.00000 ]
		within 0 1 "$(figure many 64 8:2 "$queue" fairness)"
	done
}

# More than the capacity goes through a stream, but is no record.
test_sizes_that_do_not_fit_are_left_out()
{
	expect 0 '' "${bench[@]}" stream --sizes 100K --csv
	[ -n "$(figure stream 102400 '' bbuf-stream ns)" ]
	[ -z "$(figure stream 102400 '' bbuf-record ns)" ]
	[ -z "$(figure stream 102400 '' mq ns)" ]
}

# 13 messages of 5000 bytes fit into a queue, and a part of one more; of the batches, too.
test_uring_runs_with_sizes_that_do_not_divide_the_total()
{
	local queue size

	expect 0 '' "${bench[@]}" uring --sizes 100,1000,5000,50000 --csv
	for queue in bbuf-stream bbuf-record bbuf-framed pipe unix seqpacket; do
		for size in 100 1000 5000 50000; do
			[ -n "$(figure uring "$size" '' "$queue" ns)" ]
		done
	done
}

test_json_has_the_documented_fields()
{
	expect 0 '' "${bench[@]}" self --sizes 64 --json
	python3 - <<'END'
import json
rows = json.load(open("out"))["bench"]
ours = [row for row in rows if row["queue"] == "bbuf-record"][0]
assert ours["pattern"] == "self" and ours["size"] == 64 and ours["ns"] > 0
assert ours["number"] is None and ours["bytes"] is None
assert ours["phase"] == "first" and ours["attempts"] == 1 and ours["spread"] == 0
assert [row["phase"] for row in rows].count("steady") == len(rows) / 2
END
}

test_tables_are_printed_when_files_are_written()
{
	expect 0 '' "${bench[@]}" self --sizes 64 --json=a.json --csv=a.csv
	grep -q '^self: one process' out
	grep -q '^SIZE PHASE *QUEUE ' out
	grep -q '^64 *steady *bbuf-framed ' out
	python3 -c 'import json; json.load(open("a.json"))'
	[ "$(grep -c . a.csv)" = 21 ]
}

test_wrong_usage_is_refused()
{
	expect 2 'frob: unknown pattern' bbuf bench frob
	expect 2 '--queues=frob: unknown kind of queue' bbuf bench --queues pipe,frob
	expect 2 '--sizes=0: must be a size' bbuf bench --sizes 64,0
	expect 2 '--numbers=: must be a number' bbuf bench --numbers 3:
	expect 2 '--messages=0: must be a number' bbuf bench --messages 0
	expect 2 '--rounds=-1: must be a number' bbuf bench --rounds=-1
	expect 2 '--first=0: must be a number' bbuf bench --first 0
	expect 2 '--spread=0: must be a number' bbuf bench --spread 0
	expect 2 '--attempts=0: must be a number' bbuf bench --attempts 0
	expect 2 'only one of --json and --csv can go to standard output' bbuf bench --json --csv
}

test_file_that_cannot_be_written_is_reported()
{
	expect 1 'bench: /nowhere/a.csv: No such file' \
		"${bench[@]}" self --sizes 64 --csv=/nowhere/a.csv
	not "${bench[@]}" self --sizes 64 2>errors >/dev/full
	grep -q 'standard output: No space left on device' errors
}

test_unprivileged_users_can_benchmark_the_others()
{
	expect 0 'not permitted by /dev/bbuf-control, mode 0600.*continuing without bbuf' \
		"${nobody[@]}" "${bench[@]}" self --sizes 64 --csv
	[ -n "$(figure self 64 '' pipe ns)" ]
	[ -z "$(figure self 64 '' bbuf-stream ns)" ]
	expect 1 'not permitted by /dev/bbuf-control' "${nobody[@]}" "${bench[@]}" --queues bbuf-record
}

test_other_queues_are_benchmarked_without_the_module()
{
	bbuf destroy jobs bytes
	rmmod bbuf
	expect 0 'the module is not loaded.*continuing without bbuf' \
		"${bench[@]}" self --sizes 64 --csv || { load_module; return 1; }
	load_module
	[ -n "$(figure self 64 '' pipe ns)" ]
}

# Neither queues nor processes; and those have nothing to say about it.
test_signal_leaves_no_queue_behind()
{
	local status=0

	bbuf bench many --numbers 2:2 --messages 100000000 --queues bbuf-record >out 2>errors &
	eventually our_queues_are_there
	kill -TERM $!
	wait $! || status=$?
	[ "$status" = $((128 + 15)) ]
	[ ! -s errors ]
	[ -z "$(our_queues)" ]
	eventually not pgrep -x bbuf >/dev/null
}

stop_children()
{
	pkill -STOP -P "$1" && pgrep -P "$1" --runstates T >/dev/null
}

# A stopped process looks like one that hangs.
test_hanging_benchmark_fails()
{
	local status=0

	bbuf bench many --numbers 2:1 --messages 100000000 --queues bbuf-record --timeout 15s \
		>out 2>errors &
	eventually our_queues_are_there
	eventually stop_children $!
	wait $! || status=$?
	[ "$status" = 1 ]
	grep -q 'bench: many 2:1: bbuf-record: 64 bytes: nothing has moved for 15 s' errors
	[ -z "$(our_queues)" ]
	eventually not pgrep -x bbuf >/dev/null
}

run_tests
