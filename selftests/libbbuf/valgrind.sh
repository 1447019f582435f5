#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Runs the tests and the examples under valgrind's memcheck. Takes minutes under
# emulation, so it is not one of the tests that are run by default.

usage() {
	cat <<'END'
Usage: valgrind.sh
       valgrind.sh --pack DIRECTORY
Runs the programs beside it under valgrind: a point of KTAP for each. With --pack, copies
this machine's valgrind to DIRECTORY, and what it needs to run elsewhere.
END
}

tests="open transfer batch buffer manage state lease"
found_status=99

# Memcheck, and the symbols of the dynamic loader, without which it does not start.
pack() {
	local loader id symbols library

	loader=$(readelf -p .interp "$(type -P bash)" | grep -o '/[^ ]*')
	id=$(readelf -n "$loader" | sed -n 's/.*Build ID: //p')
	symbols=/usr/lib/debug/.build-id/${id:0:2}/${id:2}.debug
	library=$(dirname "$(find /usr/lib*/ -name 'memcheck-*-linux' -path '*valgrind*' -print -quit)")

	rm -rf "$1"
	mkdir -p "$1/debug${loader%/*}"
	cp "$(type -P valgrind.bin || type -P valgrind)" "$1/valgrind"
	cp "$library"/{memcheck-*,vgpreload_{core,memcheck}-*.so,default.supp} "$1"
	cp "$symbols" "$1/debug${loader%/*}/"
}

# It can't know that BBUF_IOC_LEASE writes to memory which its argument points to.
check() {
	local values=yes

	case $1 in
	*buffer | *lease)	values=no ;;
	esac
	VALGRIND_LIB=$PWD/valgrind valgrind/valgrind --quiet --leak-check=full \
		--undef-value-errors=$values --extra-debuginfo-path="$PWD/valgrind/debug" \
		--error-exitcode=$found_status "$1" 2>&1
}

case ${1-} in
'')	;;
--pack)	set -e; pack "$2"; exit ;;
*)	usage; exit ;;
esac

cd "$(dirname "$(realpath "$0")")" || exit
if [ ! -w /dev/bbuf-control ] || [ ! -e valgrind ]; then
	echo '1..0 # SKIP no /dev/bbuf-control that may be used, or valgrind was not there to pack'
	exit 4
fi

programs=()
for name in $tests example_*.out; do
	programs+=("./${name%.out}")
done
failed=0
echo 'TAP version 13'
echo "1..${#programs[@]}"
for number in "${!programs[@]}"; do
	program=${programs[number]}
	if output=$(check "$program"); then
		echo "ok $((number + 1)) ${program#./}"
	else
		printf '%s\n' "$output" | sed 's/^/# /'
		echo "not ok $((number + 1)) ${program#./}"
		failed=1
	fi
done
exit $failed
