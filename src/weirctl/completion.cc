// SPDX-License-Identifier: Apache-2.0
#include "weirctl/completion.h"

#include <string_view>

namespace weir::weirctl {

namespace {

constexpr const char* bash_completion =
    R"sh(# bash completion for weirctl: the daemon knows the words.
_weirctl() {
    local -a ask=(weirctl -t 1) typed=()
    local i current=${COMP_WORDS[COMP_CWORD]}
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        -s) ask+=(-s "${COMP_WORDS[++i]}") ;;
        -t) ((++i)) ;;
        -*) ;;
        *) typed+=("${COMP_WORDS[i]}") ;;
        esac
    done
    ((i > COMP_CWORD)) && return
    mapfile -t COMPREPLY < <(compgen -W "$("${ask[@]}" help --words 2>/dev/null </dev/null |
        typed="${typed[*]}${typed:+ }" awk 'index($0, ENVIRON["typed"]) == 1 {
            split(substr($0, length(ENVIRON["typed"]) + 1), rest, " ")
            if (rest[1] ~ /^[a-z][a-z0-9-]*$/ && !seen[rest[1]]++) print rest[1] }')" -- "$current")
}
complete -o default -F _weirctl weirctl
)sh";

constexpr const char* zsh_completion = R"sh(#compdef weirctl
# zsh completion for weirctl: the daemon knows the words.
_weirctl() {
    local -a ask=(weirctl -t 1) typed=()
    local i
    for ((i = 2; i < CURRENT; i++)); do
        case $words[i] in
        (-s) ask+=(-s "$words[++i]") ;;
        (-t) ((++i)) ;;
        (-*) ;;
        (*) typed+=("$words[i]") ;;
        esac
    done
    if ((i > CURRENT)); then _files; return; fi
    local -aU next=($($ask help --words 2>/dev/null </dev/null |
        typed="${typed[*]}${typed:+ }" awk 'index($0, ENVIRON["typed"]) == 1 {
            split(substr($0, length(ENVIRON["typed"]) + 1), rest, " ")
            if (rest[1] ~ /^[a-z][a-z0-9-]*$/ && !seen[rest[1]]++) print rest[1] }'))
    compadd -a next || _files
}
compdef _weirctl weirctl
)sh";

}  // namespace

const char* completion(std::string_view shell) {
  if (shell == "bash") return bash_completion;
  return shell == "zsh" ? zsh_completion : nullptr;
}

}  // namespace weir::weirctl
