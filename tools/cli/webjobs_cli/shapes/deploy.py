"""What `deploy` prints with `--json`."""

import msgspec


class Deployed(msgspec.Struct, frozen=True):
    """What `deploy` has uploaded, or would upload."""

    name: str
    type: str
    script: str | None
    """Null with `--dry-run`: the server chooses it."""
    files: int | None
    """Null of an archive."""
    bytes: int
    """Of the files, unpacked; of an archive, its own."""
    digest: str
    """SHA-256 of what is uploaded; the same folder has the same."""
    left_out: dict[str, int]
    """How many files were left out, by the path that was."""
    warnings: list[str]
    dry_run: bool
    url: str | None
    deployment: str | None = None
    """With `--no-wait`: the id of the deployment, which goes on."""
    upgraded: list[str] | None = None
    """With `--upgrade`: how the packages differ from those before, such as `~ requests 2.31 -> 2.32`."""
