# SPDX-License-Identifier: GPL-2.0-only
#
# Reads one of the targets-*.csv and the output of bbuf bench --csv, and prints how far the
# targets are met. A target is the maximum or minimum of a figure, relative to
#
#   - the best of other kinds of queues, with a "+" between them;
#   - the same kind, but another number of it;
#   - nothing: by itself.
#
# A target whose last field is "open" is one that nobody expects to be met yet. With -v strict=1
# any other target that is not met, or not measured, is a failure.

BEGIN { FS = "," }
FNR == 1 { file++ }
/^#/ || NF < 6 { next }

$1 == "pattern" {
	for (i = 1; i <= NF; i++) {
		name[file, i] = $i
		column[file, $i] = i
	}
	next
}

file == 1 { target[++targets] = $0; next }

{
	for (i = 6; i <= NF; i++)
		found[$1, $2, $3, $4, $5, name[file, i]] = $i
}

# The ratios are those of what a message takes: medians of all rounds.
function of_queues(part,   names, n, i, ratio, worst) {
	n = split(part[7], names, "+")
	for (i = 1; i <= n; i++) {
		ratio = found[part[1], part[2], part[3], part[4], part[5], "of_" names[i]]
		if (!ratio)
			return ""
		if (ratio > worst)
			worst = ratio
	}
	return part[6] == "ns" ? worst : 1 / worst
}

function of_number(part,   base) {
	base = found[part[1], part[2], part[7], part[4], part[5], part[6]]
	return base > 0 ? found[part[1], part[2], part[3], part[4], part[5], part[6]] / base : ""
}

function value(part) {
	if (part[7] == "")
		return found[part[1], part[2], part[3], part[4], part[5], part[6]]
	return part[7] ~ /^[0-9:]+$/ ? of_number(part) : of_queues(part)
}

# Compares what is printed: a figure of 0.5005 meets a target of 0.50. What split() made of a line
# is compared as text unless a number is added.
function is_met(part, is) {
	is = sprintf("%.2f", is)
	return (part[8] == "" || is + 0 <= part[8] + 0) &&
	       (part[9] == "" || is + 0 >= part[9] + 0)
}

function show(line,   part, is, met, open) {
	split(line, part, FS)
	is = value(part)
	met = is != "" && is_met(part, is)
	open = part[10] == "open"
	printf "%-9s %6s %6s %-6s %-13s %-9s %9s %9s %9s  %s%s\n", part[1], part[2], part[3],
		part[4], part[5], part[6], part[7], is == "" ? "" : sprintf("%.2f", is),
		part[8] == "" ? ">= " part[9] : "<= " part[8],
		is == "" ? "not measured" : met ? "met" : "not met", open ? " (open)" : ""
	if (!met && !open)
		bad++
}

END {
	printf "%-9s %6s %6s %-6s %-13s %-9s %9s %9s %9s\n", "TARGET", "SIZE", "NUMBER",
		"PHASE", "QUEUE", "FIGURE", "OF", "IS", "WANTED"
	for (i = 1; i <= targets; i++)
		show(target[i])
	exit (strict && bad > 0)
}
