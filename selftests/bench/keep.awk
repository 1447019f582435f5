# SPDX-License-Identifier: GPL-2.0-only
#
# Makes figures.csv of what bbuf bench --csv has printed.

BEGIN {
	FS = ","
	print "# SPDX-License-Identifier: GPL-2.0-only"
	print "# What was found by make bench-count: instructions for a message, and bytes of"
	print "# kernel memory. Made by make bench-count UPDATE=1."
	print "pattern,size,number,phase,queue,messages,figure"
}

$1 == "pattern" {
	for (i = 1; i <= NF; i++)
		column[$i] = i
	next
}

NF > 5 {
	printf "%s,%s,%s,%s,%s,%s,%.0f\n", $1, $2, $3, $4, $5,
		$column["messages"] == "" ? "" : sprintf("%.0f", $column["messages"]),
		$column["ns"] != "" ? $column["ns"] : $column["bytes"]
}
