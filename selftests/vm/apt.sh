# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Packages to take apart, not to install: from this machine's package sources or, after
# use_unstable, from Debian unstable. Sourced, instead of common.sh, which it includes.

. "${BASH_SOURCE[0]%/*}/common.sh"

unstable=$cache/apt/unstable

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

# A configuration for unstable alone, in which nothing is installed. What it does not say
# (proxies, passwords, preferences) is as on this machine. A mirror that is behind will do.
write_configuration() {
	mkdir -p "$unstable"/{lists,archives}/partial
	: >"$unstable/status"
	cat >"$unstable/apt.conf" <<END
Dir::State "$unstable";
Dir::State::status "$unstable/status";
Dir::Cache "$unstable";
Dir::Etc::SourceList "$unstable/sources.list";
Dir::Etc::SourceParts "/dev/null";
Acquire::Languages "none";
Acquire::Check-Valid-Until "false";
APT::Install-Recommends "false";
APT::Sandbox::User "$(id -un)";
END
	echo "deb [signed-by=$1] $2 unstable main" >"$unstable/sources.list"
}

# Has it been so long that there may be something new?
lists_are_old() {
	[ -z "$(find "$unstable/refreshed" -mtime -1 2>/dev/null)" ]
}

in_unstable() {
	[ "${APT_CONFIG-}" = "$unstable/apt.conf" ]
}

# From here on, apt-get and apt-cache know nothing but unstable.
use_unstable() {
	local mirror

	need_apt
	mirror=$(debian_mirror)
	[ -n "$mirror" ] || { apt_update; mirror=$(debian_mirror); }
	[ -n "$mirror" ] ||
		die "cannot look in Debian unstable: no package source of this machine is Debian's"
	write_configuration /usr/share/keyrings/debian-archive-keyring.gpg "$mirror"
	export APT_CONFIG=$unstable/apt.conf
	if ! compgen -G "$unstable/lists/*_InRelease" >/dev/null; then
		refresh_lists
	elif lists_are_old; then
		(refresh_lists) || say "going on with the package lists as they are"
	fi
}

refresh_lists() {
	if in_unstable; then
		say "updating the package lists of Debian unstable"
		quietly apt-get -qq update || die "apt-get update failed for Debian unstable"
		touch "$unstable/refreshed"
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
