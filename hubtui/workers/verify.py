"""An archive against the tree that it was made of: nothing may be missing, nothing may differ.

``tar --compare`` is not enough: it never says what is missing in the archive, looks at no xattrs
and no ACLs, and reads a file that is all hole for hours (1 TB: 68 minutes).
"""

from __future__ import annotations

import errno
import os
import stat
import tarfile
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import IO, cast

from hubtui.workers.tree import Sum, identity, open_at, open_folder

_BLOCK = 1 << 20
_XATTR = "SCHILY.xattr."
_KINDS = {
    tarfile.REGTYPE: stat.S_ISREG,
    tarfile.DIRTYPE: stat.S_ISDIR,
    tarfile.SYMTYPE: stat.S_ISLNK,
    tarfile.FIFOTYPE: stat.S_ISFIFO,
    tarfile.CHRTYPE: stat.S_ISCHR,
    tarfile.BLKTYPE: stat.S_ISBLK,
}
_OF_POLICY = "security.selinux"
"""A label is given by the machine's policy, and not kept in archives."""


class Different(Exception):
    """The archive is not what is there."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path, self.why = path, why


def compare(stream: IO[bytes], top: int, place: Callable[[str], str]) -> Sum:
    """Compare every member with what is there; returns the sum over all of them.

    ``place`` makes a path below the open folder ``top`` of a member's name. That nothing is missing
    is for the caller to see: then the sum is that of ``tree.look``. Raises Different, OSError.
    """
    found = Sum()
    try:
        with tarfile.open(
            fileobj=cast("IO[bytes]", _Forward(stream)),
            mode="r:",
            encoding="utf-8",
            errors="surrogateescape",
        ) as archive:
            folders = _Folders(top)
            try:
                while (member := archive.next()) is not None:
                    archive.members.clear()  # type: ignore[attr-defined] # else it keeps every one
                    _one(archive, member, folders, place, found)
            finally:
                folders.close()
    except (tarfile.TarError, EOFError) as e:
        raise Different("", f"the archive is broken ({e})") from e
    while stream.read(_BLOCK):
        pass  # what pads it to a whole record
    return found


class _Forward:
    """A pipe as a file that is only read onward: ``r|`` would not let us skip a hole."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe, self._at = pipe, 0

    def seekable(self) -> bool:
        """Onward."""
        return True

    def tell(self) -> int:
        """Bytes read so far."""
        return self._at

    def read(self, size: int) -> bytes:
        """The next ones."""
        data = self._pipe.read(size)
        self._at += len(data)
        return data

    def seek(self, place: int) -> int:
        """Onward only."""
        if place < self._at:
            raise tarfile.StreamError("a pipe cannot go back")
        while self._at < place and self.read(min(_BLOCK, place - self._at)):
            pass
        return self._at


class _Folders:
    """The folder of the entry that is looked at, kept open for its neighbours."""

    def __init__(self, top: int) -> None:
        self.top = top
        self._path, self._fd = "", os.dup(top)

    def of(self, path: str) -> tuple[int, str]:
        """An open descriptor of the folder that holds ``path``, and the last name."""
        folder, _, name = path.rpartition("/")
        if folder != self._path:
            self.close()
            self._fd = open_folder(self.top, folder)
            self._path = folder
        return self._fd, name

    def stat(self, path: str) -> os.stat_result:
        """lstat, without a link on the way."""
        folder, name = self.of(path)
        return os.stat(name, dir_fd=folder, follow_symlinks=False)

    def close(self) -> None:
        """Let go."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1


def _one(
    archive: tarfile.TarFile,
    member: tarfile.TarInfo,
    folders: _Folders,
    place: Callable[[str], str],
    every: Sum,
) -> None:
    path = place(_local(member.name))
    if member.islnk():
        linked = folders.stat(place(_local(member.linkname)))
        found = folders.stat(path)
        if identity(linked) != identity(found):
            raise Different(path, "no link to the same file")
    else:
        found = folders.stat(path) if path else os.fstat(folders.top)
        _attributes(member, found, path)
        _xattrs(member, folders, path)
        if member.isreg():
            content = archive.extractfile(member)
            assert content is not None
            folder, name = folders.of(path)
            _content(content, member, open_at(folder, name, _READ), path)
        elif member.issym():
            folder, name = folders.of(path)
            if os.readlink(name, dir_fd=folder) != _local(member.linkname):
                raise Different(path, "another link")
    every.add(path, found)


_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOATIME


def _local(text: str) -> str:
    """A text of the archive as this process names files."""
    return os.fsdecode(text.encode("utf-8", "surrogateescape"))


def _attributes(member: tarfile.TarInfo, found: os.stat_result, path: str) -> None:
    is_kind = _KINDS.get(member.type)
    if is_kind is None or not is_kind(found.st_mode):
        raise Different(path, "of another kind")
    archived = (member.mode & 0o7777, member.uid, member.gid, _nanoseconds(member))
    there = (stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid, found.st_mtime_ns)
    if archived != there:
        raise Different(path, "another mode, owner or time")
    if member.isreg() and member.size != found.st_size:
        raise Different(path, "another size")
    device = (os.major(found.st_rdev), os.minor(found.st_rdev))
    if member.isdev() and not member.isfifo() and (member.devmajor, member.devminor) != device:
        raise Different(path, "another device")


def _nanoseconds(member: tarfile.TarInfo) -> int:
    return int(Decimal(member.pax_headers.get("mtime", str(member.mtime))) * 10**9)


def _xattrs(member: tarfile.TarInfo, folders: _Folders, path: str) -> None:
    archived = {
        _local(key[len(_XATTR) :].replace("%3D", "=").replace("%25", "%")): value.encode(
            "utf-8", "surrogateescape"
        )
        for key, value in member.pax_headers.items()
        if key.startswith(_XATTR)
    }
    if path:
        folder, name = folders.of(path)
        where = f"/proc/self/fd/{folder}/{name}"
    else:
        where = f"/proc/self/fd/{folders.top}/."
    try:
        there = {
            key: os.getxattr(where, key, follow_symlinks=False)
            for key in os.listxattr(where, follow_symlinks=False)
            if key != _OF_POLICY
        }
    except OSError as e:
        if e.errno != errno.ENOTSUP:
            raise
        there = {}
    if archived != there:
        raise Different(path, "other extended attributes")


def _content(content: IO[bytes], member: tarfile.TarInfo, fd: int, path: str) -> None:
    """Byte for byte, but for what is a hole in both."""
    with os.fdopen(fd, "rb", buffering=0) as file:
        for start, end in _union([*_kept(member), *_data(fd, member.size)]):
            content.seek(start)
            os.lseek(fd, start, os.SEEK_SET)
            while start < end:
                archived = content.read(min(_BLOCK, end - start))
                if not archived or _exactly(file, len(archived)) != archived:
                    raise Different(path, "other content")
                start += len(archived)


def _kept(member: tarfile.TarInfo) -> list[tuple[int, int]]:
    """What of a file the archive holds: a sparse one has a list of offsets and sizes."""
    pieces = cast("list[tuple[int, int]] | None", member.sparse)
    return [(at, at + size) for at, size in pieces or [(0, member.size)]]


def _exactly(file: IO[bytes], size: int) -> bytes:
    data = file.read(size)
    while len(data) < size and (more := file.read(size - len(data))):
        data += more
    return data


def _data(fd: int, size: int) -> Iterator[tuple[int, int]]:
    """What of an open file is no hole."""
    at = 0
    while at < size:
        try:
            at = os.lseek(fd, at, os.SEEK_DATA)
        except OSError as e:
            if e.errno != errno.ENXIO:
                raise
            return  # nothing but a hole from here on
        end = os.lseek(fd, at, os.SEEK_HOLE)
        yield at, end
        at = end


def _union(pieces: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The same ground in pieces that neither touch nor overlap, in order."""
    begin = reach = 0
    for start, end in sorted(pieces):
        if start > reach:
            if reach > begin:
                yield begin, reach
            begin = start
        reach = max(reach, end)
    if reach > begin:
        yield begin, reach
