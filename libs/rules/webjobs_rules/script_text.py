"""What keeps a script from meaning what is written in it: Windows line ends and byte order marks; pure."""

import codecs

_SHELL = ".sh"
_MARK_HURTS = frozenset({".php", ".cmd", ".bat"})  # Windows line ends are good there
_MARKS_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
LONGEST = 4 * 1024 * 1024
"""Bytes of a script; a longer file is an archive that unpacks itself, and left alone."""


def may_need_cleaning(file_name: str) -> bool:
    """Whether a script of this name is cleaned at all: shell scripts, `run`, and where a mark is printed."""
    extension = _extension(file_name)
    return extension in ("", _SHELL) or extension in _MARK_HURTS


def cleaned(file_name: str, content: bytes) -> tuple[bytes, str]:
    """Returns a script as its interpreter wants it, and a sentence saying what was done.

    The sentence is empty when nothing was. A file with NUL bytes that is not UTF-16 is data, and stays as
    it is. Everything but the byte order mark and the line ends stays, too.

    Args:
        file_name: Of the script, of a kind for which `may_need_cleaning`.
        content: Of the file.
    """
    text, done = content, []
    has_wide_mark = content.startswith(_MARKS_UTF_16) and _extension(file_name) not in _MARK_HURTS
    if has_wide_mark and (decoded := _from_utf_16(content)) is not None:
        text = decoded
        done.append("UTF-16 was converted to UTF-8")
    if b"\0" in text:
        return content, ""
    if text.startswith(codecs.BOM_UTF8):
        text = text.removeprefix(codecs.BOM_UTF8)
        done.append("a byte order mark was left out")
    ends = text.count(b"\r\n")
    if ends and _extension(file_name) not in _MARK_HURTS:
        text = text.replace(b"\r\n", b"\n")
        done.append(f"Windows line ends (CRLF) were replaced in {ends} line{'s' if ends > 1 else ''}")
    if not done:
        return content, ""
    what = ", ".join(done)
    return text, f"{file_name} was cleaned in the working copy: {what}; the package stays as it was deployed."


def _from_utf_16(content: bytes) -> bytes | None:
    try:
        return content.decode("utf-16").encode()
    except UnicodeError:
        return None


def _extension(file_name: str) -> str:
    name = file_name.rpartition("/")[2].lower()
    dot = name.rfind(".")
    return name[dot:] if dot >= 0 else ""
