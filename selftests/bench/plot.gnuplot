# SPDX-License-Identifier: GPL-2.0-only
#
# Draws a table of ratios.awk. The script plot sets "table", "heading" and "places" (what the
# lines of the table are).

set terminal svg size 640, 340 font "sans-serif,13" background "white"
set datafile separator tab
set datafile missing "NaN"
set key outside right top noenhanced
set grid ytics linecolor "#d0d0d0"
set border 3
set logscale y 2
set ytics nomirror ("1/16" 0.0625, "1/8" 0.125, "1/4" 0.25, "1/2" 0.5, "1" 1, "2" 2, "4" 4, \
	"8" 8, "16" 16, "32" 32, "64" 64)
set xtics nomirror noenhanced
set title heading noenhanced
set xlabel places
set ylabel "ratio to a pipe (below 1: cheaper)"

# The queues of bbuf stand out from the others; a pipe is the line at 1.
is_bbuf(name) = substr(name, 1, 4) eq "bbuf"
dash(name) = name eq "pipe" ? 2 : 1
lines = system(sprintf("wc -l <'%s'", table)) - 1
columns = system(sprintf("head -n 1 '%s'", table))
count = words(columns)
colours = "#0b57d0 #b3261e #137333 #8430ce #b06000 #5f6368 #00796b #c2185b #827717 #4e342e"
set xrange [-0.3:lines - 0.7]
plot for [i = 2:count] table skip 1 using 0:i:xticlabel(1) with linespoints \
	linewidth (is_bbuf(word(columns, i)) ? 3 : 1) \
	dashtype dash(word(columns, i)) pointtype i pointsize 0.7 \
	linecolor rgb word(colours, (i - 2) % words(colours) + 1) title word(columns, i)
