// llem completion SHELL: a script in which every command and option stands, so that a Tab starts no program.

import type { Command } from 'commander'
import { print } from './screen.js'
import type { Shell } from './shells.js'

interface Word {
  /** The commands before it, e.g. "campaign status"; empty: of llem itself. */
  path: string
  word: string
  summary: string
}

/** Prints the script for a shell. */
export function completion(program: Command, shell: Shell): void {
  const words = wordsOf(program, [])
  const text = { bash: bashScript, zsh: zshScript, fish: fishScript }[shell](words)
  print(text.trimEnd())
}

function wordsOf(command: Command, path: readonly string[]): Word[] {
  const here = path.join(' ')
  // Of commander's own making, and the same everywhere.
  const help = { path: here, word: '--help', summary: 'show the help' }
  const options = command.options.flatMap(({ long, hidden, description }) =>
    long == null || hidden ? [] : [{ path: here, word: long, summary: description }],
  )
  const nested = command.createHelp().visibleCommands(command)
  return [
    ...nested.map((each) => ({
      path: here,
      word: each.name(),
      summary: each.summary() || each.description(),
    })),
    ...options,
    help,
    ...nested
      .filter((each) => each.name() !== 'help')
      .flatMap((each) => wordsOf(each, [...path, each.name()])),
  ]
}

/** The commands whose words are offered, each with them. */
function byPath(words: readonly Word[]): Map<string, Word[]> {
  const paths = new Map<string, Word[]>()
  for (const word of words) paths.set(word.path, [...(paths.get(word.path) ?? []), word])
  return paths
}

/** Walks the words that stand there already; what is no command leaves the path as it is. After -- nothing is llem's. */
function bashScript(words: readonly Word[]): string {
  const paths = [...byPath(words)]
  const known = paths.map(([path]) => JSON.stringify(path)).filter((path) => path !== '""')
  const cases = paths.map(
    ([path, own]) =>
      `    ${JSON.stringify(path)}) words=${JSON.stringify(own.map(({ word }) => word).join(' '))} ;;`,
  )
  return `# llem completion bash: source <(llem completion bash)
_llem() {
  local current=\${COMP_WORDS[COMP_CWORD]} path= next words= i
  for ((i = 1; i < COMP_CWORD; i++)); do
    [[ \${COMP_WORDS[i]} == -- ]] && return
    next="\${path:+$path }\${COMP_WORDS[i]}"
    case "$next" in ${known.join('|')}) path=$next ;; esac
  done
  case "$path" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _llem llem
`
}

function zshScript(words: readonly Word[]): string {
  return `# llem completion zsh: source <(llem completion zsh), after compinit
autoload -U +X bashcompinit && bashcompinit
${bashScript(words).split('\n').slice(1).join('\n')}`
}

function fishScript(words: readonly Word[]): string {
  const lines = words.map(({ path, word, summary }) => {
    const names = path === '' ? [] : path.split(' ')
    const nested = words
      .filter((each) => each.path === path && !each.word.startsWith('-'))
      .map((each) => each.word)
    const seen = names.map((name) => `__fish_seen_subcommand_from ${name}`)
    // A command is offered until one of its neighbours was typed.
    const unseen =
      word.startsWith('-') && path !== '' ? [] : [`not __fish_seen_subcommand_from ${nested.join(' ')}`]
    const condition = [...seen, ...unseen].join('; and ')
    const what = word.startsWith('--') ? `-l ${word.slice(2)}` : `-f -a ${word}`
    return `complete -c llem -n ${fishWord(condition)} ${what} -d ${fishWord(summary)}`
  })
  return `# llem completion fish: llem completion fish > ~/.config/fish/completions/llem.fish\n${lines.join('\n')}\n`
}

function fishWord(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
