"""What a job's folder, its note and its definition together ask for."""

from typing import Any

import pytest
from support.definitions import job_definition
from webjobs_events.job import JobDefinition
from webjobs_runner.domain.folder_diff import Drop, DropAction, FolderContent, KnownContent, decide_drop

SET = {"is_singleton": True}
OTHER = {"is_singleton": False}


def folder(digest: str, settings: dict[str, Any] | None = None, disabled: bool = False) -> FolderContent:
    return FolderContent(digest, settings or {}, disabled)


def known(*digests: str, settings: dict[str, Any] | None = None, disabled: bool = False) -> KnownContent:
    return KnownContent(frozenset(digests), settings or {}, disabled, installed=digests[0])


def definition(digest: str, settings: dict[str, Any] | None = None, disabled: bool = False) -> JobDefinition:
    return job_definition(digest=digest, settings=settings or {}, disabled=disabled)


def installed_by(cause: str) -> KnownContent:
    return KnownContent(frozenset({"1"}), {}, False, installed="1", cause=cause)


def being_installed(digest: str) -> KnownContent:
    """The note of a first installation that was not completed."""
    return KnownContent(frozenset({digest}), {}, False)


NOTHING, DEPLOY, CONVERGE = DropAction.NOTHING, DropAction.DEPLOY, DropAction.CONVERGE
SETTINGS, ENABLE, REMOVE = DropAction.CHANGE_SETTINGS, DropAction.ENABLE_OR_DISABLE, DropAction.REMOVE


@pytest.mark.parametrize(
    ("there", "noted", "defined", "action"),
    [
        pytest.param(None, None, None, NOTHING, id="nothing-anywhere"),
        pytest.param(None, None, definition("1"), CONVERGE, id="new-disk"),
        pytest.param(None, known("1"), None, CONVERGE, id="both-gone-forget-the-note"),
        pytest.param(None, known("1"), definition("1"), REMOVE, id="folder-removed-by-a-person"),
        pytest.param(None, known("1"), definition("2"), CONVERGE, id="removed-here-but-moved-on-elsewhere"),
        pytest.param(None, installed_by("test"), definition("1"), REMOVE, id="removed-after-installation"),
        pytest.param(None, installed_by("other"), definition("1"), CONVERGE, id="removed-but-uploaded-again"),
        pytest.param(None, being_installed("1"), definition("1"), CONVERGE, id="crashed-while-installing"),
        pytest.param(folder("1"), None, None, DEPLOY, id="dropped"),
        pytest.param(folder("1"), known("1"), None, DEPLOY, id="definitions-lost"),
        pytest.param(folder("2"), known("1"), None, DEPLOY, id="edited-and-definitions-lost"),
        pytest.param(folder("1"), None, definition("1"), NOTHING, id="same-version-without-a-note"),
        pytest.param(folder("2"), None, definition("1"), DEPLOY, id="dropped-over-a-job-from-elsewhere"),
        pytest.param(folder("1"), known("1"), definition("1"), NOTHING, id="all-agree"),
        pytest.param(folder("2"), known("1"), definition("1"), DEPLOY, id="edited-by-a-person"),
        pytest.param(folder("1"), known("1"), definition("2"), CONVERGE, id="deployed-elsewhere"),
        pytest.param(
            folder("2"), known("1"), definition("2"), NOTHING, id="another-runner-installed-it-here"
        ),
        pytest.param(
            folder("3"), known("1"), definition("2"), DEPLOY, id="edited-here-and-deployed-elsewhere"
        ),
        pytest.param(folder("1"), known("1", "2"), definition("2"), CONVERGE, id="crash-before-the-swap"),
        pytest.param(folder("2"), known("1", "2"), definition("3"), CONVERGE, id="crash-after-the-swap"),
        pytest.param(folder("1", SET), known("1"), definition("1"), SETTINGS, id="settings-edited"),
        pytest.param(folder("1"), known("1"), definition("1", SET), CONVERGE, id="settings-put-elsewhere"),
        pytest.param(folder("1", SET), known("1"), definition("1", SET), NOTHING, id="settings-converged"),
        pytest.param(
            folder("1", SET),
            known("1"),
            definition("2"),
            SETTINGS,
            id="settings-edited-and-deployed-elsewhere",
        ),
        pytest.param(
            folder("1", disabled=True), known("1"), definition("1"), ENABLE, id="disabled-by-a-person"
        ),
        pytest.param(
            folder("1"),
            known("1", disabled=True),
            definition("1", disabled=True),
            ENABLE,
            id="enabled-by-a-person",
        ),
        pytest.param(
            folder("1"), known("1"), definition("1", disabled=True), CONVERGE, id="stopped-elsewhere"
        ),
    ],
)
def test_the_table_of_drops(
    there: FolderContent | None, noted: KnownContent | None, defined: JobDefinition | None, action: DropAction
) -> None:
    assert decide_drop(there, noted, defined).action is action


def test_a_deletion_that_is_remembered_takes_an_untouched_folder_away() -> None:
    assert decide_drop(folder("1"), known("1"), None, was_deleted=True).action is CONVERGE
    assert decide_drop(folder("2"), known("1"), None, was_deleted=True).action is DEPLOY
    assert decide_drop(folder("1"), None, None, was_deleted=True).action is DEPLOY


def test_each_part_follows_the_side_that_changed_it() -> None:
    drop = decide_drop(folder("2", SET), known("1", settings=SET), definition("1", OTHER, disabled=True))
    assert drop == Drop(DEPLOY, OTHER, True)
    drop = decide_drop(folder("2", OTHER, disabled=True), known("1", settings=SET), definition("1", SET))
    assert drop == Drop(DEPLOY, OTHER, True)


def test_a_folder_nobody_noted_brings_its_own_settings() -> None:
    assert decide_drop(folder("2"), None, definition("1", SET, disabled=True)) == Drop(DEPLOY, {}, False)


def test_settings_that_cannot_be_understood_leave_those_of_the_definition() -> None:
    broken = FolderContent("2", None, False)
    assert decide_drop(broken, known("1"), definition("1", SET)) == Drop(DEPLOY, SET, False)
    broken = FolderContent("1", None, False)
    assert decide_drop(broken, known("1"), definition("1", SET)).action is NOTHING
    assert decide_drop(FolderContent("1", None, True), None, None) == Drop(DEPLOY, {}, True)


@pytest.mark.parametrize(
    ("defined", "was_deleted", "expected"),
    [
        pytest.param(None, True, CONVERGE, id="deleted"),
        pytest.param(None, False, DEPLOY, id="definitions-lost"),
        pytest.param(definition("3"), False, CONVERGE, id="other-files-deployed"),
        pytest.param(definition("1", SET), False, DEPLOY, id="only-settings-changed"),
        pytest.param(definition("2"), False, CONVERGE, id="the-same-files-deployed"),
    ],
)
def test_an_edit_gives_way_to_a_later_change_of_the_same_thing(
    defined: JobDefinition | None, was_deleted: bool, expected: DropAction
) -> None:
    drop = decide_drop(folder("2"), known("1"), defined, was_deleted, is_edit_older=True)
    assert drop.action is expected
