# SPDX-License-Identifier: GPL-2.0-only
#
# Reads figures.csv and what bbuf bench --csv has printed, and tells how they compare. Fails
# if a figure of bbuf has become worse.

BEGIN {
	FS = ","
	limit = 1.02
	others = split("pipe mq sysv unix seqpacket floor", other, " ")
}

FNR == 1 { file++ }
/^#/ { next }

$1 == "pattern" {
	for (i = 1; i <= NF; i++)
		column[$i] = i
	next
}

NF < 6 { print >"/dev/stderr"; next }

{ key = $1 FS $2 FS $3 FS $4 FS $5 }

file == 1 { kept[key] = $column["figure"]; next }

{
	order[++count] = key
	found[key] = $column["ns"] != "" ? $column["ns"] : $column["bytes"]
}

function ratio(a, b) {
	return b > 0 ? sprintf("%.2f", a / b) : ""
}

# How a figure has changed since it was kept.
function change(key) {
	return kept[key] > 0 ? sprintf("%+.1f %%", 100 * (found[key] / kept[key] - 1)) : "new"
}

function show(key,   part, work, i) {
	split(key, part, FS)
	work = part[1] FS part[2] FS part[3] FS part[4]
	printf "%-9s %6s %6s %-6s %-13s %9.0f %9s", part[1], part[2], part[3], part[4],
		part[5], found[key], change(key)
	for (i = 1; i <= others; i++)
		printf " %9s", ratio(found[key], found[work FS other[i]])
	print ""
}

function worse(key) {
	return key ~ /,bbuf-/ && kept[key] > 0 && found[key] > limit * kept[key]
}

END {
	printf "%-9s %6s %6s %-6s %-13s %9s %9s", "PATTERN", "SIZE", "NUMBER", "PHASE",
		"QUEUE", "COUNT", "CHANGE"
	for (i = 1; i <= others; i++)
		printf " %9s", "/" other[i]
	print ""
	for (i = 1; i <= count; i++)
		show(order[i])
	for (i = 1; i <= count; i++)
		if (worse(order[i]) && ++bad)
			printf "worse than in figures.csv: %s: %.0f instead of %.0f\n",
				order[i], found[order[i]], kept[order[i]]
	for (key in kept)
		if (key ~ /,bbuf-/ && !(key in found) && ++bad)
			printf "in figures.csv, and not measured: %s\n", key
	exit (bad > 0)
}
