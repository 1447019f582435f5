#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# bbuf work, with workers that are killed at random moments. Before one is killed it is
# stopped, so that what it has in hand can be counted: a job is done twice only if its record
# was in hand then.

# shellcheck disable=SC2317 # run_tests calls all
# shellcheck source=../bbuf-command/lib.sh
. ./lib.sh

here=$PWD
workers=4
seed=${SEED:-$RANDOM}

# Kernels that look for mistakes take several times as long.
count=2000
! grep -qE ' (kasan_report|__tsan_read1)$' /proc/kallsyms || count=1000
count=${WORK_JOBS:-$count}

set_up()
{
	bbuf create jobs --records --lease --capacity 1M
}

start_worker()
{
	bbuf work jobs --quiet -j 2 -- "$here/effect" "$PWD" 2 &
	pids[$1]=$!
}

# Or has ended by itself.
is_stopped()
{
	local stat

	read -r stat <"/proc/$1/stat"
	[[ $stat = *') '[TZ]' '* ]]
}

# The number of leases that it holds. Its keeper has the same file open.
held_by()
{
	sed -n 's/^bbuf-leased:[[:space:]]*//p' "/proc/$1"/fdinfo/*
}

kill_worker()
{
	local pid=${pids[$1]} now

	kill -STOP "$pid" 2>/dev/null || return 0
	eventually is_stopped "$pid"
	now=$(held_by "$pid")
	kill -KILL "$pid"
	wait "$pid" 2>/dev/null || true
	held=$((held + ${now:-0}))
	kills=$((kills + 1))
	start_worker "$1"
}

all_done()
{
	is jobs records_out "$count"
}

test_no_job_is_lost()
{
	local pids=() held=0 kills=0 i repeats

	RANDOM=$seed
	echo "# seed $seed"
	: >effects
	: >overlaps
	seq "$count" | bbuf put jobs --lines
	bbuf shutdown jobs
	for ((i = 0; i < workers; i++)); do
		start_worker "$i"
	done
	until all_done; do
		sleep "0.$((RANDOM % 3))$((RANDOM % 10))"
		kill_worker $((RANDOM % workers))
	done
	wait "${pids[@]}"
	repeats=$(($(wc -l <effects) - count))
	echo "# $count jobs, $kills kills of workers with $held jobs in hand, $repeats jobs repeated"
	sort -n effects | uniq | cmp - <(seq "$count")
	[ "$kills" -gt 10 ]
	[ "$repeats" -le "$held" ]
	is jobs returned "$held"
	is jobs leased_records 0
	[ ! -s overlaps ]
}

run_tests
