#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The timeline: what it prints, and the picture that it draws.

# shellcheck disable=SC2317 # run_tests calls all
. ./lib.sh

# Runs it on the queue "bytes", with short pauses. Its output is left in "out".
run_timeline()
{
	expect 0 '' timeline --device=/dev/bbuf-bytes --pause=2ms "$@"
}

# Prints of a picture: how many waits of this class, and how many lanes of this side, it has.
count_in()
{
	python3 - "$@" <<-'PYTHON'
	import sys
	import xml.etree.ElementTree as tree

	svg = "{http://www.w3.org/2000/svg}"
	lanes = [g for g in tree.parse(sys.argv[1]).iter(svg + "g") if g.get("class") == sys.argv[3]]
	waits = [r for g in lanes for r in g.iter(svg + "rect") if r.get("class") == sys.argv[2]]
	print(len(waits), len(lanes))
	PYTHON
}

# The lines with a wait that a side began: each begins at the left, or behind the bar.
lines_with()
{
	grep -cE "$1" out || true
}

test_order_of_lines_is_explained()
{
	run_timeline
	grep -q '^The lines are in order of time: a call is shown when it returned' out
	grep -q 'The row "level" shows the fill level' out
	[ "$(grep -c '^ *level  ' out)" = 3 ]
	sed -n '/^ *ms  producer/,/^ *level/p' out | awk '
		/ms  producer/ { last = 0 }
		$1 !~ /^[0-9.]+$/ { next }
		$1 + 0 < last { exit 1 }
		{ last = $1 + 0 }'
}

# With a pause for each of three items the other side sleeps three times, but in a rare run,
# where it was too late to: the picture shows what the lines say in any case.
test_picture_shows_each_sleep()
{
	local producer consumer

	run_timeline --mode=block --waits=3 --pause=20ms --svg=picture.svg
	producer=$(lines_with 'write 16K.*: sleeps')
	consumer=$(lines_with 'read 16K.*: sleeps')
	[ "$(count_in picture.svg sleep producer)" = "$producer 1" ]
	[ "$(count_in picture.svg sleep consumer)" = "$consumer 1" ]
	[ "$producer" -ge 2 ] && [ "$consumer" -ge 2 ]
	[ "$(count_in picture.svg retry producer)" = '0 1' ]
	grep -q "the producer slept $producer times, .*; the consumer slept $consumer times" picture.svg
}

test_picture_has_a_panel_for_each_run()
{
	run_timeline --svg=picture.svg
	[ "$(count_in picture.svg sleep producer | cut -d ' ' -f 2)" = 3 ]
	[ "$(count_in picture.svg retry consumer | cut -d ' ' -f 1)" -ge 1 ]
	[ "$(count_in picture.svg retry consumer | cut -d ' ' -f 1)" = "$(lines_with 'read.*: EAGAIN')" ]
}

# A screen reader gets both, and nothing has to be fetched from elsewhere.
test_picture_is_complete_in_itself()
{
	run_timeline --mode=poll --svg=picture.svg
	grep -q '^<title id="title">Fill level of /dev/bbuf-bytes (64K)' picture.svg
	grep -q '^<desc id="desc">poll, in ' picture.svg
	not grep -E 'href|url\(|@import|font-face' picture.svg
	not grep -oE 'https?://[^"]*' <(grep -v '^<svg xmlns="http://www.w3.org/2000/svg" ' picture.svg)
	[ "$(stat -c %s picture.svg)" -lt 20000 ]
}

test_picture_escapes_the_path()
{
	ln -s /dev/bbuf-bytes $'a<&"\x01\xff'
	expect 0 '' timeline --device=$'a<&"\x01\xff' --mode=block --pause=1ms --svg=picture.svg
	count_in picture.svg sleep producer
	grep -q 'a&#60;&#38;&#34;??' picture.svg
}

test_file_that_cannot_be_written_is_an_error()
{
	expect 1 '^timeline: nosuch/picture.svg: No such file or directory$' \
		timeline --device=/dev/bbuf-bytes --svg=nosuch/picture.svg
	not grep -q 'producer' out
	expect 1 '^timeline: /dev/full: No space left on device$' \
		timeline --device=/dev/bbuf-bytes --pause=1ms --svg=/dev/full
	is bytes bytes 0
}

# A queue that cannot be used leaves an older picture alone.
test_picture_is_kept_if_the_queue_is_not_empty()
{
	echo old >picture.svg
	echo data >/dev/bbuf-bytes
	expect 1 'bbuf-bytes' timeline --device=/dev/bbuf-bytes --svg=picture.svg
	[ "$(cat picture.svg)" = old ]
}

test_options_are_in_the_manual()
{
	local option page=/usr/share/man/man1/timeline.1

	[ -e "$page" ] || return 0
	for option in $(timeline --help | grep -oE -e '--[a-z]+=' | sort -u); do
		[ "$(sed 's/\\-/-/g' "$page" | grep -cE -e "^\.(RB|BI) .*$option")" = 2 ] || {
			echo "# $option is not in the synopsis and the options of timeline(1)" >&2
			return 1
		}
	done
}

run_tests
