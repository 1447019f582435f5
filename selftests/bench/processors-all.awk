# SPDX-License-Identifier: GPL-2.0-only
#
# The tables of two processors in the README beside this file, after table.awk.

function number(key, queue, what, digits,   is) {
	is = field[key, queue, what]
	return is == "" ? "" : sprintf("%.*f", digits, is)
}

function show(key, queue,   part, i, line) {
	split(key, part, FS)
	line = sprintf("%-7s %5s %5s %-6s %-13s %8s %6s %5s %8s %4s %6s", part[1], part[2], part[3],
		part[4], queue, number(key, queue, "ns", 0), number(key, queue, "mb_per_s", 1),
		number(key, queue, "calls", 2), number(key, queue, "switches", 3),
		number(key, queue, "fairness", 2), number(key, queue, "spread", 2))
	for (i = 1; i <= others; i++)
		line = line sprintf(" %5s", number(key, queue, "of_" other[i], 2))
	sub(/ +$/, "", line)
	print line
}

# What the machine did meanwhile.
function conditions(   i, others_most, steal_most, key) {
	for (i = 1; i <= key_count; i++) {
		key = keys[i]
		if (field[key, "pipe", "others"] > others_most + 0)
			others_most = field[key, "pipe", "others"]
		if (field[key, "pipe", "steal"] > steal_most + 0)
			steal_most = field[key, "pipe", "steal"]
	}
	key = keys[1]
	printf "load average %.2f, other runnable tasks %.0f; two busy processes did %.2f times the\n",
		field[key, "pipe", "load"], field[key, "pipe", "runnable"],
		field[key, "pipe", "speedup"]
	printf "work of one; other processes took up to %.0f %% of the processors, the host %.0f %%\n",
		100 * others_most, 100 * steal_most
}

END {
	others = split("pipe mq sysv unix seqpacket", other, " ")
	shown = "^(stream,(64|4096|65536|1048576),|pingpong,|many,).*,steady$"
	print "```"
	conditions()
	print ""
	printf "%-7s %5s %5s %-6s %-13s %8s %6s %5s %8s %4s %6s", "PATTERN", "SIZE", "NUM",
		"PHASE", "QUEUE", "NS", "MB/s", "CALLS", "SWITCHES", "FAIR", "SPREAD"
	for (i = 1; i <= others; i++)
		printf " %5s", "/" substr(other[i], 1, 4)
	print ""
	for (i = 1; i <= key_count; i++)
		for (j = 1; keys[i] ~ shown && j <= queue_count[keys[i]]; j++)
			show(keys[i], queues[keys[i], j])
	print "```"
}
