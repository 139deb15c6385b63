"""nginx's configuration, read as text with all that it includes: blocks, and what holds in them.

https://nginx.org/en/docs/beginners_guide.html#conf_structure
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from hubtui.reads import reading

MAIN = Path("/etc/nginx/nginx.conf")
_DEEP = 20
_TOKEN = re.compile(
    r"(?P<skip>\s+|\#[^\n]*)|(?P<mark>[{};])"
    r"|\"(?P<double>(?:[^\"\\]|\\.)*)\"|'(?P<single>(?:[^'\\]|\\.)*)'"
    r"|(?P<word>(?:\$\{|[^\s;{])+)",
    re.S,
)


@dataclass(eq=False)
class Directive:
    """One, with what stands in its block; hostile text."""

    name: str
    words: tuple[str, ...]
    file: Path
    line: int
    parent: Directive | None = None
    children: list[Directive] = field(default_factory=list)

    def all(self) -> Iterator[Directive]:
        """What stands in it, at any depth."""
        todo = list(reversed(self.children))
        while todo:
            one = todo.pop()
            yield one
            todo += reversed(one.children)

    def own(self, name: str) -> list[Directive]:
        """The directives of this name in this very block."""
        return [one for one in self.children if one.name == name]

    def holding(self, name: str) -> list[Directive]:
        """Those that hold here: of the nearest block that has any."""
        block: Directive | None = self
        while block is not None:
            if found := block.own(name):
                return found
            block = block.parent
        return []

    def within(self, name: str) -> Directive | None:
        """The block of this name around it."""
        block = self.parent
        while block is not None and block.name != name:
            block = block.parent
        return block


@dataclass
class NginxConf:
    """All of it, below a block without a name."""

    top: Directive
    unread: list[Path] = field(default_factory=list)
    """Files that could not be read, or that others than root could have written."""


def find() -> NginxConf | None:
    """The configuration of the nginx here; None where there is none."""
    return read(MAIN) if MAIN.exists() else None


def read(main: Path) -> NginxConf:
    """Read it; raises nothing for what it says."""
    conf = NginxConf(Directive("", (), main, 0))
    _Reader(conf, main.parent).file(main, conf.top, 0)
    return conf


class _Reader:
    def __init__(self, conf: NginxConf, root: Path) -> None:
        self.conf, self.root = conf, root
        self.included = reading.Included(conf.unread, _DEEP)

    def file(self, path: Path, block: Directive, deep: int) -> None:
        text = self.included.text(path, deep)
        if text is None:
            return
        outer, words, began = block, list[str](), 1
        for line, mark, word in tokens(text):
            if not mark:
                began = began if words else line
                words.append(word)
                continue
            if words:
                one = Directive(words[0], tuple(words[1:]), path, began, block)
                block.children.append(one)
                if mark == "{":
                    block = one
                elif one.name == "include" and one.words:
                    for file in reading.matching(self.root, one.words[0], limit=reading.MOST_FILES):
                        self.file(file, block, deep + 1)
            words = []
            if mark == "}" and block is not outer:
                block = block.parent or outer


def tokens(text: str) -> Iterator[tuple[int, str, str]]:
    """Line, and a mark (``{``, ``}``, ``;``) or a word."""
    line = 1
    for match in _TOKEN.finditer(text):
        said = match[0]
        if match["mark"]:
            yield line, match["mark"], ""
        elif match["skip"] is None:
            quoted = match["double"] if match["double"] is not None else match["single"]
            yield line, "", said if quoted is None else quoted
        line += said.count("\n")
