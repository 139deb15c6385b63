"""Apache's configuration, read as text with all that it includes: what holds, and where it stands.

Conditions are judged as Apache does while it starts: by the modules that were loaded so far.
https://httpd.apache.org/docs/2.4/configuring.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from hubtui.reads import reading

MAIN = (Path("/etc/apache2/apache2.conf"), Path("/etc/httpd/conf/httpd.conf"))
_DEEP = 10
_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')
_VARIABLE = re.compile(r"\$\{(\w+)\}")


@dataclass(frozen=True)
class Section:
    """``<VirtualHost *:443>``; the same words twice are two sections."""

    name: str
    words: tuple[str, ...]
    file: Path
    line: int


@dataclass(frozen=True)
class Directive:
    """One that holds; hostile text."""

    name: str
    """In lower case."""
    words: tuple[str, ...]
    sections: tuple[Section, ...]
    file: Path
    line: int

    @property
    def host(self) -> Section | None:
        """The virtual host that it is in."""
        return next((one for one in self.sections if one.name == "virtualhost"), None)


@dataclass
class ApacheConf:
    """All of it."""

    directives: list[Directive] = field(default_factory=list)
    modules: set[str] = field(default_factory=set)
    """``mpm_event_module``."""
    unread: list[Path] = field(default_factory=list)
    """Files that could not be read, or that others than root could have written."""

    def last(self, *names: str, host: Section | None = None) -> Directive | None:
        """The last of these directives for the server, or in a host where that has one."""
        found = [one for one in self.directives if one.name in names]
        inside = [one for one in found if host is not None and one.host == host]
        outside = [one for one in found if one.host is None]
        return next(reversed(inside or outside), None)


def find() -> ApacheConf | None:
    """The configuration of the Apache here; None where there is none."""
    main = next((path for path in MAIN if path.exists()), None)
    return None if main is None else read(main)


def read(main: Path) -> ApacheConf:
    """Read it; raises nothing for what it says."""
    reader = _Reader(main.parent)
    reader.file(main, ())
    return reader.conf


class _Reader:
    def __init__(self, root: Path) -> None:
        self.conf, self.root = ApacheConf(), root
        self.defined: dict[str, str] = {}
        self.included = reading.Included(self.conf.unread, _DEEP)

    def file(self, path: Path, sections: tuple[Section, ...], deep: int = 0) -> None:
        text = self.included.text(path, deep)
        if text is None:
            return
        stack = list(sections)
        for number, line in _lines(text):
            if line.startswith("</"):
                if len(stack) > len(sections):
                    stack.pop()
            elif line.startswith("<"):
                name, *words = self._words(line[1:].rstrip().removesuffix(">")) or [""]
                stack.append(Section(name.lower(), tuple(words), path, number))
            elif all(map(self._holds, stack)):
                name, *words = self._words(line) or [""]
                one = Directive(name.lower(), tuple(words), tuple(stack), path, number)
                self._directive(one, deep)

    def _directive(self, one: Directive, deep: int) -> None:
        self.conf.directives.append(one)
        match one.name, one.words:
            case "loadmodule", (name, *_):
                self.conf.modules.add(name)
            case "define", (name, *value):
                self.defined[name] = " ".join(value)
            case "serverroot", (root, *_) if root.startswith("/"):
                self.root = Path(root)
            case "include" | "includeoptional", (pattern, *_):
                for path in self._included(pattern):
                    self.file(path, one.sections, deep + 1)

    def _included(self, pattern: str) -> Iterator[Path]:
        for path in reading.matching(self.root, pattern, limit=reading.MOST_FILES):
            yield from sorted(path.iterdir())[: reading.MOST_FILES] if path.is_dir() else [path]

    def _holds(self, section: Section) -> bool:
        word = section.words[0] if section.words else ""
        wanted, no = word.removeprefix("!"), word.startswith("!")
        if section.name == "ifmodule":
            name = wanted.removesuffix(".c").removeprefix("mod_").removesuffix("_module")
            loaded = {one.removesuffix("_module") for one in self.conf.modules}
            return (name in loaded) != no
        if section.name == "ifdefine":
            return (wanted in self.defined) != no
        return True

    def _words(self, line: str) -> list[str]:
        words = (quoted or plain for quoted, plain in _WORD.findall(line))
        return [_VARIABLE.sub(lambda v: self.defined.get(v[1], v[0]), word) for word in words]


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines that say something, with those that a backslash carries on."""
    kept, first = "", 1
    for number, line in enumerate(text.split("\n"), start=1):
        first = first if kept else number
        kept += line.rstrip("\r")
        if kept.endswith("\\"):
            kept = f"{kept[:-1]} "
            continue
        if (said := kept.strip()) and not said.startswith("#"):
            yield first, said
        kept = ""
    if (said := kept.strip()) and not said.startswith("#"):
        yield first, said
