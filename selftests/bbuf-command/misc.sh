#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Tests for all commands: help, the module, completion, the manual.

# shellcheck disable=SC2317 # run_tests calls all
. ./lib.sh

commands='create destroy list info set put get peek drain flush shutdown reopen work jobserver top bench'

test_help_lists_all_commands()
{
	local command

	expect 0 '' bbuf --help
	for command in $commands; do
		grep -qE "^  $command +[a-z]" out
	done
	for command in $commands; do
		expect 0 '' bbuf "$command" --help
		grep -q "^Usage: bbuf $command " out
		grep -q '^Exit status: 0 success' out
	done
}

test_unknown_command_is_refused()
{
	expect 2 'Usage: bbuf COMMAND' bbuf
	expect 2 'bbuf: unknown command .frob.: .bbuf --help' bbuf frob
}

test_missing_module_is_reported()
{
	local command

	bbuf destroy jobs bytes
	rmmod bbuf
	for command in 'create q' 'destroy q' list 'info q' 'set q --drop-oldest' 'put q x' \
			'get q' 'peek q' 'drain q' 'flush q' 'shutdown q' 'reopen q' top \
			'work q -- true' 'jobserver -j 2 -- true' 'get default' 'info default'; do
		# shellcheck disable=SC2086 # several words
		expect 1 'the module is not loaded: load it with .modprobe bbuf.' bbuf $command ||
			{ load_module; return 1; }
	done
	load_module
}

test_module_can_be_unloaded_while_top_runs()
{
	bbuf top --interval 50ms >out 2>errors &
	eventually grep -q '^default ' out
	bbuf destroy jobs bytes
	rmmod bbuf
	wait $! || true
	load_module
	grep -q 'top: the module is not loaded' errors
}

# There is no confirmation: queues are in memory only.
test_unload_discards_what_is_queued()
{
	bbuf create leased --records --lease
	bbuf put jobs one two
	bbuf put leased three
	rmmod bbuf
	load_module
	[ ! -e /dev/bbuf-jobs ]
	[ ! -e /dev/bbuf-leased ]
	[ "$(ls /sys/class/bbuf)" = default ]
}

# The completions of bash for the given words, the last of which is being typed.
complete_words()
{
	COMP_WORDS=("$@")
	COMP_CWORD=$(($# - 1))
	COMPREPLY=()
	_bbuf
	printf '%s\n' "${COMPREPLY[@]}" | sort | paste -sd ' '
}

test_completion_offers_queues_options_and_values()
{
	# shellcheck disable=SC1091 # installed
	. /usr/share/bash-completion/completions/bbuf
	[ "$(complete_words bbuf p)" = 'peek put' ]
	[ "$(complete_words bbuf get '')" = 'bytes default jobs' ]
	[ "$(complete_words bbuf destroy bytes j)" = jobs ]
	[ "$(complete_words bbuf create q --e)" = --eof-on-close ]
	[ "$(complete_words bbuf create q --own)" = --owner= ]
	[ "$(complete_words bbuf create q --owner = us)" = user ]
	[ "$(complete_words bbuf set jobs --drop-oldest =)" = 'no yes' ]
	[ "$(complete_words bbuf top --sort = f)" = fill ]
	[ "$(complete_words bbuf bench p)" = pingpong ]
	[ "$(complete_words bbuf bench --queues = bbuf-)" = \
		'bbuf-buffered bbuf-framed bbuf-record bbuf-stream' ]
	: >file
	[ "$(complete_words bbuf put jobs fil)" = file ]
	[ "$(complete_words bbuf work j)" = jobs ]
	[ "$(complete_words bbuf work jobs bash)" = bash ]
	[ "$(complete_words bbuf work jobs cat fil)" = file ]
	[ "$(complete_words bbuf jobserver --queue = j)" = jobs ]
	[ "$(complete_words bbuf jobserver bash)" = bash ]
}

run_tests
