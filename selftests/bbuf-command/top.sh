#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# bbuf top, as text and on a screen.

# shellcheck disable=SC2317 # run_tests calls all
. ./lib.sh

# The line of a queue, its columns one blank apart and without the bar.
line_of()
{
	grep "^$1 " out | tail -n 1 | sed -E 's/\[[#.]*\]//' | tr -s ' '
}

test_text_shows_state_and_counters()
{
	head -c 32768 /dev/zero | bbuf put bytes
	bbuf put jobs one two
	expect 0 '' bbuf top --count 1 --interval 50ms
	[ "$(line_of bytes)" = 'bytes 50% 32.8K 0 0 0 0 0us 0us' ]
	[ "$(line_of jobs)" = 'jobs 0% 2r 0r 0r 0 0 0us 0us' ]
	grep -qE '^bytes +\[#+\.+\] ' out
	grep -qE '^[0-9:]{8}  3 queues, 32774 bytes queued$' out
}

test_counters_are_hidden_without_permission()
{
	bbuf create seen --mode 0644
	bbuf put jobs one two
	bbuf put seen some
	expect 0 '' "${nobody[@]}" bbuf top --count 1 --interval 50ms --sort fill
	[ "$(line_of jobs)" = 'jobs - - - - - - - -' ]
	[ "$(line_of seen)" = 'seen 0% 4 0 0 0 0 0us 0us' ]
	grep -qE '^[0-9:]{8}  4 queues, 4 bytes queued in 1 of them$' out
	[ "$(order_in out)" = 'seen bytes default jobs' ]
	expect 0 '' "${nobody[@]}" bbuf top --count 1 --interval 50ms --sort slept --reverse
	[ "$(order_in out | cut -d ' ' -f 4)" = seen ]
}

test_count_limits_the_refreshes()
{
	expect 0 '' bbuf top --count 3 --interval 20ms
	[ "$(grep -c '^jobs ' out)" = 3 ]
}

# The flow goes on until the last look, and comes often: so nothing large is started for it.
test_rates_show_the_flow()
{
	bbuf top --count 2 --interval 500ms >out &
	until ended $!; do
		echo x >/dev/bbuf-jobs
		sleep 0.02
	done
	wait $!
	[ "$(line_of jobs | cut -d ' ' -f 4)" != 0r ]
	[ "$(line_of jobs | cut -d ' ' -f 5)" = 0r ]
}

test_waiters_are_shown()
{
	bbuf get jobs >/dev/null &
	waits_in jobs waiting_readers
	expect 0 '' bbuf top --count 1 --interval 20ms
	[ "$(line_of jobs | cut -d ' ' -f 6,7)" = '0 1' ]
}

# Is this in the last look that is whole, which is the last but one?
shows()
{
	awk -v RS= '{ whole = last; last = $0 } END { print whole }' out >look
	grep -qE "$1" look
}

test_created_and_destroyed_queues_are_noticed()
{
	bbuf top --interval 100ms >out &
	eventually shows '^jobs '
	bbuf destroy jobs
	bbuf create other
	eventually shows '^other +\[\.+\] +0% +0 +0 +0 '
	not shows '^jobs '
	bbuf create jobs
	eventually shows '^jobs '
}

order_in()
{
	grep -oE '^(jobs|bytes|default|seen)' "$1" | paste -sd ' '
}

test_queues_are_sorted_as_requested()
{
	bbuf put bytes some
	expect 0 '' bbuf top --count 1 --interval 20ms --sort fill
	[ "$(order_in out)" = 'bytes default jobs' ]
	expect 0 '' bbuf top --count 1 --interval 20ms --reverse
	[ "$(order_in out)" = 'jobs default bytes' ]
	expect 2 'must be name, fill' bbuf top --sort frob
}

test_long_names_are_cut()
{
	bbuf create a-name-longer-than-its-column
	expect 0 '' bbuf top --count 1 --interval 20ms
	grep -q '^a-name-long+ ' out
}

test_failed_output_is_reported()
{
	not bbuf top --count 2 --interval 20ms 2>errors >/dev/full
	grep -q 'standard output: No space left' errors
}

# On a terminal of a given size and kind; keys come from the file "keys".
start_screen()
{
	rm -f keys screen
	mkfifo keys
	TERM=$1 script -qefc "stty rows 24 cols 80; exec bbuf top --interval 100ms ${*:2}" \
		screen <keys >/dev/null &
	exec 3>keys
	eventually grep -qs jobs screen
}

test_screen_shows_queues_until_q()
{
	start_screen xterm
	grep -q 'q quit' screen
	bbuf create newcomer
	eventually grep -q newcomer screen
	not ended $!
	printf q >&3
	wait $!
}

# The next look is always due.
test_screen_takes_keys_on_a_slow_machine()
{
	start_screen xterm --interval 1ns
	printf q >&3
	eventually ended $!
	wait $!
}

test_screen_takes_keys()
{
	local keys

	start_screen xterm
	for keys in n f i o w s r r $'\e[A' $'\e[B' $'\e[5~' $'\e[6~' x; do
		printf %s "$keys" >&3
	done
	bbuf create newcomer
	eventually grep -q newcomer screen
	printf q >&3
	wait $!
}

test_screen_survives_any_size()
{
	local size program

	start_screen xterm
	program=$(pgrep -x bbuf)
	for size in '5 40' '1 1' '2 200' '60 132' '24 80'; do
		stty -F "$(readlink "/proc/$program/fd/0")" rows "${size% *}" cols "${size#* }"
		sleep 0.15
		not ended "$program"
	done
	bbuf create newcomer
	eventually grep -q newcomer screen
	printf q >&3
	wait $!
}

test_screen_ends_after_the_last_refresh()
{
	start_screen xterm --count 2
	eventually ended $!
	wait $!
}

test_screen_restores_the_terminal()
{
	start_screen xterm
	kill -TERM "$(pgrep -x bbuf)"
	wait $! || true
	# Cursor on, and back from the alternate screen.
	grep -q $'\e\\[?1049l' screen
}

test_screen_works_on_other_terminals()
{
	local kind

	for kind in linux vt100; do
		start_screen "$kind"
		printf q >&3
		wait $!
	done
}

test_dumb_terminal_gets_text()
{
	start_screen dumb --count 2
	wait $!
	[ "$(grep -c '^jobs ' screen)" = 2 ]
}

run_tests
