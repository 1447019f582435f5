# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Completion of bbuf for bash. The words to complete come from the help of bbuf.

# The first words of the lines that list the commands.
_bbuf_commands()
{
	bbuf --help 2>/dev/null | sed -n 's/^  \([a-z]*\)  .*/\1/p'
}

# Long options, with the = of those that take an argument.
_bbuf_options()
{
	bbuf "$1" --help 2>/dev/null | grep -oE -- '--[a-z-]+(\[?=)?' | tr -d '[' | sort -u
}

_bbuf_queues()
{
	local path

	for path in /sys/class/bbuf/*; do
		[ ! -e "$path" ] || echo "${path##*/}"
	done
}

# Patterns and kinds of queues of bbuf bench: the lines, or words, below a heading of its help.
_bbuf_patterns()
{
	bbuf bench --help 2>/dev/null | sed -n '/^Patterns:/,/^$/s/^  \([a-z]*\) .*/\1/p'
}

_bbuf_kinds()
{
	bbuf bench --help 2>/dev/null | sed -n '/^Kinds of queues:/,/^$/{s/.*://; p}'
}

_bbuf_values()
{
	case $1 in
	--owner)	compgen -u -- "$2" ;;
	--group)	compgen -g -- "$2" ;;
	--eof-on-close | --drop-oldest)
			compgen -W 'yes no' -- "$2" ;;
	--dead-letters)	compgen -W "$(_bbuf_queues)" -- "$2" ;;
	--queue)	compgen -W "$(_bbuf_queues)" -- "$2" ;;
	--queues)	compgen -W "$(_bbuf_kinds)" -- "$2" ;;
	--json | --csv)	compgen -f -- "$2" ;;
	--sort)		compgen -W 'name fill in out waiting slept' -- "$2" ;;
	esac
}

# A queue for "work"; then a program, and files as its arguments.
_bbuf_command_words()
{
	local command=$1 place=$2 word=$3 programs=2 i

	[ "$command" != work ] || programs=3
	for ((i = 2; i < place; i++)); do
		[[ ${COMP_WORDS[i]} != -* ]] || programs=$place
	done
	if [ "$place" -lt "$programs" ]; then
		compgen -W "$(_bbuf_queues)" -- "$word"
	elif [ "$place" = "$programs" ]; then
		compgen -c -- "$word"
	else
		compgen -f -- "$word"
	fi
}

# Completes a word that is not an option.
_bbuf_words()
{
	local command=$1 place=$2 word=$3

	case $command in
	create | list | top)
		;;
	work | jobserver)
		_bbuf_command_words "$@" ;;
	bench)
		compgen -W "$(_bbuf_patterns)" -- "$word" ;;
	destroy)
		compgen -W "$(_bbuf_queues)" -- "$word" ;;
	put)
		if [ "$place" = 2 ]; then
			compgen -W "$(_bbuf_queues)" -- "$word"
		else
			compgen -f -- "$word"
		fi ;;
	*)
		[ "$place" != 2 ] || compgen -W "$(_bbuf_queues)" -- "$word" ;;
	esac
}

# Bash splits words at "=": "--owner", "=", "us". The completion is for the last part.
_bbuf()
{
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
	local command=${COMP_WORDS[1]} option=''

	if [ "$before" = = ]; then
		option=${COMP_WORDS[COMP_CWORD - 2]}
	elif [ "$word" = = ]; then
		option=$before word=''
	fi
	if [ -n "$option" ]; then
		mapfile -t COMPREPLY < <(_bbuf_values "$option" "$word")
	elif [ "$COMP_CWORD" = 1 ]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_bbuf_commands) --help" -- "$word")
	elif [[ $word = -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_bbuf_options "$command")" -- "$word")
		[[ ${COMPREPLY[*]} != *= ]] || compopt -o nospace 2>/dev/null
	else
		mapfile -t COMPREPLY < <(_bbuf_words "$command" "$COMP_CWORD" "$word")
	fi
}

complete -F _bbuf bbuf
