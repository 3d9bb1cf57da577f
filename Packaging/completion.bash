# bash completion for kiosk-agent and kiosk-signaling. What can be typed is read from the programs' own help, so it is what they accept.

_kiosk_program() {
  local program=${COMP_WORDS[0]} current=${COMP_WORDS[COMP_CWORD]} previous="" word help typed candidates value index
  local -a command=()
  COMPREPLY=()
  [ "$COMP_CWORD" -eq 0 ] || previous=${COMP_WORDS[COMP_CWORD - 1]}
  # "--flag=value" comes as three words.
  if [ "$current" = = ]; then
    current=""
  elif [ "$previous" = = ]; then
    previous=${COMP_WORDS[COMP_CWORD - 2]}
  fi
  for ((index = 1; index < COMP_CWORD; index++)); do
    word=${COMP_WORDS[index]}
    [[ $word != -* ]] || break
    command+=("$word")
  done
  help=$("$program" "${command[@]}" --help 2>/dev/null) || return 0

  if [[ $help == *$'Commands:\n'* ]]; then
    typed="${command[*]}"
    candidates=$(awk -F '   *' '/^Commands:/ { on = 1; next } /^$/ { on = 0 } on { print $2 }' <<<"$help" |
      sed -n "s/^${typed:+$typed }\([^ ]*\).*/\1/p" | sort -u)
    mapfile -t COMPREPLY < <(compgen -W "$candidates" -- "$current")
    return 0
  fi

  if [[ $previous == --* ]]; then
    value=$(sed -n "s/^  $previous \([^ ]*\).*/\1/p" <<<"$help")
    case $value in
      '') ;;
      *'|'*)
        mapfile -t COMPREPLY < <(compgen -W "${value//|/ }" -- "$current")
        return 0
        ;;
      *FILE* | *PATH* | *DIR* | *SOCKET*)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        return 0
        ;;
      *) return 0 ;;
    esac
  fi
  candidates=$(sed -n '/^Flags:/,/^$/s/^  .*\(--[a-z][a-z-]*\)\( .*\)\{0,1\}$/\1/p' <<<"$help")
  mapfile -t COMPREPLY < <(compgen -W "$candidates" -- "$current")
}

complete -F _kiosk_program kiosk-agent kiosk-signaling
