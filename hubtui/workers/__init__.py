"""What runs as somebody else: small processes, standard library alone, no token, database or lock.

Started as root by ``command()`` of this package with everything imported already; each becomes
the person whose files it touches, for good, before it opens anything of theirs.

drop         giving up root, and walking folders without following links
home         what a home holds; /etc/skel completed
tutor        the tutor's side of a release
deliver      the students' side of a release: forks, waits, answers
one_student  what such a child does in one home
compare      how a student's copies stand to what was released
strays       what a student owns in /tmp and its like: found, compared, removed
kill         ends all that runs as a student
tree         walking, summing up, removing a tree; no link is followed, no mount entered
verify       an archive against the tree that it was made of
ending       ending such a process, from the parent's side
place        putting files into a home: nothing that is there is ever written to
"""

from __future__ import annotations

import sys

_ROOT = __path__[0].rpartition("/")[0].rpartition("/")[0]
"""What holds the package; pathlib alone would take a third of a worker's start."""


def command(module: str, *arguments: str) -> list[str]:
    """The command line of a worker such as ``deliver``.

    ``-I -S``: neither variables nor site-packages choose what root imports.
    """
    start = (
        "import sys; sys.path.append(sys.argv.pop(1)); "
        f"from hubtui.workers.{module} import main; sys.exit(main(sys.argv[1:]))"
    )
    return [sys.executable, "-I", "-S", "-c", start, _ROOT, *arguments]
