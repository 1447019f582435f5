#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# All other tests with a bbuf that is built with the address and the undefined behaviour
# sanitizer. Takes several times as long, and is not part of "make check".

set -u
here=$(dirname "$(realpath "$0")")
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
ln -s "$here/sanitized_bbuf" "$folder/bbuf"
PATH=$folder:$PATH
cd "$here" || exit

failed=0
for script in create node show set put get lease top bench misc; do
	echo "# $script.sh"
	./$script.sh || failed=1
done
exit $failed
