# SPDX-License-Identifier: GPL-2.0-only
#
# Reads figures.csv or what bbuf bench --csv has printed, and prints one pattern of use as a table
# for plot.gnuplot: a line for each size (or number) of messages, a column for each kind of queue,
# and in it the ratio to a pipe, or NaN. awk -v pattern=PATTERN -f ratios.awk FILE

BEGIN { FS = "," }
/^#/ { next }

$1 == "pattern" {
	for (i = 1; i <= NF; i++)
		column[$i] = i
	value = column["ns"] ? column["ns"] : column["figure"]
	next
}

# The first messages of a fresh queue are another measurement.
$1 == pattern && $value != "" && $column["phase"] != "first" {
	place = $column["number"] != "" ? $column["number"] : size_text($column["size"])
	queue = $column["queue"]
	if (!(place in seen_place)) {
		seen_place[place]
		places[++place_count] = place
	}
	if (!(queue in seen_queue)) {
		seen_queue[queue]
		queues[++queue_count] = queue
	}
	found[place, queue] = $value
	# The median of the ratios of each round is better than the ratio of two medians.
	if (column["of_pipe"])
		ratio[place, queue] = $column["of_pipe"]
}

function size_text(bytes) {
	if (bytes >= 1024 * 1024 && bytes % (1024 * 1024) == 0)
		return bytes / 1024 / 1024 " MiB"
	return bytes >= 1024 && bytes % 1024 == 0 ? bytes / 1024 " KiB" : bytes + 0
}

function ratio_of(place, queue) {
	if (ratio[place, queue] != "")
		return ratio[place, queue]
	if (found[place, queue] == "" || !found[place, "pipe"])
		return "NaN"
	return found[place, queue] / found[place, "pipe"]
}

END {
	if (!("pipe" in seen_queue))
		exit
	printf "place"
	for (q = 1; q <= queue_count; q++)
		printf "\t%s", queues[q]
	print ""
	for (p = 1; p <= place_count; p++) {
		printf "%s", places[p]
		for (q = 1; q <= queue_count; q++)
			printf "\t%s", ratio_of(places[p], queues[q])
		print ""
	}
}
