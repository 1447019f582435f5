# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the tests of the command share. Each test_* function of a script is a test. It
# runs in a shell of its own, in a folder of its own, with two queues: "jobs" of records
# and "bytes", a stream. It passes if every command in it succeeds.

skip_status=4
deadline=30		# seconds until what must happen is said not to

# shellcheck disable=SC2034 # for the scripts that source this
nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)

# Runs a command that must end with this status, and whose errors must match this
# pattern, or be none if it is empty. Its output is left in "out".
expect()
{
	local wanted=$1 pattern=$2 status=0 errors

	shift 2
	"$@" >out 2>errors || status=$?
	if [ $status != "$wanted" ]; then
		echo "# $*: status $status instead of $wanted: $(<errors)" >&2
		return 1
	fi
	errors=$(<errors)
	if ! [[ $errors =~ ${pattern:-^$} ]]; then
		echo "# $*: said \"$errors\", not \"$pattern\"" >&2
		return 1
	fi
}

# To be used for "!", which is exempt from "set -e".
not()
{
	! "$@"
}

eventually()
{
	local end=$((SECONDS + deadline))

	until "$@"; do
		[ $SECONDS -lt $end ] || {
			echo "# not within $deadline s: $*" >&2
			return 1
		}
		sleep 0.02
	done
}

# One value out of /sys/class/bbuf: value jobs bytes.
value()
{
	local number

	read -r number <"/sys/class/bbuf/$1/$2"
	echo "$number"
}

# Is it this? is jobs bytes 12
is()
{
	local number

	read -r number <"/sys/class/bbuf/$1/$2"
	[ "$number" = "$3" ]
}

# Wait until a command waits: waits_in jobs waiting_readers
waits_in()
{
	eventually is "$1" "$2" 1
}

load_module()
{
	modprobe -q bbuf || insmod /lib/bbuf/bbuf.ko
}

ended()
{
	! kill -0 "$1" 2>/dev/null
}

set_up()
{
	bbuf create jobs --records
	bbuf create bytes
}

# Whatever the test has made, and left running.
tear_down()
{
	local queue queues=() pids

	set +e
	mapfile -t pids <<<"$(jobs -p)"
	[ -z "${pids[0]}" ] || kill -9 "${pids[@]}" 2>/dev/null
	wait 2>/dev/null
	cd /sys/class/bbuf || return
	for queue in *; do
		[ "$queue" = default ] || queues+=("$queue")
	done
	[ ${#queues[@]} = 0 ] || bbuf destroy -- "${queues[@]}"
	is default bytes 0 || bbuf flush default
}

run_test()
{
	local status

	# Not "if (...)": that would switch "set -e" off inside.
	(
		set -e
		trap tear_down EXIT
		mkdir "$folder/$2"
		cd "$folder/$2"
		set_up
		"$1"
	)
	status=$?
	if [ $status = 0 ]; then
		echo "ok $2 $1"
	else
		echo "not ok $2 $1"
		failed=1
	fi
}

# The last command of each script.
run_tests()
{
	local tests number=0 name

	failed=0
	echo "TAP version 13"
	if [ ! -d /sys/class/bbuf ] && ! modprobe -q bbuf; then
		echo "1..0 # SKIP the module is not loaded"
		exit $skip_status
	fi
	folder=$(mktemp -d)
	mapfile -t tests < <(declare -F | sed -n 's/^declare -f test_/test_/p')
	echo "1..${#tests[@]}"
	for name in "${tests[@]}"; do
		number=$((number + 1))
		run_test "$name" $number
	done
	rm -r "$folder"
	exit $failed
}
