"""Which file system a folder lies on, and whether it reports changes by other machines."""

import os
import re
from pathlib import Path

_MOUNTS = Path("/proc/self/mountinfo")
_SHARED = re.compile(
    r"nfs|cifs|smb|9p$|ceph|gluster|lustre|afs|virtiofs|vboxsf|prl_fs|drvfs|fakeowner|fuse\.|fuse$"
)


def is_shared_file_system(folder: Path) -> bool:
    """Whether other machines may change the folder without this kernel noticing."""
    try:
        lines = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").split("\n")
    except OSError:
        return False
    return bool(_SHARED.match(file_system_of(os.path.realpath(folder), lines)))


def file_system_of(path: str, mount_lines: list[str]) -> str:
    """The type of the file system that holds a path, after the lines of `/proc/self/mountinfo`."""
    found, longest = "", -1
    for line in mount_lines:
        left, _, right = line.partition(" - ")
        fields = left.split(" ")
        if len(fields) < 5 or not right:
            continue
        point = re.sub(r"\\(\d{3})", lambda octal: chr(int(octal[1], 8)), fields[4]).rstrip("/")
        if (path == point or path.startswith(f"{point}/")) and len(point) >= longest:
            found, longest = right.split(" ")[0], len(point)
    return found
