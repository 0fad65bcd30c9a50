"""Zip archives for uploads, honest and hostile."""

import io
import zipfile
from collections.abc import Mapping


def zip_of(files: Mapping[str, str | bytes]) -> bytes:
    """An archive of these files."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def zip_through_link(name: str, target: str) -> bytes:
    """An archive with a symbolic link, and a file that is to be written through it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        link = zipfile.ZipInfo(name)
        link.create_system = 3
        link.external_attr = 0o120777 << 16
        archive.writestr(link, target)
        archive.writestr(f"{name}/slipped", "x")
        archive.writestr("run.sh", "echo hostile")
    return packed.getvalue()


def zip_bomb(unpacked_bytes: int) -> bytes:
    """An archive that unpacks to far more than it weighs."""
    return zip_of({"run.sh": "echo hostile", "zeros": bytes(unpacked_bytes)})


def zip_with_wrong_checksum() -> bytes:
    """An archive whose script is not what its checksum says."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("run.sh", "echo hostile")
    return packed.getvalue().replace(b"echo hostile", b"echo damaged", 1)
