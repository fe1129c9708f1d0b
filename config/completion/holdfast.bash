# SPDX-License-Identifier: Apache-2.0
# bash completion for holdfast, holdfastd and holdfast-token. Commands and options are those that
# the program's own --help names, so that this file knows none of them and never lags behind.
# shellcheck shell=bash

# _holdfast_help PROGRAM: its --help; from sbin too, which is not on everybody's PATH.
_holdfast_help() {
	PATH=$PATH:/usr/sbin:/usr/local/sbin command "$1" --help 2>/dev/null
}

# _holdfast_takes OPTION HELP: what stands behind the option in the help: FILE, NAME, or nothing.
_holdfast_takes() {
	[[ $2 =~ (^|[^a-z-])"$1"' '([A-Z]+) ]] || return 0
	case "$1 ${BASH_REMATCH[2]}" in
	*' FILE' | *' PATH' | *-file\ *) echo FILE ;;
	*) echo NAME ;;
	esac
}

_holdfast_commands() {
	sed -n '/^Commands:/,/^$/s/^  \([a-z][a-z-]*\).*/\1/p' <<<"$1"
}

# _holdfast_deepest PROGRAM WORD...: the help of the command and verb that stand there already.
_holdfast_deepest() {
	local program=$1 help deeper word words=()
	help=$(_holdfast_help "$program") || return 1
	for word in "${@:2}"; do
		[[ $word == -* ]] && continue
		grep -qxF -e "$word" < <(_holdfast_commands "$help") || continue
		words+=("$word")
		deeper=$(PATH=$PATH:/usr/sbin:/usr/local/sbin command "$program" "${words[@]}" --help \
			2>/dev/null) || break
		[[ $deeper == "$help" ]] && break
		help=$deeper
	done
	printf '%s\n' "$help"
}

_holdfast() {
	local current=$2 previous=$3 help general words="" word
	COMPREPLY=()
	general=$(_holdfast_help "$1") || return 0
	help=$(_holdfast_deepest "$1" "${COMP_WORDS[@]:1:COMP_CWORD-1}") || return 0
	[[ $help == "$general" ]] || help+=$'\n'$general
	if [[ $previous == --* ]]; then
		case $(_holdfast_takes "$previous" "$help") in
		FILE)
			compopt -o filenames 2>/dev/null
			mapfile -t COMPREPLY < <(compgen -f -- "$current")
			return 0
			;;
		NAME) return 0 ;;
		esac
	fi
	if [[ $current == -* ]]; then
		words=$(grep -oE -e '--[a-z][a-z-]*' <<<"$help" | sort -u)
	else
		words=$(_holdfast_commands "${help%$'\n'"$general"}")
		# One command a line: none is offered behind the first.
		for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
			grep -qxF -e "$word" <<<"$words" && words=""
		done
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}

complete -F _holdfast holdfast holdfastd holdfast-token
