"""What of a job's folder makes up the job, and what in it speaks for the job; pure.

`settings.job` and `disable.job` belong to the job's definition, not to its package. They count in the job's
folder and, when the job is a single folder in it, in that one too.
"""

import stat
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from webjobs_rules.errors import FolderRefused, NoRunnableScript
from webjobs_rules.left_out import LeftOut, Why, left_out_warnings
from webjobs_rules.litter import is_litter
from webjobs_rules.package_links import end_of_link, fault_of_link
from webjobs_rules.script import ChosenScript, ScriptHost, choose_script, script_folder
from webjobs_rules.shebang import Shebang

SETTINGS_FILE = "settings.job"
DISABLE_FILE = "disable.job"


@dataclass(frozen=True, slots=True)
class FolderEntry:
    """Something in a folder.

    Attributes:
        path: Relative to the folder, `/` between parts.
        mode: Its kind and permissions, as `st_mode` has them.
        target: Of a link, as it is written.
    """

    path: str
    mode: int
    target: str = ""

    @property
    def is_folder(self) -> bool:
        """Whether it is a real folder, not a link to one."""
        return stat.S_ISDIR(self.mode)

    @property
    def is_link(self) -> bool:
        """Whether it is a symbolic link."""
        return stat.S_ISLNK(self.mode)

    @property
    def marked_path(self) -> str:
        """The path, that of a folder with `/` at its end."""
        return f"{self.path}/" if self.is_folder else self.path


@dataclass(frozen=True, slots=True)
class FolderContent:
    """The content of a job's folder.

    Attributes:
        files: Paths of regular files, in the order of the entries.
        empty_folders: Paths of the folders that hold nothing of the job, in order.
        links: Paths and targets of links that stay inside, in order.
        definition_files: Paths of what speaks for the job, in the order of the entries; no part of the above.
        left_out: What no package carries.
    """

    files: tuple[str, ...]
    empty_folders: tuple[str, ...]
    links: tuple[tuple[str, str], ...]
    definition_files: tuple[str, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def all_paths(self) -> tuple[str, ...]:
        """Paths of all that makes up the job; those of empty folders end with `/`."""
        return (*self.files, *(path for path, _ in self.links), *(f"{each}/" for each in self.empty_folders))


def folder_content(job_name: str, entries: Iterable[FolderEntry]) -> FolderContent:
    """Returns what of a folder makes up the job.

    Args:
        job_name: For the text of the error.
        entries: Everything below the folder, folders before what they hold.

    Raises:
        FolderRefused: A name is not UTF-8.
    """
    listed = list(entries)
    for entry in listed:
        _refuse_name(job_name, entry)
    wanted = [entry for entry in listed if not is_litter(entry.marked_path)]
    links = {entry.path: entry.target for entry in wanted if entry.is_link}
    left_out = {item.path: item for item in _left_out(listed, links)}
    kept = [entry for entry in wanted if entry.path not in left_out]
    speaking = definition_files(entry.marked_path for entry in kept)
    kept = [entry for entry in kept if entry.path not in speaking]
    filled = {entry.path.rpartition("/")[0] for entry in kept}
    return FolderContent(
        files=tuple(entry.path for entry in kept if stat.S_ISREG(entry.mode)),
        empty_folders=tuple(
            sorted(entry.path for entry in kept if entry.is_folder and entry.path not in filled)
        ),
        links=tuple(sorted((entry.path, entry.target) for entry in kept if entry.is_link)),
        definition_files=tuple(entry.path for entry in wanted if entry.path in speaking),
        left_out=tuple(left_out.values()),
    )


def definition_files(paths: Iterable[str]) -> frozenset[str]:
    """Which of these relative paths (folders end with `/`) are the job's settings or its disable mark."""
    listed = list(paths)
    inner = script_folder(listed).split("/")
    folders = {"", *("/".join(inner[:depth]) + "/" for depth in range(1, len(inner) + 1))}
    return frozenset(path for path in listed if path[: path.rfind("/") + 1] in folders and _speaks(path))


def counting_file(paths: Iterable[str], name: str) -> str | None:
    """Which of the paths of `definition_files` counts for this name: the innermost; None without one."""
    found = [path for path in paths if path.rpartition("/")[2].lower() == name]
    return max(found, key=lambda path: (path.count("/"), path), default=None)


def readable_paths(files: Iterable[str], links: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Paths of the files, and of the links that lead to one."""
    known, targets = set(files), dict(links)
    return (*sorted(known), *(path for path in targets if end_of_link(path, targets) in known))


def choose_in_folder(
    all_paths: Iterable[str],
    readable: Iterable[str],
    left_out: Iterable[LeftOut],
    hosts: Sequence[ScriptHost],
    is_available: Callable[[str], bool],
    shebang_of: Callable[[str], Shebang | None],
    is_program: Callable[[str], bool],
    warnings: Sequence[str] = (),
) -> tuple[str, ChosenScript]:
    """Choose the script of a job by all that its folder holds.

    Args:
        all_paths: As `FolderContent.all_paths` has them.
        readable: As `readable_paths` has them.
        left_out: What the folder holds besides.
        hosts: As for `choose_script`, and so are the next.
        is_available: Of a program.
        shebang_of: Takes a path below the folder.
        is_program: Takes a path below the folder.
        warnings: What was left out before the files came into the folder.

    Returns:
        The path of the script below the folder, and the choice.

    Raises:
        NoRunnableScript, MissingInterpreter: As `choose_script`.
    """
    inner = script_folder(all_paths)
    prefix = f"{inner}/" if inner else ""
    names = [path[len(prefix) :] for path in readable if path.startswith(prefix)]
    try:
        chosen = choose_script(
            [name for name in names if "/" not in name],
            hosts,
            is_available,
            lambda name: shebang_of(prefix + name),
            lambda name: is_program(prefix + name),
        )
    except NoRunnableScript as error:
        raise NoRunnableScript(
            error.found, error.extensions, [*warnings, *left_out_warnings(left_out)]
        ) from error
    return prefix + chosen.file_name, chosen


def _left_out(entries: Sequence[FolderEntry], links: dict[str, str]) -> list[LeftOut]:
    found = []
    for entry in entries:
        if is_litter(entry.marked_path):
            if not entry.is_folder:
                found.append(LeftOut(entry.path, Why.LITTER))
        elif entry.path in links:
            if why := fault_of_link(entry.path, links):
                found.append(LeftOut(entry.path, why))
        elif not stat.S_ISREG(entry.mode) and not entry.is_folder:
            found.append(LeftOut(entry.path, Why.SPECIAL))
    return found


def _refuse_name(job_name: str, entry: FolderEntry) -> None:
    try:
        entry.path.encode()
    except UnicodeEncodeError as fault:
        raise FolderRefused(job_name, entry.path, "its name is not UTF-8; rename it") from fault


def _speaks(path: str) -> bool:
    return path.rpartition("/")[2].lower() in (SETTINGS_FILE, DISABLE_FILE)
