#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Runs the examples of libbbuf's manual pages: each must print what its page says.

cd "$(dirname "$(realpath "$0")")" || exit
SECONDS_FOR_EACH=20

if [ ! -w /dev/bbuf-control ]; then
	echo '1..0 # SKIP no /dev/bbuf-control that may be used'
	exit 4
fi

expected=(example_*.out)
failed=0
number=0
echo 'TAP version 13'
echo "1..${#expected[@]}"
for file in "${expected[@]}"; do
	example=${file%.out}
	number=$((number + 1))
	if diff "$file" <(timeout $SECONDS_FOR_EACH "./$example" 2>&1 || echo "exit status $?")
	then
		echo "ok $number $example"
	else
		echo "not ok $number $example"
		failed=1
	fi
done
exit $failed
