# SPDX-License-Identifier: GPL-2.0-only
#
# The table of two processors in README.md, after table.awk.

function row(work, key, queue,   fairness) {
	if (field[key, queue, "of_pipe"] == "")
		return
	fairness = field[key, queue, "fairness"]
	if (fairness != "")
		fairness = sprintf("%.2f", fairness)
	printf "| %s | %.2f | %.2f | %.3f | %s |\n", work, field[key, queue, "of_pipe"],
		field[key, queue, "spread"], field[key, queue, "switches"], fairness
}

function many(number, queue, what) {
	row(number " producers and consumers, " what, "many,64," number ",steady", queue)
}

END {
	print "| work | time, of a pipe | spread | switches per message | fairness |"
	print "| --- | --- | --- | --- | --- |"
	row("64 bytes, from one process to another", "stream,64,,steady", "bbuf-stream")
	row("4 KiB", "stream,4096,,steady", "bbuf-stream")
	row("64 KiB", "stream,65536,,steady", "bbuf-stream")
	many("1:1", "bbuf-record", "records of 64 bytes")
	many("1:16", "bbuf-record", "records of 64 bytes")
	many("16:1", "bbuf-record", "records of 64 bytes")
	many("8:8", "bbuf-record", "records of 64 bytes")
	many("16:16", "bbuf-record", "records of 64 bytes")
	many("32:32", "bbuf-record", "records of 64 bytes")
	many("16:16", "bbuf-framed", "records framed by 64")
	many("32:32", "bbuf-framed", "records framed by 64")
}
