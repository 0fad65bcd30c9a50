"""Settings in an editor: in a private file, checked, and stored if they are still those that were read."""

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from webjobs_client import ChangedMeanwhile, Client, InvalidRequest

from webjobs_cli.errors import CommandError
from webjobs_cli.lookup import Job


def edit_job_settings(client: Client, job: Job) -> tuple[list[str], list[str]]:
    """The keys that were changed, and warnings about the settings.

    Raises:
        CommandError: The editor failed, or the settings are faulty and are not to be corrected.
    """
    before = client.settings(job.name, job_type=job.type)

    def store(values: dict[str, Any]) -> list[str]:
        return client.put_settings(job.name, values, job_type=job.type, if_match=before.etag)

    return _edit(f"{job.name}.settings.job.json", before.values, store)


def edit_app_settings(client: Client) -> tuple[list[str], list[str]]:
    """The same of app settings: those that were changed are set, those that are gone are taken away."""
    before = client.app_settings()

    def store(values: dict[str, Any]) -> list[str]:
        changed = {name: value for name, value in values.items() if before.get(name) != value}
        if changed:
            client.set_app_settings(changed)
        for name in before.keys() - values.keys():
            client.delete_app_setting(name)
        return []

    return _edit("app-settings.json", before, store)


def _edit(
    file_name: str, before: Mapping[str, Any], store: Callable[[dict[str, Any]], list[str]]
) -> tuple[list[str], list[str]]:
    with tempfile.TemporaryDirectory(prefix="webjobs-") as folder:  # for its owner only
        path = Path(folder) / file_name.replace("/", "_")
        path.write_bytes(msgspec.json.format(msgspec.json.encode(dict(before)), indent=2) + b"\n")
        while True:
            _open_editor(path)
            try:
                after = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
                keys = sorted(key for key in {*before, *after} if before.get(key) != after.get(key))
                return keys, store(after) if keys else []
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                _ask_again(f"The settings are no JSON object: {error}.")
            except InvalidRequest as error:
                _ask_again(f"{error.message} {error.remedy}")
            except ChangedMeanwhile as error:
                kept = Path.cwd() / file_name.replace("/", "_")
                kept.write_bytes(path.read_bytes())
                raise CommandError(
                    error.code, error.message, f"Your settings are in {kept}; edit again, and bring them in."
                ) from error


def _open_editor(path: Path) -> None:
    chosen = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not chosen and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise CommandError(
            "no_terminal",
            "There is no terminal for an editor.",
            "VISUAL or EDITOR names one that needs none; `webjobs settings set` changes single settings.",
            exit_code=2,
        )
    editor = chosen or "vi"
    try:
        subprocess.run([*shlex.split(editor), str(path)], check=True)
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        raise CommandError(
            "editor_failed",
            f"The editor {editor!r} failed: {str(error).rstrip('.')}.",
            "VISUAL names another one; nothing was changed.",
        ) from error


def _ask_again(fault: str) -> None:
    """Return when the person wants to correct it."""
    if sys.stdin.isatty() and sys.stderr.isatty():
        print(f"{fault}\nEdit again? [Y/n] ", end="", file=sys.stderr, flush=True)
        answer = sys.stdin.readline()
        if answer and not answer.strip().lower().startswith("n"):
            return
    raise CommandError("invalid_request", fault, "Nothing was changed.")
