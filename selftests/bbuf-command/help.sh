#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Whether --help, the messages, the manual pages and the headers say the same.

# shellcheck disable=SC2317 # run_tests calls all
. ./lib.sh

manual=/usr/share/man
headers=(/usr/include/bbuf.h /usr/include/linux/bbuf.h)

# Commands with a page of their own; all others are in bbuf(1).
own_page='work jobserver bench'
tools='producer consumer timeline copies'

if [ ! -e "$manual/man1/bbuf.1" ] || [ ! -e "${headers[0]}" ]; then
	echo "1..0 # SKIP the manual pages and headers are not installed in /usr"
	exit $skip_status
fi

commands()
{
	bbuf --help | sed -n 's/^  \([a-z]*\)  *[a-z].*/\1/p'
}

in_bbuf_1()
{
	commands | grep -vxF -e "${own_page// /$'\n'}"
}

page_of()
{
	case " $own_page " in
	*" $1 "*)	echo "$manual/man1/bbuf-$1.1" ;;
	*)		echo "$manual/man1/bbuf.1" ;;
	esac
}

# A page as text, roughly: requests, fonts and escapes are taken out. A term that is explained
# stands behind a tab.
plain()
{
	awk '
	# The arguments of a request, joined by what it puts between them.
	function join(line, between,	text, word, first) {
		first = 1
		while (match(line, /^ *("[^"]*"|(\\.|[^ \\])+)/)) {
			word = substr(line, RSTART, RLENGTH)
			line = substr(line, RSTART + RLENGTH)
			sub(/^ */, "", word)
			gsub(/^"|"$/, "", word)
			text = text (first ? "" : between) word
			first = 0
		}
		return text
	}
	function clean(text) {
		gsub(/\\f[A-Z]/, "", text)
		gsub(/\\&/, "", text)
		gsub(/\\-/, "-", text)
		gsub(/\\[ ~]/, " ", text)
		gsub(/\\\(aq/, "\047", text)
		gsub(/\\e/, "\\", text)
		return text
	}
	/^\.\\"/	{ next }
	/^\.T[PQ]/	{ term = "\t"; next }
	{ continued = sub(/\\c$/, "") }
	/^\.(BR|RB|BI|IB|IR|RI) /	{ $0 = join(substr($0, 5), "") }
	/^\.[BI] /	{ $0 = join(substr($0, 4), " ") }
	{ printf "%s%s%s", term, clean($0), continued ? "" : "\n"; term = "" }
	' "$1"
}

# Long options in the text, except the ones that every program has.
long_options()
{
	grep -oE -e '--[a-z][a-z-]+' | grep -vxE -e '--(help|usage)' | sort -u
}

# The options that a program's help lists, as "-x, --long" or "--long".
option_lines()
{
	"$@" --help | sed -nE 's/^ +((-[A-Za-z0-9], )?--[a-z-]+).*/\1/p' |
		grep -vE -e '--(help|usage)$' | sort
}

# The part of the SYNOPSIS of a page that is about a command.
synopsis()
{
	plain "$(page_of "$1")" | sed -n "/^\.SY \"bbuf $1\"/,/^\.YS/p"
}

# The options that are explained in a page.
explained()
{
	plain "$1" | sed -nE 's/^\t((-[A-Za-z0-9], )?--[a-z][a-z-]+).*/\1/p' | sort -u
}

same()
{
	[ "$1" = "$2" ] || {
		echo "# $3: in one alone:" >&2
		diff <(echo "$1") <(echo "$2") | sed 's/^/#   /' >&2
		return 1
	}
}

all_programs()
{
	local program

	echo bbuf
	for program in $(commands); do
		echo "bbuf $program"
	done
	for program in $tools demo /usr/lib/bbuf/examples/*; do
		echo "$program"
	done
}

test_help_fits_into_a_terminal()
{
	local program wide

	while read -r program; do
		# shellcheck disable=SC2086 # several words
		wide=$($program --help | grep -nE '.{81}| $' || true)
		same '' "$wide" "$program --help, too long or with blanks at the end"
	done < <(all_programs)
}

# One that the library of options has broken begins at the left.
test_lists_in_help_are_not_broken()
{
	not grep -v '^  [a-z]* ' <(bbuf bench --help | sed '1,/^Patterns:/d; /^$/,$d')
	not grep -v '^  [a-z]* ' <(bbuf --help | sed '1,/^$/d; /^$/,$d')
}

test_commands_are_in_the_manual()
{
	same "$(commands | sort)" "$(plain "$manual/man1/bbuf.1" |
		sed -n 's/^\.SY "bbuf \(.*\)"/\1/p' | sort -u)" 'commands, help and bbuf(1)'
}

# In the virtual machine this is mandoc's man, with a database of these pages.
test_pages_are_found_by_man()
{
	local page name

	type -P man >/dev/null || return 0
	for page in "$manual"/man*/{bbuf,libbbuf,timeline}*; do
		name=${page##*/}
		expect 0 '' man "${name##*.}" "${name%.*}"
		grep -q "${name%%[_.]*}" out
	done
}

test_options_are_in_the_synopsis_of_the_manual()
{
	local command

	for command in $(commands); do
		same "$(option_lines bbuf "$command" | long_options)" \
			"$(synopsis "$command" | long_options)" "$command: help and synopsis"
	done
}

test_options_are_explained_in_the_manual()
{
	local command

	same "$(for command in $(in_bbuf_1); do option_lines bbuf "$command"; done | sort -u)" \
		"$(explained "$manual/man1/bbuf.1")" 'help of all commands and bbuf(1)'
	for command in $own_page; do
		same "$(option_lines bbuf "$command")" "$(explained "$(page_of "$command")")" \
			"help and bbuf-$command(1)"
	done
}

# An option that only a new queue has a default for must not tell one elsewhere.
test_defaults_in_help_agree_with_the_manual()
{
	local command default

	not grep -q default <(bbuf set --help)
	for command in $(commands); do
		while read -r default; do
			plain "$(page_of "$command")" | tr '\n' ' ' |
				grep -qE "(^| )$default by default|by default $default( |$)" || {
				echo "# $command: $default is no default in its page" >&2
				return 1
			}
		done < <(bbuf "$command" --help | tr -s ' \n' ' ' |
			grep -oE '\(default:? [^ )]*[0-9][^ )]*\)' | sed 's/.* //; s/)//')
	done
}

# The numbers in "Exit status: 0 success, 1 failure, ...".
statuses_in_help()
{
	bbuf "$1" --help | tr '\n' ' ' | sed 's/.*Exit status: //' |
		grep -oE '(^|[,;] |and )[0-9]+ ' | grep -oE '[0-9]+' | sort -un
}

statuses_in_page()
{
	plain "$1" | sed '1,/^\.SH EXIT STATUS/d; /^\.SH/,$d' | sed -nE 's/^\t([0-9]+)$/\1/p' |
		sort -un
}

test_exit_statuses_in_help_agree_with_the_manual()
{
	local command number

	same "$(for command in $(in_bbuf_1) work; do statuses_in_help "$command"; done | sort -un)" \
		"$(statuses_in_page "$manual/man1/bbuf.1")" 'exit statuses, help and bbuf(1)'
	for command in work bench; do
		same "$(statuses_in_help "$command")" "$(statuses_in_page "$(page_of "$command")")" \
			"exit statuses, help and bbuf-$command(1)"
	done
	# That of its command comes first there, and has no number of its own.
	for number in $(statuses_in_help jobserver | grep -vx 0); do
		statuses_in_page "$manual/man1/bbuf-jobserver.1" | grep -qx "$number"
	done
}

# "0 success, 1 failure, 2 wrong usage", and nothing that belongs to one of them behind it.
test_exit_statuses_are_listed_in_help()
{
	local command

	for command in $(commands); do
		bbuf "$command" --help | tr '\n' ' ' |
			grep -qE 'Exit status: 0 success.*[,;] 1 failure.*, 2 wrong usage[.,] '
	done
}

# `bbuf COMMAND --option' in what the programs say: there are such commands and options.
test_advice_can_be_followed()
{
	local advice command option

	while read -r advice; do
		command=$(cut -d ' ' -f 2 <<<"$advice")
		[ "$command" != COMMAND ] || continue
		[[ $command = --help ]] || grep -qx "$command" <(commands) || {
			echo "# there is no such command: $advice" >&2
			return 1
		}
		for option in $(long_options <<<"$advice"); do
			grep -qe "$option\$" <(option_lines bbuf "$command") || {
				echo "# there is no such option: $advice" >&2
				return 1
			}
		done
	done < <(for program in bbuf $tools; do
		grep -aoE "[\`]bbuf [^'\`]+['\`]" "$(type -P "$program")"
	done | tr -d "\`'" | sort -u)
}

# "STRUCT MEMBER" of each member of each structure in a header, or in the pages.
members()
{
	awk '
	/^struct [a-z_]+ \{/ { name = $2; next }
	/^}/ { name = "" }
	name && /;/ {
		sub(/\/\*.*/, "")
		sub(/;.*/, "")
		gsub(/\[[^]]*\]/, "")
		sub(/^[ \t]*(const )?(struct [a-z_]+|[a-z_0-9]+)[ \t]+/, "")
		count = split($0, list, /,/)
		for (i = 1; i <= count; i++) {
			gsub(/[ \t*]/, "", list[i])
			print name, list[i]
		}
	}' "$@" | sort -u
}

structures()
{
	sed -nE 's/^struct ([a-z_]+) \{.*/\1/p' "$@" | sort -u
}

test_structures_in_pages_are_those_of_the_headers()
{
	local name pages=("$manual"/man3/*.3)

	[ -n "$(members "${pages[@]}")" ]
	for name in $(structures "${pages[@]}"); do
		same "$(members "${headers[@]}" | grep "^$name ")" \
			"$(members "${pages[@]}" | grep "^$name ")" "struct $name, header and page"
	done
}

test_structures_are_in_the_manual()
{
	local name

	for name in $(structures "${headers[@]}"); do
		grep -q "struct $name\b" "$manual"/man[34]/*bbuf* || {
			echo "# no page names struct $name" >&2
			return 1
		}
	done
}

# Functions of the library and their pages; what one page says of another is a page.
test_functions_have_pages()
{
	local name

	for name in $(grep -oE '^[a-z].*\bbbuf_[a-z_]+\(' "${headers[0]}" |
			grep -oE 'bbuf_[a-z_]+\(' | tr -d '('); do
		[ -e "$manual/man3/$name.3" ] || {
			echo "# there is no page $name(3)" >&2
			return 1
		}
	done
	while read -r name; do
		[ -e "$manual/man${name##*.}/$name" ] || {
			echo "# there is no page $name, which others refer to" >&2
			return 1
		}
	done < <(sed -nE 's/\\//g; s/^\.BR ((lib)?bbuf[a-z_-]*) \(([134])\).*/\1.\3/p' \
		"$manual"/man[134]/*bbuf* | sort -u)
}

run_tests
