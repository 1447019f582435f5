# SPDX-License-Identifier: GPL-2.0-only
#
# The table of all instructions in the README beside this file, after table.awk.

function show(key, queue,   part, i, line) {
	split(key, part, FS)
	line = sprintf("%-8s %5s %4s %-6s %8s %-13s %6s", part[1], part[2], part[3], part[4],
		field[key, queue, "messages"], queue, field[key, queue, "figure"])
	for (i = 1; i <= others; i++)
		line = line sprintf(" %*s", length(other[i]) + 1 < 5 ? 5 : length(other[i]) + 1,
				    ratio(field[key, queue, "figure"],
					  field[key, other[i], "figure"]))
	sub(/ +$/, "", line)
	print line
}

END {
	others = split("pipe mq sysv unix seqpacket floor", other, " ")
	print "```"
	printf "%-8s %5s %4s %-6s %8s %-13s %6s", "PATTERN", "SIZE", "NUM", "PHASE", "MESSAGES",
		"QUEUE", "COUNT"
	for (i = 1; i <= others; i++)
		printf " %5s", "/" other[i]
	print ""
	for (i = 1; i <= key_count; i++)
		for (j = 1; j <= queue_count[keys[i]]; j++)
			show(keys[i], queues[keys[i], j])
	print "```"
}
