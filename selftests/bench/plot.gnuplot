# SPDX-License-Identifier: GPL-2.0-only
#
# Draws what bbuf bench --csv has printed, a chart for each pattern of use:
# gnuplot -e "csv = 'FILE'" plot.gnuplot >FILE.svg

set terminal svg size 1400, 1200 font "sans,13" background "white"
set datafile separator comma
set datafile columnheaders
set datafile missing NaN
set multiplot layout 3, 2
set key outside right
set grid
set logscale y

queues(pattern) = system(sprintf( \
	"awk -F, '$1 == \"%s\" && !seen[$4]++ { print $4 }' '%s'", pattern, csv))
kinds = system(sprintf("awk -F, 'NR > 1 && !seen[$4]++ { print $4 }' '%s'", csv))
has(pattern) = words(queues(pattern)) > 0
of(pattern, queue) = strcol(1) eq pattern && strcol(4) eq queue
place(list, what) = sum [i = 1:words(list)] (word(list, i) eq what ? i : 0)
number(text) = int(text) + 0

set style data linespoints
set logscale x 2

set xlabel "bytes of a message"
set format x "%.0b%B"
if (has("self")) {
	set title "put in and taken out by one process"
	set ylabel "ns a message"
	plot for [q in queues("self")] csv using \
		(of("self", q) ? column("size") : NaN):(column("ns")) lt place(kinds, q) title q
}
if (has("stream")) {
	set title "from one process to another"
	set ylabel "MB/s"
	plot for [q in queues("stream")] csv using \
		(of("stream", q) ? column("size") : NaN):(column("mb_per_s")) lt place(kinds, q) title q
}
if (has("uring")) {
	set title "by io\\_uring, 16 pairs a call"
	set ylabel "ns a message"
	plot for [q in queues("uring")] csv using \
		(of("uring", q) ? column("size") : NaN):(column("ns")) lt place(kinds, q) title q
}

set xlabel "queues in one epoll"
set format x "%g"
set xtics (1, 10, 100, 1000)
if (has("epoll")) {
	set title "used in turn by one process, 64 bytes"
	set ylabel "ns a message"
	plot for [q in queues("epoll")] csv using \
		(of("epoll", q) ? number(strcol(3)) : NaN):(column("ns")) lt place(kinds, q) title q
}

unset logscale x
crews = "1:1 2:2 4:4 8:8 16:16 32:32 1:16 16:1"
set xlabel "producers : consumers"
set offsets 0.5, 0.5, 0, 0
set xtics ()
do for [i = 1:words(crews)] { set xtics add (word(crews, i) i) }
if (has("many")) {
	set title "many processes on one queue, 64 bytes"
	set ylabel "ns a message"
	plot for [q in queues("many")] csv using \
		(of("many", q) ? place(crews, strcol(3)) : NaN):(column("ns")) \
		with points lt place(kinds, q) title q
}

if (has("pingpong")) {
	set xtics ()
	all = queues("pingpong")
	do for [i = 1:words(all)] { set xtics add (word(all, i) i) }
	set xtics rotate by 20 right
	set xlabel ""
	set title "to and fro, 64 bytes"
	set ylabel "ns a round trip"
	plot for [f in "median_ns p99_ns p999_ns"] csv using \
		(strcol(1) eq "pingpong" && column("size") == 64 ? place(all, strcol(4)) : NaN): \
		(column(f)) with points title f noenhanced
}
unset multiplot
