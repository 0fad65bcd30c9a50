"""Which server a command speaks to, and how it signs in there."""

import fcntl
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from webjobs_cli.contexts import Context, contexts_path, read_contexts
from webjobs_cli.errors import CommandError

DEFAULT_URL = "http://127.0.0.1:8080"
_COMMAND_SECONDS = 60.0  # that a command may take to print a password; it may ask for a passphrase


class Target(NamedTuple):
    """A server and its login."""

    url: str
    username: str | None
    password: str | None
    source: str
    """What named the server, for people: `--url`, `WEBJOBS_URL`, `context prod`, …"""


def find_target(
    url: str | None,
    context: str | None,
    environment: Mapping[str, str],
    folder: Path,
    *,
    runs_commands: bool = True,
) -> Target:
    """The server: by flag, WEBJOBS_URL, the context in use, a `webjobs up` at or above `folder`, the default.

    With `runs_commands` false a password that only a command prints cannot be had.

    Raises:
        CommandError: A name or address is unusable, or a password cannot be had.
    """
    if url and context:
        raise CommandError("invalid_use", "Give --url or --context, not both.", exit_code=2)
    from_environment = environment.get("WEBJOBS_URL", "")
    if url:
        address = checked_url(url, "--url")
        is_other = bool(from_environment) and _origin(from_environment) != _origin(address)
        return _with_login(address, "--url", {} if is_other else environment)
    if context:
        return _target_of(
            context, read_contexts(contexts_path(environment)).named(context), environment, runs_commands
        )
    if from_environment:
        return _with_login(checked_url(from_environment, "WEBJOBS_URL"), "WEBJOBS_URL", environment)
    contexts = read_contexts(contexts_path(environment))
    if contexts.current:
        return _target_of(contexts.current, contexts.named(contexts.current), environment, runs_commands)
    running = running_stack(folder)
    if running is not None:
        address, data = running
        return _with_login(address, f"webjobs up on {data}", environment)
    return _with_login(DEFAULT_URL, "default", environment)


def checked_url(url: str, source: str) -> str:
    """The address without a slash at its end.

    Raises:
        CommandError: It is no http address, or holds a login.
    """
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable or not url.isprintable() or " " in url or parts.query or parts.fragment:
        raise CommandError(
            "invalid_url",
            f"{source}: {url!r} is not the address of a server.",
            f"Write it as {DEFAULT_URL}.",
            exit_code=2,
        )
    if "@" in parts.netloc:
        raise CommandError(
            "invalid_url",
            f"{source} must not hold a login.",
            "Set WEBJOBS_USERNAME and WEBJOBS_PASSWORD, or add a context.",
            exit_code=2,
        )
    return url.rstrip("/")


def running_stack(folder: Path) -> tuple[str, Path] | None:
    """The address and data folder of a `webjobs up` that runs at `folder` or above.

    A data folder is `.webjobs` in one of these folders, one of them itself, or a folder in `folder`.
    """
    for data in _data_folders(folder.absolute()):
        url = _url_of_stack(data)
        if url is not None:
            return url, data
    return None


def _data_folders(folder: Path) -> Iterator[Path]:
    for each in (folder, *folder.parents):
        yield each / ".webjobs"
        yield each
    try:
        with os.scandir(folder) as entries:
            yield from sorted(Path(entry.path) for entry in entries if entry.is_dir())
    except OSError:
        return


def _url_of_stack(data: Path) -> str | None:
    """What the stack has written; only of this user's folders, and while it holds its lock."""
    try:
        with (data / "stack.url").open() as file:
            if os.fstat(file.fileno()).st_uid not in (os.getuid(), 0):
                return None
            url = file.read(500).strip()
        descriptor = os.open(data / "stack.lock", os.O_RDONLY | os.O_CLOEXEC)
    except (OSError, UnicodeDecodeError):
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return checked_url(url, str(data / "stack.url"))
    finally:
        os.close(descriptor)
    return None


def _target_of(name: str, context: Context, environment: Mapping[str, str], runs_commands: bool) -> Target:
    source = f"context {name}"
    url = checked_url(context.url, source)
    if not context.password:
        username, password = _netrc_login(url, environment, context.username)
        return Target(url, username or context.username or None, password, source)
    if not runs_commands and context.password.startswith("command:"):
        raise CommandError("no_password", f"The password of {source} is printed by a command.")
    return Target(url, context.username, password_of(context.password, environment, source), source)


def password_of(kept: str, environment: Mapping[str, str], source: str) -> str:
    """The password that `env:NAME`, `command:WORDS` or `stored:TEXT` stands for.

    Raises:
        CommandError: It cannot be had.
    """
    kind, _, value = kept.partition(":")
    if kind == "stored":
        return value
    if kind == "env":
        if value not in environment:
            raise CommandError(
                "no_password", f"The password of {source} is in {value}, which is not set.", f"Set {value}."
            )
        return environment[value]
    if kind == "command":
        return _printed_by(value, source)
    raise CommandError(
        "no_password",
        f"The password of {source} is {kind!r}, which is none of env:NAME and command:WORDS.",
        "Add the context again.",
    )


def _printed_by(command: str, source: str) -> str:
    import shlex
    import subprocess

    try:
        done = subprocess.run(
            shlex.split(command), stdout=subprocess.PIPE, text=True, timeout=_COMMAND_SECONDS, check=True
        )
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        reason = str(error).rstrip(".")
        raise CommandError(
            "no_password", f"The command for the password of {source} failed: {reason}.", "Run it yourself."
        ) from error
    return done.stdout.rstrip("\r\n") if done.stdout.count("\n") == 1 else done.stdout.removesuffix("\n")


def _with_login(url: str, source: str, environment: Mapping[str, str]) -> Target:
    username, password = environment.get("WEBJOBS_USERNAME"), environment.get("WEBJOBS_PASSWORD")
    if not username or password is None:
        username, password = _netrc_login(url, environment, "")
    return Target(url, username, password, source)


def _netrc_login(url: str, environment: Mapping[str, str], username: str) -> tuple[str | None, str | None]:
    """What `~/.netrc`, or the file that NETRC names, has for the host; of this user if one is given."""
    path = Path(environment.get("NETRC") or Path.home() / ".netrc")
    host = urlsplit(url).hostname
    if host is None or not path.is_file():
        return None, None
    import netrc

    try:
        found = netrc.netrc(str(path)).authenticators(host)
    except (netrc.NetrcParseError, OSError, UnicodeDecodeError) as error:
        raise CommandError("no_password", f"{path} cannot be used: {error}.", "Correct it.") from error
    if found is None or (username and found[0] != username):
        return None, None
    return found[0], found[2]


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()
