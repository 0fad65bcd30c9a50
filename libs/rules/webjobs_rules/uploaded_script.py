"""A single script that is uploaded: the name that its file gets; pure."""

import unicodedata

from webjobs_rules.errors import BadUpload

_QUOTES = "\"'"


def checked_script(text: str, size: int) -> str:
    """The name of the file that an uploaded script becomes.

    Args:
        text: As `script_file_name` takes it.
        size: Of the script in bytes.

    Raises:
        BadUpload: The script is empty, or has no name that a file can have.
    """
    name = script_file_name(text)
    if not size:
        raise BadUpload(f"{name[:100]!r} is empty; send the content of the script as the body")
    return name


def script_file_name(text: str) -> str:
    """The bare name in what a client sent, quotes and folders taken off.

    Source: Kudu, JobsControllerBase.cs (Content-Disposition).

    Raises:
        BadUpload: There is none that a file can have.
    """
    name = text.strip().strip(_QUOTES).replace("\\", "/").rpartition("/")[2].strip().strip(_QUOTES)
    if name in ("", ".", ".."):
        raise BadUpload("it has no file name; send one as Content-Disposition: attachment; filename=run.sh")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
        raise BadUpload(f"the file name {name[:100]!r} holds a control character; rename the file")
    if len(name.encode()) > 255:
        raise BadUpload("its file name is longer than 255 bytes; shorten it")
    return name
