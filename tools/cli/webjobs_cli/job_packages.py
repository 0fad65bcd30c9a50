"""Has the packages of a job installed in the cache folder of this user, by the same code as a runner."""

import asyncio
import contextlib
import importlib.util
import os
import secrets
import shutil
import signal
import tempfile
import time
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any

from webjobs_environments.file_locks import locked
from webjobs_environments.folders import delete
from webjobs_environments.held_environment import HeldEnvironment
from webjobs_environments.language import Language, Languages
from webjobs_environments.wiring import EnvironmentPlace, build_languages
from webjobs_rules.dependencies.declaration import Declaration, input_digest
from webjobs_rules.dependencies.environment_key import Interpreter, digest_of, environment_key
from webjobs_rules.dependencies.policy import DependencyPolicy
from webjobs_rules.dependencies.vocabulary import PreparationStage, ReportProgress
from webjobs_rules.errors import DependenciesRefused, DependenciesUnavailable

from webjobs_cli.child_programs import ChildPrograms
from webjobs_cli.errors import FAILED, CommandError

_KEEP_SECONDS = 30 * 24 * 3600.0
_LEFTOVER_SECONDS = 3600.0  # longer than any build
_LARGEST_MB = 2048


def installed(
    declaration: Declaration,
    environment: Mapping[str, str],
    policy: DependencyPolicy,
    report: ReportProgress,
) -> HeldEnvironment:
    """The environment with the packages that are declared, built first if it is not there.

    Args:
        declaration: Of the job.
        environment: Of this process.
        policy: What is allowed.
        report: Takes each line about what is done.

    Raises:
        DependenciesRefused, DependenciesUnavailable: They cannot be installed.
        CommandError: uv is missing, a setting is wrong, or a signal came.
        OSError: The disk is full, or the folder cannot be written.
    """
    return asyncio.run(_unless_ended(_installed(declaration, environment, policy, report)))


def interpreter_for(
    declaration: Declaration, environment: Mapping[str, str], policy: DependencyPolicy
) -> Interpreter:
    """The interpreter of this machine that the packages would be installed for.

    Raises:
        DependenciesRefused: None is here that fits.
    """
    with tempfile.TemporaryDirectory(prefix="webjobs-packages-") as home:
        languages = _languages(environment, policy, Path(home), uv="", largest_mb=0)  # nothing is installed
        return asyncio.run(languages.of(declaration.kind).choose(declaration.requires_python))


def cache_folder(environment: Mapping[str, str]) -> Path:
    """Where environments of this user lie."""
    base = environment.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):  # as the standard has it
        base = os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base, "webjobs", "environments")


async def _unless_ended(work: Coroutine[Any, Any, HeldEnvironment]) -> HeldEnvironment:
    """The result of some work, which SIGTERM and SIGHUP end with all that it has started, as Ctrl-C does."""
    loop, task = asyncio.get_running_loop(), asyncio.ensure_future(work)
    came: list[signal.Signals] = []

    def end(number: signal.Signals) -> None:
        came.append(number)
        task.cancel()

    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, end, number)
    try:
        return await task
    except asyncio.CancelledError:
        if not came:
            raise
        message = f"{came[0].name} came before the packages of the job were installed."
        raise CommandError("interrupted", message, exit_code=128 + came[0]) from None
    finally:
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.remove_signal_handler(number)


async def _installed(
    declaration: Declaration,
    environment: Mapping[str, str],
    policy: DependencyPolicy,
    report: ReportProgress,
) -> HeldEnvironment:
    root = cache_folder(environment)
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="webjobs-packages-") as scratch:
        home = Path(scratch, "home")
        home.mkdir()
        uv = "" if declaration.kind.is_node else _uv(environment)
        languages = _languages(environment, policy, home, uv=uv, largest_mb=_largest_mb(environment))
        language = languages.of(declaration.kind)
        lock = await _lock(declaration, language, policy, root / "locks", Path(scratch, "resolve"), report)
        held = await _built(declaration, language, policy, lock, report)
        await asyncio.to_thread(_remove_unused, languages)  # what is held stays
        return held


def _languages(
    environment: Mapping[str, str], policy: DependencyPolicy, home: Path, *, uv: str, largest_mb: int
) -> Languages:
    """What makes the environments of this user; `home` is an empty folder, `uv` the path of the program."""
    place = EnvironmentPlace(
        root=cache_folder(environment),
        home=home,
        uv=uv,
        pythons=environment.get("WEBJOBS_PYTHONS", ""),
        largest_bytes=largest_mb * 1024 * 1024,
    )
    return build_languages(place, ChildPrograms(), environment, policy)


async def _built(
    declaration: Declaration, language: Language, policy: DependencyPolicy, lock: str, report: ReportProgress
) -> HeldEnvironment:
    """The environment of a lock, built if it is not there or was changed."""
    interpreter = await language.choose_for_lock(lock)
    key = environment_key(digest_of(lock), interpreter, policy)
    held = language.used.hold(key)
    if held is not None and await asyncio.to_thread(language.builder.whole, key) is not None:
        return held
    if held is not None:
        held.release()
    await language.builder.build(key, lock, digest_of(lock), declaration.source, interpreter, report)
    if (held := language.used.hold(key)) is None:
        raise DependenciesUnavailable(
            PreparationStage.CHECK, "The environment of the job vanishes as soon as it is built."
        )
    return held


async def _lock(
    declaration: Declaration,
    language: Language,
    policy: DependencyPolicy,
    locks: Path,
    scratch: Path,
    report: ReportProgress,
) -> str:
    """The lock that the same files had before, if a Python for it is still here, else a new one."""
    stored = locks / input_digest(declaration, policy)
    with contextlib.suppress(FileNotFoundError, UnicodeDecodeError, DependenciesRefused):
        if lock := stored.read_text("utf-8"):
            await language.choose_for_lock(lock)
            return lock
    interpreter = await language.choose(declaration.requires_python)
    scratch.mkdir()
    language.folders.root.mkdir(parents=True, exist_ok=True)
    async with locked(language.folders.cache_lock, shared=True):
        lock = await language.resolver.resolve(declaration, interpreter, scratch, report)
    locks.mkdir(exist_ok=True)
    temporary = locks / f".{secrets.token_hex(8)}"
    with open(temporary, "w", encoding="utf-8") as file:
        file.write(lock)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(stored)
    return lock


def _remove_unused(languages: Languages) -> None:
    """Remove environments that were not used for 30 days, and what killed builds have left.

    What cannot be removed is left: it may belong to another user, and the job needs none of it.
    """
    now = time.time()
    for folders in (each.folders for each in languages.all):
        for leftover in folders.leftovers(now - _LEFTOVER_SECONDS):
            with contextlib.suppress(OSError):
                delete(leftover)
        for key in folders.keys():
            with contextlib.suppress(OSError):
                if now - folders.used_at(key) > _KEEP_SECONDS:
                    folders.remove(key)


def _uv(environment: Mapping[str, str]) -> str:
    """Path of uv: that of the Python that this runs in, else the one on PATH."""
    if importlib.util.find_spec("uv") is not None:
        from uv import find_uv_bin

        with contextlib.suppress(FileNotFoundError):
            return find_uv_bin()
    if (found := shutil.which("uv", path=environment.get("PATH"))) is not None:
        return found
    raise CommandError(
        "not_installed",
        "The packages of the job are installed by uv, which is not here.",
        "Install it: pip install 'webjobs-client[packages]'. Or run without: --dependencies off.",
        exit_code=FAILED,
    )


def _largest_mb(environment: Mapping[str, str]) -> int:
    text = environment.get("WEBJOBS_ENVIRONMENT_LIMIT_MB") or str(_LARGEST_MB)
    if not (text.isdecimal() and text.isascii() and 0 < int(text[:9])):
        message = f"WEBJOBS_ENVIRONMENT_LIMIT_MB={text!r} is not a number of megabytes."
        raise CommandError("invalid_use", message, exit_code=2)
    return int(text[:9])
