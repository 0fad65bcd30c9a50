"""Which file system holds a path."""

import pytest
from webjobs_runner.files.mounts import file_system_of

LINES = [
    "21 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw",
    "40 21 0:35 / /srv/share rw,relatime shared:9 master:1 - nfs4 host:/export rw",
    r"41 21 0:36 / /srv/with\040blank rw - fuse.sshfs host: rw",
    "nonsense",
]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/srv/other", "ext4"),
        ("/srv/share", "nfs4"),
        ("/srv/share/site", "nfs4"),
        ("/srv/shared", "ext4"),
        ("/srv/with blank/site", "fuse.sshfs"),
    ],
)
def test_the_deepest_mount_above_a_path_decides(path: str, kind: str) -> None:
    assert file_system_of(path, LINES) == kind
