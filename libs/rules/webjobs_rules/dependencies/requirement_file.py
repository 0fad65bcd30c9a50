"""Requirement files: what their lines ask for, and which lines are refused."""

import codecs
import posixpath
import re
from collections.abc import Callable, Iterator

from webjobs_rules.dependencies.names import canonical_name
from webjobs_rules.dependencies.policy import DependencyPolicy
from webjobs_rules.dependencies.refusal import refused

MAX_FILE_BYTES = 1024 * 1024
_MOST_FILES = 50

_COMMENT = re.compile(r"(?:^|\s)#.*$")
_OPTION = re.compile(r"(--?[A-Za-z][A-Za-z-]*)(?:\s*=\s*|\s+|$)(.*)")
_SHORT = re.compile(r"(-[rcefi])(\S.*)")
_NAME = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*(.*)")
_HASH = re.compile(r"\s--hash[ =]\S+")
_FILE_ENDS = (".whl", ".zip", ".tar.gz", ".tgz", ".tar.bz2", ".egg")

_INCLUDES = frozenset({"-r", "--requirement", "--requirements", "-c", "--constraint", "--constraints"})
_EDITABLE = frozenset({"-e", "--editable"})
_INDEX = frozenset({"-i", "--index-url", "--extra-index-url", "--index", "-f", "--find-links", "--no-index"})
_HARMLESS = frozenset({"--pre", "--prefer-binary", "--require-hashes", "--only-binary", "--trusted-host"})


def read_requirement_files(
    entry: str, read: Callable[[str], bytes | None], policy: DependencyPolicy
) -> tuple[dict[str, bytes], bool]:
    """Read a requirement file and those that it includes, and check every line.

    Args:
        entry: Path of the first file.
        read: Returns the content of a file of the job; None when there is none.
        policy: Of the site.

    Returns:
        The content of each file by its path, and whether any of them asks for a package.

    Raises:
        DependenciesRefused: A line is refused, or a file is missing, too large or outside of the job.
    """
    found: dict[str, bytes] = {}
    waiting, asks = [entry], False
    while waiting:
        path = waiting.pop(0)
        if path in found:
            continue
        if len(found) == _MOST_FILES:
            raise refused(entry, f"includes more than {_MOST_FILES} files. Join some of them")
        content = read(path)
        if content is None:
            raise refused(entry, f"includes {path}, which the job does not have. Add it, or remove the line")
        found[path] = in_utf8(content)
        for line in logical_lines(found[path], path):
            included = check_line(line, path, policy)
            if included is not None:
                waiting.append(included)
            elif not line.startswith("-"):
                asks = True
    return found, asks


def logical_lines(content: bytes, path: str) -> Iterator[str]:
    """The lines of a requirement file without comments, continued lines joined.

    Raises:
        DependenciesRefused: It is too large, or no text in UTF-8.
    """
    if len(content) > MAX_FILE_BYTES:
        raise refused(path, f"is larger than {MAX_FILE_BYTES:,} bytes, which is the limit")
    try:
        text = in_utf8(content).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise refused(path, "is not UTF-8. Save it as UTF-8") from error
    joined = ""
    for line in text.splitlines():
        if line.rstrip().endswith("\\") and not line.lstrip().startswith("#"):
            joined += line.rstrip()[:-1] + " "
            continue
        whole = _COMMENT.sub("", joined + line).strip()
        joined = ""
        if whole:
            yield whole
    if joined.strip():
        yield joined.strip()


def in_utf8(content: bytes) -> bytes:
    """A requirement file in UTF-8, where it is in a code that can be recognized; else as it is.

    PowerShell writes UTF-16 by `pip freeze > requirements.txt`, and old editors comments in Latin-1.
    """
    try:
        if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return content.decode("utf-16").encode()
        content.decode("utf-8")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
        if all(_COMMENT.sub("", line).isascii() for line in text.splitlines()):
            return text.encode()
    return content


def check_line(line: str, path: str, policy: DependencyPolicy) -> str | None:
    """Check a line; returns the path of the file that it includes, None when it includes none.

    Raises:
        DependenciesRefused: The line asks for what is not allowed.
    """
    if "${" in line:
        raise refused(path, f"has a variable in the line {_shown(line)}. Write the value")
    if line.startswith("-"):
        return _check_option(line, path, policy)
    check_requirement(line, path, policy)
    return None


def _check_option(line: str, path: str, policy: DependencyPolicy) -> str | None:
    option = _OPTION.fullmatch(line)
    if option is None or (not option[1].startswith("--") and len(option[1]) > 2):
        option = _SHORT.fullmatch(line)
    name, value = (option[1], option[2].strip()) if option else (line.split()[0], "")
    if name in _INCLUDES:
        return included_path(path, value.strip("\"'"))
    if name in _EDITABLE:
        raise refused(
            path,
            f"has {_shown(line)}: an editable package is not installed. Name the package and its version, or "
            "put its modules beside the script",
        )
    if name in _INDEX:
        if not policy.job_indexes:
            raise refused(
                path,
                f"has the option {name}: the files of a job may not choose an index. Remove the line; the "
                "operator sets the indexes of the site, or allows this with WEBJOBS_JOB_INDEXES=true",
            )
        return None
    if name == "--no-binary":
        if not policy.build_packages:
            raise refused(
                path,
                "has the option --no-binary: packages are not built from source. Remove the line; the "
                "operator allows builds with WEBJOBS_BUILD_PACKAGES",
            )
        return None
    if name in _HARMLESS:
        return None
    raise refused(path, f"has the option {name}, which is not known. Remove the line")


def included_path(path: str, included: str) -> str:
    """The path of a file that another one includes.

    Raises:
        DependenciesRefused: It is an address, or leaves the folder of the job.
    """
    whole = posixpath.normpath(posixpath.join(posixpath.dirname(path), included))
    if not included or "://" in included or "\\" in included or included.startswith(("/", "~", "file:")):
        raise refused(path, "includes a file outside of the job's folder. Put it into the folder")
    if whole.startswith("../") or whole in ("..", "."):
        raise refused(path, f"includes {included}, outside of the job's folder. Put it into the folder")
    return whole


def check_requirement(requirement: str, path: str, policy: DependencyPolicy) -> None:
    """Check one requirement, such as `name>=1.0; marker`.

    Raises:
        DependenciesRefused: It names a path, or an address that is not allowed.
    """
    text = _HASH.sub("", requirement).partition(";")[0].strip()
    named = _NAME.fullmatch(text)
    rest = named[2].strip() if named else text
    target = rest.removeprefix("@").strip()
    is_direct = rest.startswith("@")
    if "://" in text and not target.startswith("file:"):
        if not policy.job_indexes:
            raise refused(
                path,
                f"takes {named[1] if is_direct and named else 'a package'} from an address: the files of a "
                "job may not choose where packages come from. Name the version instead; the operator allows "
                "addresses with WEBJOBS_JOB_INDEXES=true",
            )
        return
    is_file = text.startswith((".", "/", "~")) or "\\" in text or text.lower().endswith(_FILE_ENDS)
    if is_direct or is_file or target.startswith("file:") or (named and "/" in named[1] + named[2]):
        advice = ": pip list --format=freeze writes versions alone" if is_direct else ""
        raise refused(
            path,
            f"takes {_shown(text)} from a path: packages come from an index. Name the version instead, or "
            f"put the modules of the package beside the script{advice}",
        )
    if named is None or not canonical_name(named[1]):
        raise refused(path, f"has {_shown(text)}, which is not a requirement. Write it like name>=1.0")


def _shown(text: str) -> str:
    return repr(text[:100].partition("://")[0])
