#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Loads the module's unit tests, which runs them, and repeats their results.

module=/usr/lib/bbuf/bbuf_test.ko
mark="bbuf: unit tests begin"
skip_status=4

# All suites as one. KUnit indents what a suite consists of; a result that is missing would
# be missed, as the plan is KUnit's own.
flatten() {
	awk -v mark="$mark" '
	index($0, mark) { begun = 1; next }
	!begun { next }
	sub(/^    1\.\./, "") { planned += $0; next }
	/^    (not )?ok / { sub(/^ */, ""); sub(/ok [0-9]+/, "ok " ++n); print; next }
	{ print "# " $0 }
	END { print planned ? "1.." planned : "Bail out! KUnit ran none of them" }'
}

echo "TAP version 13"
if [ ! -e $module ]; then
	echo "1..0 # SKIP the kernel has no KUnit"
	exit $skip_status
fi
echo "$mark" >/dev/kmsg
insmod $module || exit
dmesg --notime | flatten
rmmod bbuf_test
