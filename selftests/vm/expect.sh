# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
#
# Shared by the scripts that test the test bed: checks of what a command does. Each prints
# one line.

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
checked=0
failed=0

matches() {
	[ -z "$1" ] || grep -Eq -- "$1" "$2"
}

# The command's status and output must be as given; an empty pattern matches any output.
expect() {
	local what=$1 wanted=$2 pattern=$3 status=0

	shift 3
	checked=$((checked + 1))
	"$@" >"$scratch/out" 2>&1 </dev/null || status=$?
	if [ "$status" = "$wanted" ] && matches "$pattern" "$scratch/out"; then
		echo "ok $what"
	else
		failed=$((failed + 1))
		echo "not ok $what: status $status, should be $wanted with '$pattern' in:"
		sed 's/^/    /' "$scratch/out"
	fi
}

# The last line: the sum.
all_as_expected() {
	echo "$((checked - failed)) passed, $failed failed, 0 skipped"
	[ $failed = 0 ]
}
