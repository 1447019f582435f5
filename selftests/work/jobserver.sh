#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# bbuf jobserver, but for make itself.

# shellcheck disable=SC2317,SC2016 # run_tests calls all; $ is for another shell
# shellcheck source=../bbuf-command/lib.sh
. ./lib.sh

set_up()
{
	unset MAKEFLAGS CARGO_MAKEFLAGS
}

is_gone()
{
	[ ! -e "/sys/class/bbuf/$1" ]
}

test_pool_has_tokens_for_all_jobs_but_one()
{
	expect 0 '' bbuf jobserver -j 4 --name pool -- sh -c 'echo "$MAKEFLAGS"
		cd /sys/class/bbuf/pool; cat bytes capacity lease max_leases; bbuf peek pool'
	[ "$(<out)" = " -j4 --jobserver-auth=fifo:/dev/bbuf-pool
3
3
1
4
+++" ]
	is_gone pool
}

# A process that holds all tokens and reads once more waits for the next one.
test_read_of_one_more_token_waits()
{
	expect 0 '' bbuf jobserver -j 3 --name pool -- bash -c 'exec 3<>"${MAKEFLAGS##*fifo:}"
		read -rn 2 -u 3 held; echo "$held"
		{ sleep 0.3; printf + >&3; } &
		read -rn 1 -u 3 more; echo "$more"; wait'
	[ "$(paste -sd , out)" = '++,+' ]
}

test_default_name_is_unique()
{
	expect 0 '' bbuf jobserver -j 2 bbuf jobserver -j 2 sh -c 'ls /sys/class/bbuf'
	[ "$(grep -c '^jobserver-[0-9]*$' out)" = 2 ]
	[ -z "$(find /sys/class/bbuf/ -name 'jobserver-*')" ]
}

test_default_number_of_jobs_is_that_of_processors()
{
	expect 0 '' bbuf jobserver -- sh -c 'echo "$MAKEFLAGS"'
	grep -q "^ -j$(nproc)" out
}

test_one_job_needs_no_tokens()
{
	expect 3 '' "${nobody[@]}" bbuf jobserver -j 1 -- sh -c 'echo "$MAKEFLAGS"; exit 3'
	[ "$(<out)" = ' -j1' ]
}

test_existing_MAKEFLAGS_are_kept()
{
	export MAKEFLAGS='ks -j9 --jobserver-auth=3,4 -- A=b\ c'
	export CARGO_MAKEFLAGS='-j --jobserver-auth=3,4'
	expect 0 '' bbuf jobserver -j 2 --name pool -- sh -c 'echo "$MAKEFLAGS"; echo "$CARGO_MAKEFLAGS"'
	[ "$(<out)" = 'ks -j9 --jobserver-auth=3,4 -j2 --jobserver-auth=fifo:/dev/bbuf-pool -- A=b\ c
-j --jobserver-auth=3,4 -j2 --jobserver-auth=fifo:/dev/bbuf-pool' ]
}

test_exit_status_is_that_of_the_command()
{
	expect 42 '' bbuf jobserver -j 2 -- sh -c 'exit 42'
	expect 137 '' bbuf jobserver -j 2 -- sh -c 'kill -KILL $$'
	expect 127 'jobserver: nosuch: No such file' bbuf jobserver -j 2 -- nosuch
	expect 126 'jobserver: /etc: Permission denied' bbuf jobserver -j 2 -- /etc
	[ -z "$(find /sys/class/bbuf/ -name 'jobserver-*')" ]
}

test_signals_are_passed_on()
{
	local status=0

	bbuf jobserver -j 2 --name pool -- sh -c 'sleep 100 &
		trap "kill $!; exit 9" TERM; : >ready; wait' &
	eventually test -e ready
	kill -TERM $!
	wait $! || status=$?
	[ "$status" = 9 ]
	is_gone pool
}

# The command goes on, with its tokens.
test_pool_outlives_a_killed_jobserver()
{
	mkfifo pipe
	bbuf jobserver -j 2 --name pool -- sh -c ': >ready; read x <pipe; bbuf peek pool >peeked' &
	eventually test -e ready
	kill -KILL $!
	not wait $! 2>/dev/null
	is pool bytes 1
	echo >pipe
	eventually is_gone pool
	[ "$(<peeked)" = + ]
}

test_name_in_use_is_refused()
{
	bbuf create pool --records
	expect 1 'pool: jobserver: a queue of this name exists' bbuf jobserver -j 2 --name pool -- touch ran
	expect 1 'this name is reserved' bbuf jobserver -j 2 --name control -- touch ran
	[ ! -e ran ]
	sleep 0.1
	is pool records 0
}

test_users_can_share_a_pool()
{
	expect 1 'not permitted by /dev/bbuf-control' "${nobody[@]}" bbuf jobserver -j 2 -- true
	expect 1 'with sudo give --owner' "${nobody[@]}" bbuf jobserver -j 2 -- true
	expect 0 '' bbuf jobserver -j 2 --owner nobody -- "${nobody[@]}" sh -c \
		'cat </dev/null >"${MAKEFLAGS##*fifo:}"'
	bbuf create pool --lease --capacity 3 --owner nobody
	expect 1 'pool: jobserver: the pool has no tokens' \
		"${nobody[@]}" bbuf jobserver --queue pool -- true
	printf +++ | bbuf put pool
	expect 7 '' "${nobody[@]}" bbuf jobserver --queue pool -- sh -c 'echo "$MAKEFLAGS"; exit 7'
	[ "$(<out)" = ' -j4 --jobserver-auth=fifo:/dev/bbuf-pool' ]
	is pool bytes 3
	expect 0 '' bbuf jobserver --queue /dev/bbuf-pool -- sh -c 'echo "$MAKEFLAGS"'
	[ "$(<out)" = ' -j4 --jobserver-auth=fifo:/dev/bbuf-pool' ]
}

test_queues_that_are_no_pools_are_refused()
{
	bbuf create q
	bbuf create records --records --lease
	printf + | bbuf put q
	bbuf put records +
	expect 1 'q: jobserver: not a pool of tokens' bbuf jobserver --queue q -- touch ran
	expect 1 'records: jobserver: not a pool of tokens' \
		bbuf jobserver --queue records -- touch ran
	expect 1 'no such queue' bbuf jobserver --queue nosuch -- touch ran
	[ ! -e ran ]
}

# A program in place of a GNU make: make_says NAME LINE. It prints LINE if it is asked for its
# version, as what it was called; otherwise it makes "ran".
make_says()
{
	cat >"$1" <<END
#!/bin/sh
if [ "\$1" = --version ]; then
	echo "\$0 \$MAKEFLAGS" >>asked
	echo '$2'
	exec cat
fi
echo "\$0 \$*" >ran
END
	chmod +x "$1"
	rm -f ran asked
}

test_old_make_is_refused()
{
	local version

	for version in 3.81 4.1 4.3; do
		make_says make "GNU Make $version"
		expect 1 "jobserver: ./make is GNU make $version, .*: install 4.4 or later" \
			bbuf jobserver -j 2 -- ./make all
		[ ! -e ran ]
	done
	bbuf create pool --lease --capacity 3
	printf +++ | bbuf put pool
	export MAKEFLAGS='-j9 --jobserver-auth=fifo:fifo' GNUMAKEFLAGS=-k
	expect 1 'make is GNU make 4.3, ' env PATH="$PWD:$PATH" bbuf jobserver --queue pool make
	make_says gmake 'GNU Make 4.3.91'
	expect 1 'gmake is GNU make 4.3.91, ' env PATH=":$PATH" bbuf jobserver -j 2 gmake
	[ "$(<asked)" = './gmake ' ]
	ln -s "$PWD/gmake" build
	expect 1 './build is GNU make 4.3.91, ' bbuf jobserver -j 2 ./build all
	[ ! -e ran ]
	[ "$(find /sys/class/bbuf/ -name 'jobserver-*')" = '' ]
}

test_recent_make_is_accepted()
{
	local version

	for version in 4.4 4.4.1 4.10 5.0; do
		make_says make "GNU Make $version"
		expect 0 '' bbuf jobserver -j 2 -- ./make all
		[ "$(<ran)" = './make all' ]
	done
}

# Nothing is known of what they do with the option.
test_other_programs_are_not_asked_for_their_version()
{
	make_says cmake 'GNU Make 4.3'
	expect 0 '' bbuf jobserver -j 2 -- ./cmake all
	[ -e ran ]
	[ ! -e asked ]
	make_says make 'bmake: 2020'
	expect 0 '' bbuf jobserver -j 2 -- ./make all
	[ -e ran ]
	printf '#!/bin/sh\n[ "$1" = all ]\n' >./make
	expect 0 '' bbuf jobserver -j 2 -- ./make all
}

test_one_job_accepts_any_make()
{
	make_says make 'GNU Make 4.3'
	expect 0 '' bbuf jobserver -j 1 -- ./make all
	[ -e ran ]
	[ ! -e asked ]
}

test_wrong_usage_is_refused()
{
	expect 2 'missing argument: COMMAND' bbuf jobserver -j 2
	expect 2 'must be a number' bbuf jobserver -j 0 -- true
	expect 2 'describe a new queue' bbuf jobserver -j 2 --queue pool -- true
	expect 2 'no such user' bbuf jobserver -j 2 --owner nosuch -- true
}

run_tests
