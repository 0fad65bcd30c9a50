"""Compares a job's folder with its last known state and its definition, and decides what to do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from webjobs_events.job import JobDefinition
from webjobs_events.redaction import sealed


class DropAction(StrEnum):
    """What the runner does about a job's folder."""

    NOTHING = "nothing"
    """Folder and definition agree, or there is neither."""
    DEPLOY = "deploy"
    """A person placed or edited files: package them as the job's new version."""
    CHANGE_SETTINGS = "change settings"
    """A person edited `settings.job` (and perhaps `disable.job`) only."""
    ENABLE_OR_DISABLE = "enable or disable"
    """A person placed or removed `disable.job` only."""
    REMOVE = "remove"
    """A person took the job's folder away."""
    CONVERGE = "converge"
    """The definition moved on elsewhere: make the folder say what it says, or remove it with it."""


@dataclass(frozen=True, slots=True)
class FolderContent:
    """A job's folder as it is now.

    Attributes:
        digest: Of its files.
        settings: Of its `settings.job`, {} without one; None when that cannot be understood.
        disabled: Whether a `disable.job` lies in it.
    """

    digest: str
    settings: Mapping[str, Any] | None
    disabled: bool


@dataclass(frozen=True, slots=True)
class KnownContent:
    """A job's folder as this site last installed or packaged it.

    Attributes:
        digests: The version last written and, while one is being installed, the one it replaces.
        settings: As written or read then, sealed under `digest_key`.
        disabled: As written or read then.
        digest_key: See `webjobs_events.redaction.sealed`.
        installed: The version whose installation or packaging was completed last; empty when none was.
        cause: `cause` of the definition that the folder agreed with; empty when not known.
    """

    digests: frozenset[str]
    settings: Mapping[str, Any]
    disabled: bool
    digest_key: str = ""
    installed: str = ""
    cause: str = ""

    def has_settings(self, settings: Mapping[str, Any]) -> bool:
        """Whether these are the known settings."""
        return sealed(settings, self.digest_key) == self.settings

    def agrees_with(self, definition: JobDefinition) -> bool:
        """Whether everything that is known is what this definition says."""
        is_installed = (self.installed, self.cause) == (definition.digest, definition.cause)
        has_its_settings = self.disabled == definition.disabled and self.has_settings(definition.settings)
        return is_installed and len(self.digests) <= 1 and has_its_settings

    def is_of(self, definition: JobDefinition) -> bool:
        """Whether the folder agreed with this definition, and not only with one of the same files."""
        is_same = self.cause in ("", definition.cause)
        return is_same and self.installed == definition.digest


@dataclass(frozen=True, slots=True)
class Drop:
    """What to do, and what the definition says afterwards about all that is not files."""

    action: DropAction
    settings: Mapping[str, Any] = field(default_factory=dict)
    disabled: bool = False


def decide_drop(
    folder: FolderContent | None,
    known: KnownContent | None,
    definition: JobDefinition | None,
    was_deleted: bool = False,
    is_edit_older: bool = False,
) -> Drop:
    """Distinguish a person's edit from a definition that changed while the folder was not watched.

    A part (files, settings, disabled) that differs from what is known was changed in the folder, and
    the folder wins; any other part follows the definition. A folder without a note was copied there by a
    person. A definition that is merely absent proves nothing, so the folder is deployed again; only
    `was_deleted` (the bucket remembers the deletion) takes away a folder that was not touched.

    A folder that is missing was removed by a person when the definition is the one that was installed
    here. A definition written later, the same files uploaded again included, is installed again.

    Args:
        folder: None when there is none, or it is empty.
        known: None when this site has never installed or packaged the job.
        definition: None when there is none.
        was_deleted: The definition was deleted, rather than never made.
        is_edit_older: The folder was edited before the definition was last changed: other files of the
            definition, and its deletion, win over those of the folder.
    """
    if folder is None:
        return _without_folder(known, definition)
    files_changed = known is None or folder.digest not in known.digests
    if definition is None:
        settings, disabled = _merged(folder, known, None)
        if was_deleted and (is_edit_older or not files_changed):
            return Drop(DropAction.CONVERGE)
        return Drop(DropAction.DEPLOY, settings, disabled)
    if is_edit_older and known is not None and definition.digest not in known.digests:
        return Drop(DropAction.CONVERGE, definition.settings, definition.disabled)
    settings, disabled = _merged(folder, known, definition)
    if files_changed and folder.digest != definition.digest:
        return Drop(DropAction.DEPLOY, settings, disabled)
    if settings != definition.settings:
        return Drop(DropAction.CHANGE_SETTINGS, settings, disabled)
    if disabled != definition.disabled:
        return Drop(DropAction.ENABLE_OR_DISABLE, settings, disabled)
    settled = folder.digest == definition.digest and folder.settings in (None, settings)
    agrees = settled and folder.disabled == disabled
    return Drop(DropAction.NOTHING if agrees else DropAction.CONVERGE, settings, disabled)


def decide_drop_of_unreadable(folder: FolderContent | None, known: KnownContent | None) -> Drop:
    """The same for a job whose stored definition cannot be read.

    It stays as it is, with its error, until a person does something: removes the folder, or edits it.
    """
    if folder is None:
        return Drop(DropAction.NOTHING if known is None else DropAction.REMOVE)
    if known is not None and folder.digest in known.digests:
        return Drop(DropAction.NOTHING)
    settings, disabled = _merged(folder, known, None)
    return Drop(DropAction.DEPLOY, settings, disabled)


def _without_folder(known: KnownContent | None, definition: JobDefinition | None) -> Drop:
    if definition is None:
        return Drop(DropAction.NOTHING if known is None else DropAction.CONVERGE)
    removed_here = known is not None and known.is_of(definition)
    action = DropAction.REMOVE if removed_here else DropAction.CONVERGE
    return Drop(action, definition.settings, definition.disabled)


def _merged(
    folder: FolderContent, known: KnownContent | None, definition: JobDefinition | None
) -> tuple[Mapping[str, Any], bool]:
    settings, disabled = folder.settings, folder.disabled
    if definition is not None:
        if settings is None or (known is not None and known.has_settings(settings)):
            settings = definition.settings
        if known is not None and disabled == known.disabled:
            disabled = definition.disabled
    return settings or {}, disabled
