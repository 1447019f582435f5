#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The device as people type it: echo, cat, dd, head, tail, timeout, redirections.

# shellcheck disable=SC2317	# the tests are called by their names

device=/dev/bbuf
capacity=65536		# the default
skip_status=4
patience=0.2		# seconds for a command that is to wait until it is stopped
deadline=30		# seconds until what must happen counts as lost

# Each test runs in a shell of its own, in a folder of its own, with the device empty.
# Every command in it must succeed.

test_echo_writes_and_cat_reads()
{
	echo hello >"$device"
	cat "$device" >out &
	eventually grep -qx hello out
}

test_cat_waits_until_timeout_ends_it()
{
	expect_status 124 timeout "$patience" cat "$device"
}

test_data_stays_while_no_file_is_open()
{
	echo one >"$device"
	echo two >>"$device"
	: >"$device"
	mapfile -t -n 2 lines <"$device"
	[ "${lines[*]}" = 'one two' ]
}

test_head_takes_as_much_as_requested()
{
	printf 0123456789 >"$device"
	[ "$(head -c 4 "$device")" = 0123 ]
	[ "$(head -c 6 "$device")" = 456789 ]
}

test_dd_reads_and_writes_blocks()
{
	echo 0123456789abcde | dd of="$device" bs=16 2>/dev/null
	[ "$(dd if="$device" bs=5 count=3 2>/dev/null)" = 0123456789abcde ]
}

test_dd_nonblock_reports_an_empty_queue()
{
	expect_status 1 dd if="$device" iflag=nonblock count=1 2>errors
	grep -q 'Resource temporarily unavailable' errors
}

test_dd_nonblock_fills_the_whole_capacity()
{
	expect_status 1 dd if=/dev/zero of="$device" oflag=nonblock bs=4K 2>errors
	grep -q 'Resource temporarily unavailable' errors
	[ "$(dd if="$device" iflag=nonblock bs=1M count=1 2>/dev/null | wc -c)" = "$capacity" ]
}

# To a terminal tail writes line by line, and with stdbuf to a file, too.
test_tail_follows_from_the_start()
{
	echo early >"$device"
	stdbuf -oL tail -n +1 -f "$device" >out &
	eventually grep -qx early out
	echo late >"$device"
	eventually grep -qx late out
	kill $!
}

# Plain tail first looks for the last lines before an end, and there is none.
test_tail_without_a_start_discards_data()
{
	stdbuf -oL tail -f "$device" >out &
	echo lost >"$device"
	timeout "$deadline" sync "$device"
	kill $!
	[ ! -s out ]
}

test_file_larger_than_the_queue_is_unchanged()
{
	head -c 3000000 /dev/urandom >in
	cat in >"$device" &
	head -c 3000000 "$device" >out
	wait $!
	cmp in out
}

test_one_descriptor_reads_and_writes()
{
	exec 3<>"$device"
	echo first >&3
	echo second >&3
	read -r line <&3
	[ "$line" = first ]
	read -r line <&3
	[ "$line" = second ]
}

test_lines_arrive_in_order()
{
	seq 3 >"$device"
	mapfile -t -n 3 lines <"$device"
	[ "${lines[*]}" = '1 2 3' ]
}

test_lines_of_many_writers_stay_whole()
{
	local writer

	for writer in a b c d; do
		for i in {10..49}; do
			echo "$writer$i" >"$device"
		done &
	done
	head -c $((4 * 40 * 4)) "$device" | sort >out
	printf '%s\n' {a..d}{10..49} | cmp - out
}

test_sync_waits_until_all_is_read()
{
	sync "$device"
	echo unread >"$device"
	expect_status 124 timeout "$patience" sync "$device"
	cat "$device" >out &
	sync "$device"
	eventually grep -q unread out
	kill $!
}

test_rmmod_reports_that_the_module_is_in_use()
{
	exec 3<"$device"
	expect_status 1 rmmod bbuf 2>errors
	grep -q 'in use' errors
	exec 3<&-
	[ -c "$device" ]
}

# Helpers

expect_status()
{
	local expected=$1 status=0

	shift
	"$@" >/dev/null || status=$?
	[ "$status" = "$expected" ] || {
		echo "# $*: status $status instead of $expected" >&2
		return 1
	}
}

eventually()
{
	local end=$((SECONDS + deadline))

	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.02
	done
}

drain()
{
	while dd if="$device" iflag=nonblock bs=1M count=1 of=/dev/null 2>/dev/null; do
		:
	done
}

clean_up()
{
	local job

	for job in $(jobs -p); do
		kill -9 "$job" || :
		wait "$job" || :
	done 2>/dev/null
	rm -rf "$folder"
}

run_test()
{
	local status

	# Not the condition of an "if": that would switch "set -e" off inside.
	(
		set -e
		folder=$(mktemp -d)
		trap clean_up EXIT
		cd "$folder"
		drain
		"$1"
	)
	status=$?
	if [ "$status" = 0 ]; then
		echo "ok $number $1"
	else
		echo "not ok $number $1"
		failed=1
	fi
}

echo "TAP version 13"
if [ ! -c "$device" ] && ! modprobe -q bbuf; then
	echo "1..0 # SKIP no $device"
	exit $skip_status
fi
mapfile -t tests < <(declare -F | sed -n 's/^declare -f test_/test_/p')
echo "1..${#tests[@]}"
number=0
failed=0
for name in "${tests[@]}"; do
	number=$((number + 1))
	run_test "$name"
done
exit $failed
