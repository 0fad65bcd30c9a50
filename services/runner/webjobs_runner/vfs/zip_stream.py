"""A folder of the site as a zip archive, packed while it is read."""

import os
import stat
import zipfile
from collections.abc import Generator, Iterator
from contextlib import closing, suppress
from pathlib import Path

from webjobs_rules.package_links import fault_of_link
from zipstream import ZipStream  # type: ignore[import-untyped]  # the library ships no types

from webjobs_runner.domain.site_path import SitePath, is_reserved
from webjobs_runner.vfs.confined import reach
from webjobs_runner.vfs.errors import FileInTheWay, FileMissing, LeadsOutside, Reserved
from webjobs_runner.vfs.file_info import as_text

_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

# A folder that vanished, was exchanged for a file or a link, or is not to be read by the runner.
_LEFT_OUT = (FileMissing, FileInTheWay, LeadsOutside, PermissionError)


def zip_pieces(root: Path, folder: SitePath, piece_bytes: int) -> Generator[bytes, None, None]:
    """The archive in pieces of this size, the last one shorter; closing this closes every file.

    Links that stay inside the folder are packed as links. Others are left out, and so is what belongs to
    webjobs itself or vanishes meanwhile.
    """
    return _in_pieces(_archive(root, folder), piece_bytes)


def _archive(root: Path, top: SitePath) -> Generator[bytes, None, None]:
    archive = ZipStream(compress_type=zipfile.ZIP_DEFLATED)
    waiting = [top]
    while waiting:
        path = waiting.pop()
        below: list[SitePath] = []
        with suppress(*_LEFT_OUT), reach(root, path) as place:
            folder = place.open_folder()
            try:
                if path != top:
                    yield from _added(archive, folder, f"{_name_of(path, top)}/")
                for name in sorted(os.listdir(folder)):
                    yield from _entry(archive, folder, (*path, name), top, below)
                    if target := _link_inside(root, folder, (*path, name), top):
                        yield from _linked(archive, target, _name_of((*path, name), top))
            finally:
                os.close(folder)
        waiting.extend(reversed(below))
    yield from archive.finalize()


def _entry(
    archive: ZipStream, folder: int, path: SitePath, top: SitePath, below: list[SitePath]
) -> Iterator[bytes]:
    if is_reserved(path):
        return
    try:
        mode = os.stat(path[-1], dir_fd=folder, follow_symlinks=False).st_mode
        if stat.S_ISDIR(mode):
            below.append(path)
        if not stat.S_ISREG(mode):
            return
        descriptor = os.open(path[-1], _FILE, dir_fd=folder)
    except OSError:  # gone, exchanged for a link, or not to be read by the runner
        return
    try:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            yield from _added(archive, descriptor, _name_of(path, top))
    finally:
        os.close(descriptor)


def _link_inside(root: Path, folder: int, path: SitePath, top: SitePath) -> str:
    """The target of a link that never leaves the folder that is packed; empty for anything else."""
    try:
        target = os.readlink(path[-1], dir_fd=folder)
    except OSError:  # no link, or gone
        return ""
    relative = _name_of(path, top)
    if fault_of_link(relative, {relative: target}):
        return ""
    try:
        with reach(root, top) as above, reach(root, path) as end:
            return target if end.path[: len(above.path)] == above.path else ""
    except FileMissing:  # it leads to what is not there yet
        return target
    except (FileInTheWay, LeadsOutside, Reserved, PermissionError):
        return ""


def _linked(archive: ZipStream, target: str, name: str) -> Iterator[bytes]:
    archive.add(target, name)
    yield from archive.all_files()
    # The library has no way to add a link; the kind is in the directory only, which is written last.
    archive._filelist[-1].external_attr = (stat.S_IFLNK | 0o777) << 16


def _added(archive: ZipStream, descriptor: int, name: str) -> Iterator[bytes]:
    # By its descriptor: what the path leads to may be something else by now.
    archive.add_path(f"/proc/self/fd/{descriptor}", name, recurse=False)
    yield from archive.all_files()


def _name_of(path: SitePath, top: SitePath) -> str:
    return "/".join(as_text(name) for name in path[len(top) :])


def _in_pieces(chunks: Generator[bytes, None, None], piece_bytes: int) -> Generator[bytes, None, None]:
    gathered = bytearray()
    with closing(chunks):
        for chunk in chunks:
            gathered += chunk
            while len(gathered) >= piece_bytes:
                yield bytes(gathered[:piece_bytes])
                del gathered[:piece_bytes]
    if gathered:
        yield bytes(gathered)
