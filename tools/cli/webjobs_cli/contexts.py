"""Named servers in a file that its owner alone may read: `contexts.json` in the configuration folder."""

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from webjobs_cli.errors import CommandError

_OTHERS = 0o077


class Context(msgspec.Struct, frozen=True, omit_defaults=True):
    """A server by its address, and how to sign in there."""

    url: str
    username: str = ""
    password: str = ""
    """`env:NAME`, `command:WORDS`, `stored:TEXT`; empty for the entry of `~/.netrc`, if there is one."""


class Contexts(msgspec.Struct, omit_defaults=True):
    """The file's content."""

    current: str = ""
    contexts: dict[str, Context] = {}

    def named(self, name: str) -> Context:
        """The context of this name.

        Raises:
            CommandError: There is none.
        """
        found = self.contexts.get(name)
        if found is None:
            known = ", ".join(sorted(self.contexts))
            remedy = f"There are: {known}." if known else "Add one by `webjobs context add NAME URL`."
            raise CommandError("no_such_context", f"There is no context {name!r}.", remedy)
        return found


def contexts_path(environment: Mapping[str, str]) -> Path:
    """Where the file is, by the XDG base directories."""
    configured = environment.get("XDG_CONFIG_HOME", "")
    folder = Path(configured) if os.path.isabs(configured) else Path.home() / ".config"
    return folder / "webjobs" / "contexts.json"


def read_contexts(path: Path) -> Contexts:
    """The contexts; none when there is no file.

    Raises:
        CommandError: The file cannot be read or understood, or others may read it.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read()
    except FileNotFoundError:
        return Contexts()
    except OSError as error:
        raise CommandError(
            "unusable_contexts", f"{path} cannot be read: {error.strerror}.", "Check who owns it."
        ) from error
    if mode & _OTHERS:
        raise CommandError(
            "unusable_contexts",
            f"{path} may hold passwords, and other users may open it.",
            f"Run `chmod 600 {path}`.",
        )
    try:
        return msgspec.json.decode(content, type=Contexts)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise CommandError(
            "unusable_contexts", f"{path} is not a list of contexts: {error}.", "Correct it or remove it."
        ) from error


def write_contexts(path: Path, contexts: Contexts) -> None:
    """Replace the file, with mode 0600.

    Raises:
        CommandError: It cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(contexts), indent=2) + b"\n")
        temporary.replace(path)
    except OSError as error:
        raise CommandError(
            "unusable_contexts",
            f"{path} cannot be written: {error.strerror}.",
            "XDG_CONFIG_HOME names another folder.",
        ) from error
