"""The errors of requests for files of the site folder."""

from collections.abc import Sequence

from webjobs_rules.errors import WebJobsError


class FileMissing(WebJobsError):
    """There is nothing at this path."""

    def __init__(self, path: Sequence[str]) -> None:
        self.path = tuple(path)
        super().__init__(f"There is no {shown(path)} in the site folder.")


class LeadsOutside(WebJobsError):
    """A link on the way leads out of the site folder, or in a circle."""

    def __init__(self, path: Sequence[str]) -> None:
        self.path = tuple(path)
        super().__init__(
            f"{shown(path)} is a link that leads out of the site folder, or in a circle; it is not followed."
        )


class Reserved(WebJobsError):
    """It belongs to webjobs itself."""

    def __init__(self, path: Sequence[str]) -> None:
        self.path = tuple(path)
        super().__init__(f"{shown(path)} belongs to webjobs itself and is neither read nor changed this way.")


class KeptFolder(WebJobsError):
    """A folder that webjobs works in is not removed."""

    def __init__(self, path: Sequence[str]) -> None:
        self.path = tuple(path)
        super().__init__(f"webjobs works in the folder {shown(path)}: delete what is in it instead.")


class FolderInTheWay(WebJobsError):
    """A folder is where a file is to be."""

    def __init__(self, path: Sequence[str]) -> None:
        self.path = tuple(path)
        super().__init__(f"{shown(path)} is a folder already. Choose another name, or delete it first.")


class FileInTheWay(WebJobsError):
    """A file is where a folder is to be."""

    def __init__(self, path: Sequence[str]) -> None:
        self.path = tuple(path)
        super().__init__(f"{shown(path)} is a file, not a folder. Choose another name, or delete it first.")


class NotAFile(WebJobsError):
    """It can neither be read nor written as a file can."""

    def __init__(self, path: Sequence[str]) -> None:
        self.path = tuple(path)
        super().__init__(f"{shown(path)} is a pipe, a socket or a device, not a file.")


class FolderNotEmpty(WebJobsError):
    """A folder that holds something is only removed with all of it."""

    def __init__(self, path: Sequence[str]) -> None:
        self.path = tuple(path)
        super().__init__(f"The folder {shown(path)} is not empty. Add ?recursive=true to delete all of it.")


class UploadIncomplete(WebJobsError):
    """Not every byte of an upload has arrived."""

    def __init__(self, expected: int, received: int) -> None:
        self.expected = expected
        self.received = received
        super().__init__(f"Only {received:,} of {expected:,} bytes arrived; send the file again.")


class SessionGone(WebJobsError):
    """The runner knows no such session, or no longer."""

    def __init__(self, session: str) -> None:
        self.session = session
        super().__init__(
            "The runner has closed the transfer, because no request for it came in time. Start it again."
        )


class TooManySessions(WebJobsError):
    """The runner transfers as much as it can already."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"The runner has {limit} transfers of files in progress. Try again in a moment.")


def shown(path: Sequence[str]) -> str:
    """A path for a sentence; the site folder itself is `/`."""
    return repr("/".join(path).encode("utf-8", "replace").decode()[:300] or "/")
