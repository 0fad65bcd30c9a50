from pathlib import Path

import pytest
from webjobs_stack.errors import DataFolderUnusable
from webjobs_stack.folder import DataFolder


def test_the_folders_a_person_expects_are_made(tmp_path: Path) -> None:
    DataFolder(tmp_path).make()
    assert (tmp_path / "site/wwwroot/app_data/jobs/triggered").is_dir()
    assert (tmp_path / "site/wwwroot/app_data/jobs/continuous").is_dir()
    assert (tmp_path / "data").is_dir()
    assert (tmp_path / "LogFiles").is_dir()


def test_a_site_that_spells_app_data_in_capitals_keeps_its_spelling(tmp_path: Path) -> None:
    (tmp_path / "site/wwwroot/App_Data").mkdir(parents=True)
    DataFolder(tmp_path).make()
    assert [entry.name for entry in (tmp_path / "site/wwwroot").iterdir()] == ["App_Data"]


def test_instance_ids_are_stable_and_differ(tmp_path: Path) -> None:
    ids = [DataFolder(tmp_path).instance_id(index) for index in range(3)]
    assert ids == [DataFolder(tmp_path).instance_id(index) for index in range(3)]
    assert len(set(ids)) == 3
    assert all(len(instance) == 6 and int(instance, 16) >= 0 for instance in ids)


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(DataFolderUnusable, match="cannot be the data folder"):
        DataFolder(tmp_path / "data").make()
