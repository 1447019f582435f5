# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the tests of the examples share, on top of what they share with the command's.

# shellcheck source=../bbuf-command/lib.sh
. ./lib.sh

# shellcheck disable=SC2034 # for the scripts that source this
examples=/usr/lib/bbuf/examples

# The examples make the queues that they need.
set_up()
{
	:
}

no_queue_is_left()
{
	[ "$(cd /sys/class/bbuf && echo ./*)" = ./default ]
}

# Runs an example, which must succeed and leave no queue. Its output is left in "out".
run()
{
	expect 0 '' "$examples/$1" "${@:2}"
	no_queue_is_left
}

# A number of a table in "out": cell 'name of the row' COLUMN, the first number being 1.
cell()
{
	awk -v row="$1" -v column="$2" '
		index($0, row " ") == 1 {
			$0 = substr($0, length(row) + 1)
			print $column
			found = 1
			exit
		}
		END { exit !found }
	' out
}

# Is it true of such numbers? holds '3 * 1.5 < 5'
holds()
{
	awk "BEGIN { exit !($1) }" || {
		echo "# not true: $1, in" >&2
		sed 's/^/#   /' out >&2
		return 1
	}
}

# For checks of times: on a busy machine any run may be spoilt, but what is not true is
# true in none of them.
in_some_run()
{
	local attempts=5

	while [ $attempts != 0 ]; do
		"$@" &
		if wait $!; then
			return
		fi
		attempts=$((attempts - 1))
	done
	return 1
}
