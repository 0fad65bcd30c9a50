"""What of a folder makes up a job, decided by names, modes and targets alone."""

import stat

import pytest
from webjobs_rules.errors import FolderRefused, NoRunnableScript
from webjobs_rules.job_folder import (
    DISABLE_FILE,
    SETTINGS_FILE,
    FolderEntry,
    choose_in_folder,
    counting_file,
    folder_content,
    readable_paths,
)
from webjobs_rules.left_out import LeftOut, Why
from webjobs_rules.script import SCRIPT_HOSTS

FILE, FOLDER, LINK, PIPE = stat.S_IFREG | 0o644, stat.S_IFDIR | 0o755, stat.S_IFLNK | 0o777, stat.S_IFIFO


def folder(*paths: str, **links: str) -> list[FolderEntry]:
    """Entries of files, of folders (which end with a slash), and of links."""
    entries = [FolderEntry(path.removesuffix("/"), FOLDER if path.endswith("/") else FILE) for path in paths]
    return [*entries, *(FolderEntry(path, LINK, target) for path, target in links.items())]


def test_files_links_and_empty_folders_make_up_the_job() -> None:
    found = folder_content("job", folder("run.sh", "lib/", "lib/a", "empty/", inside="lib/a", data="empty"))
    assert found.files == ("run.sh", "lib/a")
    assert found.empty_folders == ("empty",)
    assert found.links == (("data", "empty"), ("inside", "lib/a"))
    assert found.left_out == ()
    assert found.all_paths == ("run.sh", "lib/a", "data", "inside", "empty/")
    assert readable_paths(found.files, found.links) == ("lib/a", "run.sh", "inside")


def test_what_no_package_carries_is_named_with_its_reason() -> None:
    entries = [*folder("run.sh", "__MACOSX/", "__MACOSX/x", ".DS_Store", out="/etc"), FolderEntry("p", PIPE)]
    found = folder_content("job", entries)
    assert found.files == ("run.sh",)
    assert set(found.left_out) == {
        LeftOut("__MACOSX/x", Why.LITTER),
        LeftOut(".DS_Store", Why.LITTER),
        LeftOut("out", Why.OUTSIDE),
        LeftOut("p", Why.SPECIAL),
    }


def test_a_name_that_is_not_utf_8_refuses_the_folder() -> None:
    with pytest.raises(FolderRefused, match=r"9 of the job nightly cannot be deployed"):
        folder_content("nightly", folder(b"caf\xe9".decode("utf-8", "surrogateescape")))


@pytest.mark.parametrize(
    ("paths", "settings", "files"),
    [
        (["run.sh", "settings.job"], "settings.job", ("run.sh",)),
        (["run.sh", "Settings.JOB", "disable.job"], "Settings.JOB", ("run.sh",)),
        (["settings.job", "a/", "a/run.sh", "a/settings.job"], "a/settings.job", ("a/run.sh",)),
        (["a/", "a/run.sh", "b/", "b/settings.job"], None, ("a/run.sh", "b/settings.job")),
        (["run.sh"], None, ("run.sh",)),
    ],
)
def test_the_innermost_settings_count_and_are_no_part_of_the_files(
    paths: list[str], settings: str | None, files: tuple[str, ...]
) -> None:
    found = folder_content("job", folder(*paths))
    assert counting_file(found.definition_files, SETTINGS_FILE) == settings
    assert found.files == files
    is_disabled = counting_file(found.definition_files, DISABLE_FILE) is not None
    assert is_disabled is ("disable.job" in paths)


def test_a_script_is_chosen_in_the_single_folder_of_a_job() -> None:
    asked: list[str] = []

    def is_program(path: str) -> bool:
        asked.append(path)
        return True

    found = folder_content("job", folder("a/", "a/b/", "a/b/run", "settings.job"))
    script, chosen = choose_in_folder(
        found.all_paths,
        readable_paths(found.files, found.links),
        found.left_out,
        SCRIPT_HOSTS,
        lambda _: True,
        lambda _: None,
        is_program,
    )
    assert (script, chosen.file_name, asked) == ("a/b/run", "run", ["a/b/run"])


def test_a_refusal_names_what_was_left_out() -> None:
    found = folder_content("job", folder("notes.md", **{"run.sh": "/outside/run.sh"}))
    with pytest.raises(NoRunnableScript, match=r"found only notes.md.*Sent twice\. Left out .*run.sh"):
        choose_in_folder(
            found.all_paths,
            readable_paths(found.files, found.links),
            found.left_out,
            SCRIPT_HOSTS,
            lambda _: True,
            lambda _: None,
            lambda _: False,
            ["Sent twice."],
        )
