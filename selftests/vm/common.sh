# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
#
# Shared by the scripts in this directory, which source it after "set -euo pipefail".

# An error inside $(...) ends the script too.
shopt -s inherit_errexit

top=$(realpath "${BASH_SOURCE[0]%/*}/../..")
vm=$top/selftests/vm
cache=${BBUF_CACHE:-$HOME/.cache/bbuf}

say() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

# Status 125 is what "run" promises for a failure of its own.
die() {
	say "$*"
	exit 125
}

have() {
	command -v "$1" >/dev/null
}

need_root() {
	[ "$(id -u)" = 0 ] || have sudo || die "please run as root, or install sudo, to $*"
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	else
		sudo -- "$@"
	fi
}

# Output is shown only if the command fails: apt-get has a lot to say.
quietly() {
	local out status=0

	out=$("$@" 2>&1) || status=$?
	[ "$status" = 0 ] || printf '%s\n' "$out" >&2
	return "$status"
}

apt_update() {
	need_root update the package lists
	say "updating the package lists"
	quietly as_root apt-get -qq update || die "apt-get update failed"
}

# Download packages into the current folder. Files that an interrupted run completed are not
# downloaded again.
apt_download() {
	quietly apt-get -qq -o APT::Sandbox::User="$(id -un)" download "$@"
}

# Two builds at once must not download, unpack or compile the same thing. Not to be called
# twice: the lock is let go at the end, or by unlock.
lock() {
	mkdir -p "$1" || die "cannot make $1"
	exec {lock_fd}>"$1/lock"
	flock "$lock_fd"
}

unlock() {
	exec {lock_fd}>&-
}

# The tests of the module and its library; if they have been built, without the 32-bit and
# sanitized programs, which run the same code of the module, and the three that take minutes.
module_tests() {
	local all

	all=$(cat "$top"/build/selftests/*/kselftest-list.txt 2>&1 | grep -E '^(bbuf|libbbuf):') ||
		all=$'bbuf\nlibbbuf'
	grep -vE '(_(32|sanitized)|:(batch|exclusive|lease_many))$' <<<"$all" | sort -u
}

# Of the tests on standard input every $2-th, as the share $1 of them. Which tests these are
# depends on the text $3 (say, the hash of a commit), so that in the end each share has had
# every test.
share_of_tests() {
	local hash tests

	tests=$(cat)
	[ "$(wc -l <<<"$tests")" -ge "$2" ] || die "the tests have not been built (make check)"
	hash=$(sha1sum <<<"$3")
	awk -v n=$(((16#${hash:0:4} + $1) % $2)) -v of="$2" 'NR % of == n' <<<"$tests"
}
