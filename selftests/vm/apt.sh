# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Packages to take apart, not to install: from this machine's package sources or, after
# use_unstable, from Debian unstable, or after use_architecture, from the same sources for
# another architecture.
# Sourced, instead of common.sh, which it includes.

. "${BASH_SOURCE[0]%/*}/common.sh"

keyring=/usr/share/keyrings/debian-archive-keyring.gpg

need_apt() {
	have apt-get ||
		die "no apt-get here to download a kernel with: give KERNEL=/path/to/vmlinuz and KDIR="
}

# The mirror that this machine takes Debian from; the package lists tell which that is.
debian_mirror() {
	# shellcheck disable=SC2016 # apt expands it
	apt-get indextargets --format '$(REPO_URI)' \
		'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | head -n 1
}

# This machine's sources of Debian packages, as lines of a sources.list.
debian_sources() {
	apt-get indextargets \
		--format "deb [signed-by=$keyring] \$(REPO_URI) \$(RELEASE) \$(COMPONENT)" \
		'Created-By: Packages' 'Origin: Debian' | sort -u
}

# Writes an apt configuration into $lists in which no package is installed. Settings that it
# leaves out (proxies, passwords, preferences) are those of this machine. A mirror that is
# behind will do. The arguments are lines to add; standard input is the sources.list.
write_configuration() {
	mkdir -p "$lists"/{lists,archives}/partial
	: >"$lists/status"
	cat >"$lists/sources.list"
	cat >"$lists/apt.conf" <<END
Dir::State "$lists";
Dir::State::status "$lists/status";
Dir::Cache "$lists";
Dir::Etc::SourceList "$lists/sources.list";
Dir::Etc::SourceParts "/dev/null";
Acquire::Languages "none";
Acquire::Check-Valid-Until "false";
APT::Install-Recommends "false";
APT::Sandbox::User "$(id -un)";
END
	[ $# = 0 ] || printf '%s\n' "$@" >>"$lists/apt.conf"
}

# Is the last update old enough that there may be newer packages?
lists_are_old() {
	[ -z "$(find "$lists/refreshed" -mtime -1 2>/dev/null)" ]
}

have_lists() {
	compgen -G "$lists/lists/*_Packages*" >/dev/null
}

# True if apt-get and apt-cache use the configuration with this name (unstable, arm64).
in_lists() {
	[ "${APT_CONFIG-}" = "$cache/apt/$1/apt.conf" ]
}

# Makes apt-get and apt-cache use the configuration in $lists from here on.
use_lists() {
	export APT_CONFIG=$lists/apt.conf
	if ! have_lists; then
		refresh_lists
	elif lists_are_old; then
		(refresh_lists) || say "going on with the package lists as they are"
	fi
}

use_unstable() {
	local mirror

	need_apt
	lists=$cache/apt/unstable
	mirror=$(debian_mirror)
	[ -n "$mirror" ] || { apt_update; mirror=$(debian_mirror); }
	[ -n "$mirror" ] ||
		die "cannot look in Debian unstable: no package source of this machine is Debian's"
	write_configuration <<<"deb [signed-by=$keyring] $mirror unstable main"
	use_lists
}

# Does without "dpkg --add-architecture", which would change this machine.
use_architecture() {
	local sources

	need_apt
	! in_lists "$1" || return 0
	lists=$cache/apt/$1
	sources=$(debian_sources)
	[ -n "$sources" ] || { apt_update; sources=$(debian_sources); }
	[ -n "$sources" ] ||
		die "cannot look for $1: no package source of this machine is Debian's"
	write_configuration "APT::Architecture \"$1\";" '#clear APT::Architectures;' \
		"APT::Architectures { \"$1\"; };" <<<"$sources"
	use_lists
}

# If the mirror lacks one of the lists, the others may be enough.
refresh_lists() {
	if [ -n "${lists-}" ]; then
		say "updating the package lists of Debian ${lists##*/}"
		quietly apt-get -qq update || have_lists ||
			die "apt-get update failed for Debian ${lists##*/}"
		touch "$lists/refreshed"
	else
		apt_update
	fi
}

apt_depends() {
	apt-cache depends --no-recommends --no-suggests --no-conflicts --no-breaks \
		--no-replaces --no-enhances "$@" 2>/dev/null | sed -n 's/^ *Depends: //p'
}

# As apt_download, with all that they depend on: a system, as nothing is installed there.
apt_download_system() {
	mkdir -p partial &&
		quietly apt-get -qq -y -o Dir::Cache::archives="$PWD" --download-only install "$@"
}
