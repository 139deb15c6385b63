"""Which programs the text of a shell script calls, and with which words. Read, never run.

No parser of the shell: enough for the scripts of a course, and it holds on any text.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

_BEFORE = frozenset(
    "if then else elif do while until ! { exec eval time nohup setsid sudo nice ionice env timeout "
    "command".split()
)
"""What may stand before the program that is called."""
_SHELLS = ("sh", "bash", "dash")
_SET = re.compile(
    r"^[ \t]*(?:export[ \t]+)?([A-Za-z_]\w*)=(?:\"([^\"\n]*)\"|'([^'\n]*)'|(\S*))", re.M
)
_NAMED = re.compile(r"\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))")
_COMMENT = re.compile(r"(?:^|\s)#.*$")
_LONGEST = 4096
_DEEP = 3


@dataclass(frozen=True)
class Call:
    """One call of a program."""

    line: int
    """Where its name stands, from 1."""
    program: str
    words: tuple[str, ...]

    def has(self, short: str, *long: str) -> bool:
        """Whether an option is given: ``-ruv`` has ``u``; ``--delete-after`` has ``--delete``."""
        options = [word for word in self.words if word.startswith("-")]
        if any(
            word == one or word.startswith((f"{one}=", f"{one}-"))
            for word in options
            for one in long
        ):
            return True
        plain = (word[1:] for word in options if re.fullmatch(r"-[A-Za-z0-9]+", word))
        return any(letter in word for word in plain for letter in short)

    @property
    def rest(self) -> list[str]:
        """The words that are no options."""
        return [word for word in self.words if not word.startswith("-")]


def calls(text: str, *programs: str) -> Iterator[Call]:
    """Every call of one of the programs, by whatever path."""
    said = {name: value for name, *values in _SET.findall(text) for value in values if value}
    for number, lines in _statements(text):
        whole = " ".join(lines)
        if len(whole) > _LONGEST or not any(program in whole for program in programs):
            continue
        for program, words in _in(whole, programs, _DEEP):
            at = next((n for n, line in enumerate(lines) if program in line), 0)
            yield Call(number + at, program, tuple(_filled(word, said) for word in words))


def _statements(text: str) -> Iterator[tuple[int, list[str]]]:
    """Lines with those that carry them on: after a backslash, or where options follow alone."""
    kept: list[str] = []
    first, goes_on = 1, False
    for number, line in enumerate(text.split("\n"), start=1):
        line = _COMMENT.sub("", line) if len(line) <= _LONGEST else ""
        if kept and (goes_on or line.lstrip().startswith("-")):
            kept.append(line.rstrip().rstrip("\\"))
        else:
            if kept:
                yield first, kept
            kept, first = [line.rstrip().rstrip("\\")], number
        goes_on = line.rstrip().endswith("\\")
    yield first, kept


def _in(line: str, programs: tuple[str, ...], deep: int) -> Iterator[tuple[str, tuple[str, ...]]]:
    for words in _commands(line):
        names = [PurePosixPath(word).name for word in words]
        first = next((n for n, name in enumerate(names) if not _may_precede(words[n], name)), None)
        if "xargs" in names:
            first = next((n for n, name in enumerate(names) if name in programs), None)
        if first is None:
            continue
        if names[first] in programs:
            yield names[first], tuple(words[first + 1 :])
        elif names[first] in _SHELLS and deep and "-c" in words[:-1]:
            yield from _in(words[words.index("-c") + 1], programs, deep - 1)


def _may_precede(word: str, name: str) -> bool:
    return name in _BEFORE or word.startswith("-") or "=" in word or word[:1].isdigit()


def _commands(line: str) -> Iterator[list[str]]:
    """A line's simple commands; one with an open quote is cut at its blanks."""
    lexer = shlex.shlex(line.replace("`", ";"), posix=True, punctuation_chars=";&|()<>")
    lexer.whitespace_split, lexer.commenters = True, ""
    try:
        tokens = list(lexer)
    except ValueError:
        tokens = re.split(r"\s+|([;&|()])", line)
    found: list[str] = []
    redirected = False
    for token in filter(None, tokens):
        if set(token) <= set(";&|()"):
            yield found
            found = []
        elif set(token) <= set("<>&|"):
            found = found[:-1] if found and found[-1].isdigit() else found
            redirected = True
            continue
        elif not redirected:
            found.append(token)
        redirected = False
    yield found


def _filled(word: str, said: dict[str, str]) -> str:
    """A word with what the script itself says of its variables."""
    for _ in range(_DEEP):
        filled = _NAMED.sub(lambda match: said.get(match[1] or match[2], match[0]), word)
        if filled == word or len(filled) > _LONGEST:
            break
        word = filled
    return word
