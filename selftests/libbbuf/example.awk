# SPDX-License-Identifier: GPL-2.0-only
#
# Prints one .EX block of the section EXAMPLES of a manual page, as a reader sees it.
#
#   awk -v block=NUMBER -f example.awk PAGE

function plain(line)
{
	sub(/^\\&/, "", line)
	gsub(/\\-/, "-", line)
	gsub(/\\\(aq/, "'", line)
	gsub(/\\\(dq/, "\"", line)
	gsub(/\\\(ti/, "~", line)
	gsub(/\\\(ha/, "^", line)
	gsub(/\\e/, "\\", line)
	return line
}

/^\.SH/			{ examples = /EXAMPLES/; next }
/^\.EE/			{ inside = 0 }
inside			{ print plain($0) }
examples && /^\.EX/	{ inside = ++blocks == block }
