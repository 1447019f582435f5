#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The example "io": what pieces and buffers make of system calls, copies and time, and
# what the ways to wait cost.

# shellcheck disable=SC2317 # run_tests calls all
. ./examples.sh

items=20		# that are waited for

# A number of the first table: moved PIECE BUFFER COLUMN, 1 being the system calls.
moved()
{
	awk -v piece="$1" -v buffer="$2" -v column="$3" '
		$1 == piece && $2 == buffer { print $(column + 2); found = 1; exit }
		END { exit !found }
	' out
}

# Put and got: two calls for each piece, or for each buffer.
test_number_of_calls_depends_on_the_size_of_the_buffer()
{
	local piece

	run io --bytes=64K --rounds=1
	holds "$(moved 1 none 1) == 2 * 65536"
	holds "$(moved 1 16 1) == 2 * 65536 / 16"
	holds "$(moved 1 256 1) == 2 * 65536 / 256"
	holds "$(moved 1 4K 1) == 2 * 16"
	holds "$(moved 64 none 1) == 2 * 1024"
	holds "$(moved 4K none 1) == 2 * 16"
	holds "$(moved 64K none 1) == 2"
	for piece in 1 64 4K 64K; do
		holds "$(moved "$piece" 64K 1) == 2"
		holds "$(moved "$piece" none 2) == 2"
		holds "$(moved "$piece" 64K 2) == 4"
	done
}

# Its counts are those of the kernel, here of a round that warms up and one that is measured:
# first the calls that copy, then those of each way to wait, which begins with a thread.
test_strace_counts_the_same_calls()
{
	local told seen

	expect 0 '' strace -f -y -qq -e trace=read,write,clone,clone3 -o trace \
		"$examples/io" --bytes=1000 --pause=1ms --rounds=1
	told=$(awk '
		/^piece/ { copying = 1; next }
		/^Medians/ { copying = 0 }
		copying { calls += $3 }
		/^blocking read / { reads = reads " " $3 }
		/^O_NONBLOCK,/ { reads = reads " " $3 }
		END { print 2 * calls reads }
	' out)
	seen=$(awk '
		/clone3?\(/ { phase++ }
		/(read|write)\([0-9]+<\/dev\/bbuf-io-/ { calls[phase + 0]++ }
		END { print calls[0], calls[4], calls[5], calls[6] }
	' trace)
	[ "$told" = "$seen" ] || {
		echo "# told $told, seen $seen" >&2
		return 1
	}
}

space_for_time()
{
	run io --bytes=64K
	holds "$(moved 1 none 3) > 2 * $(moved 64 none 3)"
	holds "$(moved 64 none 3) > 2 * $(moved 4K none 3)"
	holds "$(moved 1 none 3) > 2 * $(moved 1 16 3)"
	holds "$(moved 1 none 3) > 5 * $(moved 1 64K 3)"
	holds "$(moved 64 none 3) > $(moved 64 64K 3)"
}

test_larger_buffers_take_less_time()
{
	in_some_run space_for_time
}

test_busy_waiting_makes_more_calls()
{
	run io --bytes=1K --rounds=3
	holds "$(cell 'blocking read' 1) == $items && $(cell 'blocking read' 2) == 0"
	holds "$(cell 'O_NONBLOCK, poll' 1) == $items && $(cell 'O_NONBLOCK, poll' 2) == 0"
	holds "$(cell 'O_NONBLOCK, spin' 2) > 10 * $items"
	holds "$(cell 'O_NONBLOCK, spin' 1) == $items + $(cell 'O_NONBLOCK, spin' 2)"
}

cpu_time_of_waiting()
{
	local way

	run io --bytes=1K --rounds=3
	holds "2 * $(cell 'O_NONBLOCK, spin' 5) > $(cell 'O_NONBLOCK, spin' 4)"
	for way in 'blocking read' 'O_NONBLOCK, poll'; do
		holds "$(cell "$way" 3) > 0.5 * $items"
		holds "2 * $(cell "$way" 5) < $(cell "$way" 4)"
	done
}

test_busy_waiting_uses_more_processor_time()
{
	in_some_run cpu_time_of_waiting
}

run_tests
