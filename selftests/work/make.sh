#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A real GNU make with a queue as its job server, and, for comparison, with a FIFO.

# shellcheck disable=SC2317,SC2016 # run_tests calls all; $ is for another shell
# shellcheck source=../bbuf-command/lib.sh
. ./lib.sh

gnumake=$PWD/gnumake
if [ ! -e "$gnumake/make" ]; then
	echo "1..0 # SKIP $(cat "$gnumake/missing" 2>&1)"
	exit $skip_status
fi

tokens=3

# Each recipe says when it begins and when it ends. Those of "held" wait to be let go. For
# "later" another make has those of "held" run first, and whether it succeeds does not matter.
makefile='
all: one two three four five six
later: first second third fourth fifth sixth
first second third fourth fifth sixth: below
one two three four five six first second third fourth fifth sixth:
	@echo + >>log; sleep 1; echo - >>log
held: h1 h2 h3 h4 h5
h1 h2 h3 h4 h5:
	@echo $@ >>started; exec cat pipe >/dev/null
below:
	-@+echo $$$$ >client; exec $(MAKE) held
'

# It has a C library of its own.
set_up()
{
	mkfifo pipe fifo
	exec 5<>fifo
	printf +++ >&5
	echo "$makefile" >Makefile
	printf '#!/bin/sh\nexec %s/ld.so --argv0 "$0" --library-path %s %s/make "$@"\n' \
		"$gnumake" "$gnumake" "$gnumake" >./make
	chmod +x ./make
	unset MAKEFLAGS
	bbuf create pool --lease --capacity "$tokens"
	printf +++ | bbuf put pool
}

with_queue=(bbuf jobserver --queue pool -- ./make)
with_fifo=(env MAKEFLAGS=' -j4 --jobserver-auth=fifo:fifo' ./make)

# The most recipes that ran at the same time.
most_at_once()
{
	awk '/\+/ { n++ } /-/ { n-- } n > most { most = n } END { print most }' log
}

pool_is_whole()
{
	is pool bytes "$tokens" && is pool leased_bytes 0
}

have_started()
{
	[ "$(wc -l <started)" = "$1" ]
}

let_go()
{
	exec 6<>pipe
	exec 6>&-
}

test_make_is_recent_enough()
{
	./make --version | grep -qE '^GNU Make (4\.[4-9]|[5-9])'
}

# The make of this machine, whichever that is, and one that another program starts.
test_make_by_another_path_is_checked()
{
	printf 'all: a b\na b:\n\t@echo $@\n' >other
	if make --version | grep -qE '^GNU Make ([0-3]|4\.[0-3])\b'; then
		expect 1 'make is GNU make .*: install 4.4 or later' \
			bbuf jobserver -j 4 -- make -f other
		[ -z "$(<out)" ]
		expect 2 'internal error: invalid --jobserver-auth string' \
			bbuf jobserver -j 4 -- env make -f other
	else
		expect 0 '' bbuf jobserver -j 4 -- make -f other
		[ "$(sort out | paste -sd+)" = a+b ]
	fi
}

test_make_builds_with_pool()
{
	expect 0 '' "${with_queue[@]}" all
	[ "$(grep -c -- - log)" = 6 ]
	[ "$(most_at_once)" = $((tokens + 1)) ]
	pool_is_whole
	rm log
	expect 0 '' bbuf jobserver -j 2 -- ./make all
	[ "$(most_at_once)" = 2 ]
}

# Each has a job that needs no token.
test_two_builds_share_the_pool()
{
	"${with_queue[@]}" all >/dev/null &
	expect 0 '' "${with_queue[@]}" all
	wait $!
	[ "$(grep -c -- - log)" = 12 ]
	[ "$(most_at_once)" -le $((tokens + 2)) ]
	pool_is_whole
}

# Commands that were started go on without it, as no signal ends them.
test_tokens_return_when_make_is_killed()
{
	: >started
	"${with_queue[@]}" held &
	eventually have_started 4
	is pool leased_bytes "$tokens"
	kill -KILL $!
	not wait $!
	eventually pool_is_whole
	let_go
	expect 0 '' "${with_queue[@]}" all
	[ "$(most_at_once)" = $((tokens + 1)) ]
}

# A make that another make has started: what it had is there for the rest of the build.
test_tokens_of_a_killed_client_return()
{
	: >started
	"${with_queue[@]}" later >out 2>&1 &
	eventually have_started 4
	is pool leased_bytes "$tokens"
	kill -KILL "$(<client)"
	wait $!
	let_go
	grep -q 'below.* Killed' out
	[ "$(grep -c -- - log)" = 6 ]
	[ "$(most_at_once)" = $((tokens + 1)) ]
	pool_is_whole
}

test_fifo_loses_tokens_of_a_killed_client()
{
	expect 0 '' "${with_fifo[@]}" all
	[ "$(most_at_once)" = $((tokens + 1)) ]
	: >started
	"${with_fifo[@]}" held &
	eventually have_started 4
	kill -KILL $!
	not wait $!
	let_go
	rm log
	expect 0 '' "${with_fifo[@]}" all
	[ "$(most_at_once)" = 1 ]
}

run_tests
