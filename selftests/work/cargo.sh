#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A real cargo with a queue as its job server. A thread of its own asks for a token as soon as
# there is work left, also when it holds all tokens already. The compiler is a stand-in: see
# rustc.

# shellcheck disable=SC2317 # run_tests calls all
# shellcheck source=../bbuf-command/lib.sh
. ./lib.sh

cargo=$PWD/cargo
rustc=$PWD/rustc
if [ ! -e "$cargo/cargo" ]; then
	echo "1..0 # SKIP $(cat "$cargo/missing" 2>&1)"
	exit $skip_status
fi

crates=6
tokens=2

# It has a C library of its own.
make_cargo()
{
	printf '#!/bin/sh\nexec %s/ld.so --argv0 cargo --library-path %s %s/cargo "$@"\n' \
		"$cargo" "$cargo" "$cargo" >./cargo
	chmod +x ./cargo
}

# A crate has one job for the compiler, and none depends on another.
make_crate()
{
	mkdir -p "$1/src"
	: >"$1/src/lib.rs"
	printf '[package]\nname = "%s"\nversion = "0.1.0"\nedition = "2021"\n' "$1" >"$1/Cargo.toml"
}

set_up()
{
	local number

	make_cargo
	printf '[workspace]\nmembers = ["crate*"]\nresolver = "2"\n' >Cargo.toml
	for ((number = 1; number <= crates; number++)); do
		make_crate "crate$number"
	done
	export CARGO_HOME=$PWD/home RUSTC=$rustc LOG=$PWD/log
	unset MAKEFLAGS CARGO_MAKEFLAGS PIPE
	: >log
}

build=(./cargo build --offline)

make_pool()
{
	bbuf create pool --lease --capacity "$tokens"
	printf ++ | bbuf put pool
}

# The most compilers that ran at the same time.
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
	[ "$(grep -c -- + log)" = "$1" ]
}

all_were_built_with_all_tokens()
{
	[ "$(grep -c -- - log)" = "$crates" ]
	[ "$(most_at_once)" = $((tokens + 1)) ]
}

# What the queue is compared with, and what shows that the stand-in does.
test_crate_builds_with_a_fifo()
{
	mkfifo fifo
	exec 5<>fifo
	printf ++ >&5
	MAKEFLAGS="-j$((tokens + 1)) --jobserver-auth=fifo:$PWD/fifo" expect 0 Finished "${build[@]}"
	all_were_built_with_all_tokens
}

test_crate_builds_with_pool()
{
	expect 0 Finished bbuf jobserver -j $((tokens + 1)) -- "${build[@]}"
	all_were_built_with_all_tokens
}

test_crate_builds_with_an_existing_pool()
{
	make_pool
	expect 0 Finished bbuf jobserver --queue pool -- "${build[@]}"
	all_were_built_with_all_tokens
	pool_is_whole
}

# The compilers that it has started go on.
test_tokens_return_when_cargo_is_killed()
{
	make_pool
	mkfifo pipe
	PIPE=$PWD/pipe bbuf jobserver --queue pool -- "${build[@]}" 2>errors &
	eventually have_started $((tokens + 1))
	is pool leased_bytes "$tokens"
	kill -KILL $!
	not wait $!
	eventually pool_is_whole
	exec 6<>pipe
	exec 6>&-
}

run_tests
