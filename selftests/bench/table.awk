# SPDX-License-Identifier: GPL-2.0-only
#
# Reads figures.csv or figures-bench.csv, for the programs that make tables of them.

BEGIN { FS = "," }
/^#/ { next }

$1 == "pattern" {
	for (i = 1; i <= NF; i++)
		name[i] = $i
	next
}

{
	key = $1 FS $2 FS $3 FS $4
	if (!(key in seen)) {
		seen[key]
		keys[++key_count] = key
	}
	if (!((key, $5) in known)) {
		known[key, $5]
		queues[key, ++queue_count[key]] = $5
	}
	for (i = 6; i <= NF; i++)
		field[key, $5, name[i]] = $i
}

# 1234567 as 1,234,567.
function thousands(number,   left, right) {
	left = sprintf("%.0f", number)
	while (length(left) > 3) {
		right = "," substr(left, length(left) - 2) right
		left = substr(left, 1, length(left) - 3)
	}
	return left right
}

function ratio(a, b) {
	return a > 0 && b > 0 ? sprintf("%.2f", a / b) : ""
}
