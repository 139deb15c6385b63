"""Records made of JSON by several threads at once: none of them ends the process."""

from __future__ import annotations

import subprocess
import sys
from typing import Annotated

import msgspec
import pytest
from msgspec import Meta, Struct

from hubtui import typed

THREADS = """\
import sys, threading
from msgspec import Struct
from hubtui import typed

sys.setswitchinterval(1e-6)
RECORDS = '''
class Inner(Struct, frozen=True):
    number: int = 0
    also: "Inner | None" = None
class Middle(Struct, frozen=True):
    many: tuple[Inner, ...] = ()
    one: Inner | None = None
class Outer(Struct, frozen=True):
    many: tuple[Middle, ...] = ()
    one: Inner = Inner()
'''
JSON = {
    "Inner": b'{"number": 1}',
    "Middle": b'{"many": [{"number": 1}], "one": {"number": 2}}',
    "Outer": b'{"many": [{"many": [{"number": 1}]}], "one": {"number": 2}}',
}

def one(name):
    together.wait()
    typed.decode(JSON[name], globals()[name])

for _ in range(200):
    exec(RECORDS, globals())
    together = threading.Barrier(6)
    threads = [threading.Thread(target=one, args=(name,)) for name in [*JSON, *JSON]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""


def test_threads_that_need_the_same_record_for_the_first_time_all_get_it() -> None:
    done = subprocess.run([sys.executable, "-c", THREADS], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


class Row(Struct, frozen=True):
    name: Annotated[str, Meta(min_length=1)]
    also: tuple[int, ...] = ()


def test_what_does_not_fit_says_where() -> None:
    assert typed.decode('{"name": "x", "also": [1]}', Row) == Row("x", (1,))
    assert typed.convert({"name": "x", "also": ["1"]}, Row, strict=False) == Row("x", (1,))
    with pytest.raises(msgspec.ValidationError, match=r"\$\.name"):
        typed.decode(b'{"name": ""}', Row)
    with pytest.raises(msgspec.ValidationError, match=r"\$\.also\[0\]"):
        typed.convert({"name": "x", "also": ["no"]}, Row)
