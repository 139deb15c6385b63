"""A receipt as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hubtui.names import shown
from hubtui.retire.records import Account, Receipt
from hubtui.units import counted, megabytes

_MARKUP = re.compile(r"([\\`*_\[\]<>|#&])")


def markdown(receipt: Receipt) -> str:
    """The whole page."""
    removed = [one for one in receipt.accounts if one.removed]
    others = [one for one in receipt.accounts if not one.removed]
    files, size = sum(one.files for one in removed), sum(one.bytes for one in removed)
    lines = [
        f"# Receipt of a removal: {_plain(receipt.course)}",
        "",
        f"- Removed: {counted(len(removed), 'account')}, {counted(files, 'file')}, "
        f"{megabytes(size)}",
        f"- Asked for by {_plain(receipt.by)} on {receipt.asked}; written on {receipt.written}",
        f"- Run: {receipt.run}",
        "",
        "An account is named by its uid alone, which is never given again.",
        "",
        "## What was removed",
    ]
    for one in removed:
        what = f"{counted(one.files, 'file')}, {megabytes(one.bytes)}"
        lines += ["", f"### uid {one.uid}", "", f"Gone on {one.ended}: {what}.", "", *_steps(one)]
    if not removed:
        lines += ["", "Nothing."]
    lines += ["", "## What is kept, and until when", "", *_kept(receipt)]
    if others:
        lines += ["", "## What was not removed"]
        for one in others:
            lines += ["", f"### uid {one.uid}", "", _plain(one.why), "", *_steps(one)]
    lines += ["", "## What this does not cover", ""]
    lines += [f"- {_plain(each)}" for each in receipt.not_covered]
    if receipt.still_named:
        lines += ["", "In these files of hubtui's own a word is left that was a name:", ""]
        lines += [f"- {_plain(each)}" for each in receipt.still_named]
    return "\n".join(lines) + "\n"


def _steps(one: Account) -> Iterator[str]:
    for kind, at, text in one.steps:
        yield f"- {at} {kind}: {_plain(text)}"


def _kept(receipt: Receipt) -> Iterator[str]:
    any_kept = False
    for one in receipt.accounts:
        for archive in one.archives:
            any_kept = True
            yield (
                f"- uid {one.uid}, {archive.what}: {_plain(archive.path)}, "
                f"{megabytes(archive.bytes)}, until {archive.until}"
            )
            yield f"  sha256 {archive.sha256}"
    yield "- That somebody of a name was here: for a year, as HMAC under a key of root's"
    yield "- This receipt, until somebody deletes it"
    if any_kept:
        yield ""
        yield "An archive is unpacked by root, into a folder of its own:"
        yield ""
        yield "    mkdir -m 700 FOLDER"
        yield (
            "    tar --extract --zstd --numeric-owner --acls --xattrs --xattrs-include='*' "
            "--file ARCHIVE --directory FOLDER"
        )


def _plain(text: str) -> str:
    """Text of others, on one line and as it reads."""
    return _MARKUP.sub(r"\\\1", shown(text))
