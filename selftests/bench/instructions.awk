# SPDX-License-Identifier: GPL-2.0-only
#
# The table of instructions in README.md, after table.awk.

function figure(key, queue) {
	return field[key, queue, "figure"]
}

# What a message of one kind of work takes in a queue of bbuf and in others.
function row(work, key, queue,   ours, i) {
	ours = figure(key, queue)
	printf "| %s | %s | %s | %s | %s", work, thousands(ours), thousands(figure(key, "pipe")),
		ratio(ours, figure(key, "pipe")), ratio(ours, figure(key, "floor"))
	for (i = 1; i <= 2; i++)
		printf " | %s", figure(key, other[i]) == "" ? "" : thousands(figure(key, other[i]))
	print " |"
}

END {
	split("mq seqpacket", other, " ")
	print "| work | bbuf | pipe | of a pipe | of the floor | message queue | seqpacket |"
	print "| --- | --- | --- | --- | --- | --- | --- |"
	row("64 bytes, one process writes and reads", "self,64,,steady", "bbuf-stream")
	row("records of 64 bytes, framed by 64, one process", "self,64,,steady", "bbuf-framed")
	row("64 bytes, between two processes", "stream,64,,steady", "bbuf-stream")
	row("a record of 64 bytes, between two processes", "stream,64,,steady", "bbuf-record")
	row("the same, put and got one by one, buffered by libbbuf", "stream,64,,steady",
	    "bbuf-buffered")
	row("4 KiB, between two processes", "stream,4096,,steady", "bbuf-stream")
	row("64 KiB, between two processes", "stream,65536,,steady", "bbuf-stream")
	row("64 bytes to and fro between two processes that sleep", "pingpong,64,,steady",
	    "bbuf-stream")
}
