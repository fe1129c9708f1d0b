#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The manual pages and the shell completion against what they describe.

    manual.py SOURCE_TREE BUILD_TREE

Options, commands, exit statuses and signals of each program's --help are those of its page, both
ways; holdfast.conf(5) has exactly the settings of the table, with type and default; mandoc finds
nothing to say; completion offers what --help names. The last line counts.
"""
import os
import re
import subprocess
import sys

OPTION = re.compile(r"(?<![\w-])--([a-z][a-z-]*)")
PAGES = {"holdfast": "holdfast.1", "holdfastd": "holdfastd.8", "holdfast-token": "holdfast-token.8"}
SETTINGS = "holdfast.conf.5"
# Pages that are not installed yet cannot be found; check_references() looks at ours.
NOT_OURS = re.compile(r"referenced manual not found|lacks .* entry, run makewhatis")
OTHERS = ("holdfast-evidence.5", "holdfast-recovery.7")
OWN = {("holdfast", "1"), ("holdfast.conf", "5"), ("holdfast-evidence", "5"), ("holdfast-recovery", "7"),
       ("holdfastd", "8"), ("holdfast-token", "8")}


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def run(*command, **options):
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False,
                         stdin=subprocess.DEVNULL, **options)
    return ran.stdout + ran.stderr


def differ(what, here, there, here_name, there_name):
    """What one of two sets has and the other has not, in words."""
    return [f"{what}: {name} is in {a}, not in {b}"
            for left, right, a, b in ((here, there, here_name, there_name),
                                      (there, here, there_name, here_name))
            for name in sorted(left - right)]


def plural(word, values):
    assert values, f"no {word} were found: the test reads the text no more"
    return values


class Tree:
    def __init__(self, source, build):
        self.source, self.build = source, build
        self.helps = {name: run(os.path.join(build, "bin", name), "--help") for name in PAGES}

    def page(self, name):
        built = os.path.join(self.build, "man", name)
        return built if os.path.exists(built) else os.path.join(self.source, "config/man", name)

    def help_options(self, program):
        return plural("options", set(OPTION.findall(self.helps[program])))

    def help_commands(self):
        """The first words: status, user, ..."""
        return plural("commands", self.listed(self.helps["holdfast"]))

    def help_verbs(self):
        """Every command with each of its verbs: status, user create, ..."""
        found = set()
        for name in self.help_commands():
            program = os.path.join(self.build, "bin", "holdfast")
            told = run(program, name, "--help")
            verbs = self.listed(told) if self.has_verbs(name) else ()
            found |= {f"{name} {verb}" for verb in verbs} or {name}
            # A command that takes a word itself, beside its verbs: the word is in capitals.
            found |= {name} if verbs and re.search(r"^  [A-Z]+ ", told, re.M) else set()
        return plural("verbs", found)

    def has_verbs(self, name):
        told = run(os.path.join(self.build, "bin", "holdfast"), name, "--help")
        return told.startswith(f"holdfast {name}: ")

    @staticmethod
    def listed(text):
        block = re.search(r"^Commands:\n(.*?)\n\n", text, re.M | re.S)
        return set(re.findall(r"^  ([a-z][a-z-]*)", block.group(1), re.M))


def section(page, name):
    found = re.search(rf"^\.Sh {name}\n(.*?)(?=^\.Sh |\Z)", page, re.M | re.S)
    return found.group(1) if found else ""


def check_options(tree, program):
    page = read(tree.page(PAGES[program]))
    # Options of one command stand in the part that its tables write, and are not looked at here.
    general = re.sub(r"^\.Ss holdfast .*?(?=^\.S[sh] (?!holdfast ))", "", page, flags=re.M | re.S)
    items = set(re.findall(r"^\.It Fl -([a-z-]+)", general, re.M))
    synopsis = set(re.findall(r"Fl -([a-z-]+)", section(page, "SYNOPSIS")))
    helped = tree.help_options(program)
    return (differ(program, helped, items, "--help", "its page")
            + differ(program, helped, synopsis, "--help", "its synopsis"))


def check_exit_status(tree, program):
    page = section(read(tree.page(PAGES[program])), "EXIT STATUS")
    told = tree.helps[program].partition("\nExit status:\n")[2]
    helped = plural("statuses", set(re.findall(r"^  (\d+)\t", told, re.M)))
    return differ(f"{program}: exit status", helped, set(re.findall(r"^\.It (\d+)$", page, re.M)),
                  "--help", "its page")


def check_signals(tree, program):
    page = section(read(tree.page(PAGES[program])), "SIGNALS")
    listed = set(re.findall(r"SIG[A-Z0-9]+", " ".join(re.findall(r"^\.It .*", page, re.M))))
    helped = set(re.findall(r"SIG[A-Z0-9]+", tree.helps[program]))
    return [f"{program}: {name} is in --help, not in its page" for name in sorted(helped - listed)]


def check_commands(tree, _):
    page = read(tree.page(PAGES["holdfast"]))
    items = set(re.findall(r"^\.It Cm ([a-z][a-z -]*?)(?: (?:Ar|Fl|Op|Oo) .*)?$", page, re.M))
    return differ("holdfast: command", tree.help_verbs(), items, "--help", "its page")


def table_rows(tree):
    """(section, name) → (default, whether a reload applies it), of config/table.c."""
    text = read(os.path.join(tree.source, "config/table.c"))
    text = text[text.index("settings_table[] = {"):]
    rows = {}
    row = r'\b(INTEGER|TEXT|CHOICE)(_LIVE)?\(((?:[^()"]|"[^"]*")*)\)'
    for kind, live, args in re.findall(row, text):
        parts = [part.strip() for part in re.findall(r'(?:[^,"]|"[^"]*")+', args)]
        default = {"INTEGER": 4, "TEXT": 5, "CHOICE": 3}[kind]
        rows[parts[0], parts[1]] = parts[default].strip('"'), bool(live)
    return plural("settings", rows)


def page_rows(tree):
    """(section, name) → the entry's text, of holdfast.conf(5)."""
    text, rows = section(read(tree.page(SETTINGS)), "SETTINGS"), {}
    for part in re.split(r"^\.Ss Section ", text, flags=re.M)[1:]:
        name, _, body = part.partition("\n")
        for entry in re.split(r"^\.It Ic ", body, flags=re.M)[1:]:
            setting, _, told = entry.partition("\n")
            rows[name, setting] = told
    return rows


def check_settings(tree, _):
    table, page = table_rows(tree), page_rows(tree)
    counted = len(re.findall(r"^#[a-z_]+ =", read(os.path.join(tree.source, "config/holdfast.conf")),
                             re.M))
    found = [] if counted == len(table) else [f"{len(table)} rows read, holdfast.conf has {counted}"]
    found += differ("setting", {".".join(k) for k in table}, {".".join(k) for k in page}, "the table",
                    "the page")
    for key in set(table) & set(page):
        value, live = table[key]
        default = f".Ql {value} ." if value else "empty by default."
        if live != ("(reload)" in page[key]):
            found.append(f"{'.'.join(key)}: {'not ' if live else ''}marked (reload)")
        if default not in page[key]:
            found.append(f"{'.'.join(key)}: the page has not its default, {default}")
        if len(page[key].splitlines()) < 2:
            found.append(f"{'.'.join(key)}: the page does not explain it")
    return found


def check_mandoc(tree, name):
    lines = run("mandoc", "-T", "lint", "-W", "style", tree.page(name)).splitlines()
    return [line for line in lines if not NOT_OURS.search(line)]


def check_references(tree, name):
    named = set(re.findall(r"^\.Xr (holdfast\S*) (\d)", read(tree.page(name)), re.M))
    return [f"{name}: there is no page {page}({number})" for page, number in sorted(named - OWN)]


BASH = r"""
PATH=$1:$PATH; . "$2"; shift 2
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
complete -p "$1" >/dev/null || exit 1
_holdfast "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\n' "${COMPREPLY[@]}"
"""
ZSH = r"""
PATH=$1:$PATH; fpath=($2 $fpath); _arguments() { print -rl -- "$@" }
_describe() { print -rl -- "${(@P)2}" }
autoload -Uz _holdfast; words=($3); _holdfast
"""


def bash_offers(tree, *words):
    script = os.path.join(tree.source, "config/completion/holdfast.bash")
    return set(run("bash", "--norc", "-c", BASH, "bash", os.path.join(tree.build, "bin"), script,
                   *words).split())


def check_bash(tree, program):
    wanted = {f"--{name}" for name in tree.help_options(program)}
    found = differ(f"{program}: bash", wanted, bash_offers(tree, program, "--"), "--help",
                   "what bash completes")
    offered = bash_offers(tree, program, "--config", "/etc/hostnam")
    return found + ([] if offered == {"/etc/hostname"} else [f"{program} --config: bash: {offered}"])


def check_bash_commands(tree, _):
    found = differ("holdfast: bash", tree.help_commands(), bash_offers(tree, "holdfast", ""),
                   "--help", "what bash completes")
    offered = {verb for name in tree.help_commands() if tree.has_verbs(name)
               for verb in (f"{name} {word}" for word in bash_offers(tree, "holdfast", name, ""))}
    wanted = {verb for verb in tree.help_verbs() if " " in verb}
    found += differ("holdfast: bash", wanted, offered, "--help", "what bash completes")
    if "--document" not in bash_offers(tree, "holdfast", "user", "put-policy", "--"):
        found.append("holdfast user put-policy: bash does not offer its options")
    behind = bash_offers(tree, "holdfast", "status", "")
    return found + ([f"holdfast status: bash offers {behind}"] if behind else [])


def check_zsh(tree, program):
    shown = run("zsh", "-f", "-c", ZSH, "zsh", os.path.join(tree.build, "bin"),
                os.path.join(tree.source, "config/completion"), program)
    offered = set(re.findall(r"^--([a-z-]+)", shown, re.M))
    found = differ(f"{program}: zsh", tree.help_options(program), offered, "--help",
                   "what zsh completes")
    if not re.search(r"^--config\[.*\]:\w+:_files$", shown, re.M):
        found.append(f"{program} --config: zsh offers no files: {shown[:300]}")
    return found


CHECKS = (
    *((check, program) for check in (check_options, check_exit_status, check_signals, check_bash,
                                     check_zsh) for program in PAGES
      if (check, program) != (check_signals, "holdfast")),
    (check_commands, "holdfast"), (check_bash_commands, "holdfast"), (check_settings, SETTINGS),
    *((check, page) for check in (check_mandoc, check_references)
      for page in (*PAGES.values(), SETTINGS, *OTHERS)),
)


def main():
    tree, failed = Tree(*sys.argv[1:3]), 0
    for check, subject in CHECKS:
        found = check(tree, subject)
        failed += bool(found)
        for line in found:
            print(f"{check.__name__}: {line}")
    print(f"{len(CHECKS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
