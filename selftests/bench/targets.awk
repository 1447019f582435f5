# SPDX-License-Identifier: GPL-2.0-only
#
# Reads one of the targets-*.csv and the output of bbuf bench --csv, and prints how far the
# targets are met. A target is the maximum or minimum of a figure, relative to
#
#   - the best of other kinds of queues, with a "+" between them;
#   - the same kind, but another number of it;
#   - nothing: by itself.

BEGIN { FS = "," }
FNR == 1 { file++ }
/^#/ || NF < 5 { next }

$1 == "pattern" {
	for (i = 1; i <= NF; i++) {
		name[file, i] = $i
		column[file, $i] = i
	}
	next
}

file == 1 { target[++targets] = $0; next }

{
	for (i = 5; i <= NF; i++)
		found[$1, $2, $3, $4, name[file, i]] = $i
}

# The ratios are those of what a message takes: medians of all rounds.
function of_queues(part,   names, n, i, ratio, worst) {
	n = split(part[6], names, "+")
	for (i = 1; i <= n; i++) {
		ratio = found[part[1], part[2], part[3], part[4], "of_" names[i]]
		if (ratio > worst)
			worst = ratio
	}
	if (!worst)
		return ""
	return part[5] == "ns" ? worst : 1 / worst
}

function of_number(part,   base) {
	base = found[part[1], part[2], part[6], part[4], part[5]]
	return base > 0 ? found[part[1], part[2], part[3], part[4], part[5]] / base : ""
}

function value(part) {
	if (part[6] == "")
		return found[part[1], part[2], part[3], part[4], part[5]]
	return part[6] ~ /^[0-9:]+$/ ? of_number(part) : of_queues(part)
}

function show(line,   part, is, met) {
	split(line, part, FS)
	is = value(part)
	met = (part[7] == "" || is <= part[7]) && (part[8] == "" || is >= part[8])
	printf "%-9s %6s %6s %-12s %-9s %9s %9s %9s  %s\n", part[1], part[2], part[3], part[4],
		part[5], part[6], is == "" ? "" : sprintf("%.2f", is),
		part[7] == "" ? ">= " part[8] : "<= " part[7],
		is == "" ? "not measured" : met ? "met" : "not met"
}

END {
	printf "%-9s %6s %6s %-12s %-9s %9s %9s %9s\n", "TARGET", "SIZE", "NUMBER", "QUEUE",
		"FIGURE", "OF", "IS", "WANTED"
	for (i = 1; i <= targets; i++)
		show(target[i])
}
