import pytest
from webjobs_api.app_settings.errors import InvalidAppSettingsBody
from webjobs_api.app_settings.requests import app_settings_of
from webjobs_api.http.request_errors import InvalidPage, InvalidSettingsBody
from webjobs_api.http.requests import (
    Page,
    Upload,
    arm_settings_of,
    page_of,
    requested_by,
    requested_on_page,
    script_name,
    settings_of,
    upload_of,
)
from webjobs_api.http.upload_errors import FileNameMissing, InvalidFileName, UnsupportedUpload
from webjobs_events.commands import UploadKind
from webjobs_rules.errors import InvalidAppSetting, InvalidJobSettings
from webjobs_rules.run_id import RunId


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("attachement; filename=run.cmd", "run.cmd"),  # as the Kudu wiki spells it
        ("attachment; filename=run.sh", "run.sh"),
        ('attachment; filename="my script.sh"', "my script.sh"),
        ('attachment; filename="a;b.sh"', "a;b.sh"),
        ('attachment; filename="a\\"b.sh"', 'a"b.sh'),
        ("attachment;filename = run.sh ; size=3", "run.sh"),
        ("ATTACHMENT; FILENAME=run.sh", "run.sh"),
        ("; filename=run.sh", "run.sh"),
        (r'attachment; filename="C:\jobs\run.cmd"', "run.cmd"),
        ("attachment; filename=../../etc/run.sh", "run.sh"),
        ("attachment; filename=/run.sh", "run.sh"),
        ("attachment; filename=naïve.sh", "naïve.sh"),
        ("attachment; filename*=UTF-8''na%C3%AFve%20job.sh", "naïve job.sh"),
        ("attachment; filename=plain.sh; filename*=UTF-8'en'better.sh", "better.sh"),
        ("attachment; filename*=iso-8859-1''na%EFve.sh", "naïve.sh"),
        ("attachment; filename*=UTF-8''..%2F..%2Frun.sh", "run.sh"),
    ],
)
def test_a_script_is_named_by_content_disposition(header: str, name: str) -> None:
    assert script_name(header) == name


@pytest.mark.parametrize(
    "header",
    [
        "",
        "attachment",
        "attachment; filename=",
        'attachment; filename=""',
        "attachment; filename=dir/",
        "x=1",
    ],
)
def test_a_script_without_a_name_is_refused(header: str) -> None:
    with pytest.raises(FileNameMissing, match="Content-Disposition"):
        script_name(header)


@pytest.mark.parametrize(
    "header",
    [
        "attachment; filename=..",
        "attachment; filename=a/.",
        "attachment; filename=a\x00b.sh",
        "attachment; filename=a\nb.sh",
        "attachment; filename*=UTF-8''%FF.sh",
        "attachment; filename*=latin-9''x.sh",
        "attachment; filename*=nothing",
        f"attachment; filename={'ä' * 128}",
        "attachment; filename=a\udcff.sh",
    ],
)
def test_a_name_that_no_folder_should_carry_is_refused(header: str) -> None:
    with pytest.raises(InvalidFileName):
        script_name(header)


def test_the_content_type_decides_how_a_body_is_read() -> None:
    named = "attachment; filename=run.sh"
    for zip_type in ("application/zip", "application/x-zip-compressed"):
        assert upload_of(zip_type, named, merge=False) == Upload(UploadKind.ZIP)
        assert upload_of(zip_type, "", merge=True) == Upload(UploadKind.MERGE)
    for merge in (False, True):
        expected = Upload(UploadKind.SCRIPT, "run.sh")
        assert upload_of("application/octet-stream", named, merge=merge) == expected
    assert upload_of("application/octet-stream", "", merge=True) == Upload(UploadKind.MERGE)
    with pytest.raises(FileNameMissing):
        upload_of("application/octet-stream", "", merge=False)


ZIP_HEAD, TEXT_HEAD = b"PK\x03\x04", b"#!/b"
OCTETS, FORM = "application/octet-stream", "multipart/form-data"
ARCHIVE, RUN = Upload(UploadKind.ZIP), Upload(UploadKind.SCRIPT, "run.sh")


@pytest.mark.parametrize(
    ("content_type", "disposition", "head", "form_name", "expected"),
    [
        # PowerShell's upload: a raw zip, called a form
        (FORM, "", ZIP_HEAD, None, ARCHIVE),
        (FORM, "attachment; filename=job.zip", ZIP_HEAD, None, ARCHIVE),
        (FORM, "attachment; filename=run.sh", TEXT_HEAD, None, RUN),
        # a form: its file counts
        (OCTETS, "", ZIP_HEAD, "Job.ZIP", ARCHIVE),
        ("application/x-zip-compressed", "", ZIP_HEAD, "job", ARCHIVE),
        ("text/x-sh", "", TEXT_HEAD, "run.sh", RUN),
        ("text/x-sh", "attachment; filename=other.py", TEXT_HEAD, "run.sh", RUN),
        # a zip by its name
        (OCTETS, "attachment; filename=job.zip", ZIP_HEAD, None, ARCHIVE),
        (OCTETS, 'attachment; filename="My Job.Zip"', TEXT_HEAD, None, ARCHIVE),
        ("text/plain", "attachment; filename=job.zip", ZIP_HEAD, None, ARCHIVE),
        # a zip by its beginning
        (OCTETS, "", ZIP_HEAD, None, ARCHIVE),
        (OCTETS, "", b"PK\x05\x06", None, ARCHIVE),
        ("application/x-www-form-urlencoded", "", ZIP_HEAD, None, ARCHIVE),
        (OCTETS, "attachment; filename=job", ZIP_HEAD, None, ARCHIVE),
        ("multipart/x-zip", "", ZIP_HEAD, None, ARCHIVE),
        ("multipart/mixed", "", ZIP_HEAD, None, ARCHIVE),
        # a script that is a zip too, as Python runs it
        (OCTETS, "attachment; filename=run.py", ZIP_HEAD, None, Upload(UploadKind.SCRIPT, "run.py")),
        # what the type says
        ("application/zip", "attachment; filename=run.sh", TEXT_HEAD, None, ARCHIVE),
        ("application/x-zip", "", TEXT_HEAD, None, ARCHIVE),
    ],
)
def test_an_archive_is_known_by_type_name_or_beginning(
    content_type: str, disposition: str, head: bytes, form_name: str | None, expected: Upload
) -> None:
    found = upload_of(content_type, disposition, merge=False, head=head, form_name=form_name)
    assert found == expected


def test_what_has_parts_and_is_no_form_is_refused_with_the_way_out() -> None:
    with pytest.raises(UnsupportedUpload, match="curl --upload-file"):
        upload_of("multipart/mixed", "attachment; filename=run.sh", merge=False, head=b"--x\r")
    with pytest.raises(FileNameMissing):
        upload_of(FORM, "", merge=False, head=TEXT_HEAD)


def test_settings_are_any_json_object() -> None:
    assert settings_of(b'{"is_singleton": true, "mine": [1, null]}') == {
        "is_singleton": True,
        "mine": [1, None],
    }
    for body in (b"", b"[]", b"1", b"{", b"\xff"):
        with pytest.raises(InvalidSettingsBody):
            settings_of(body)
    with pytest.raises(InvalidJobSettings, match="32 levels"):
        settings_of(b'{"a":' * 3000)


def test_arm_wraps_settings_in_properties() -> None:
    assert arm_settings_of(b'{"properties": {"settings": {"mine": 1}}}') == {"mine": 1}
    for body in (b"{}", b'{"properties": null}', b'{"properties": {"settings": []}}', b"[]"):
        with pytest.raises(InvalidSettingsBody):
            arm_settings_of(body)


def test_app_settings_are_text_and_what_can_be_written_as_text() -> None:
    body = b'{"A": "x", "B": 5, "C": true, "D": 0.5, "E": ""}'
    assert app_settings_of(body) == {"A": "x", "B": "5", "C": "true", "D": "0.5", "E": ""}
    assert app_settings_of(b'{"key": "A", "value": 1}') == {"A": "1"}
    assert app_settings_of(b'{"key": "A", "value": "x", "C": "y"}').keys() == {"key", "value", "C"}
    assert app_settings_of(b"{}") == {}


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"1", b"{", b"\xff", b'{"a":' * 3000, b'{"key": 1, "value": 1}']
)
def test_app_settings_must_be_an_object(body: bytes) -> None:
    with pytest.raises(InvalidAppSettingsBody):
        app_settings_of(body)


@pytest.mark.parametrize("value", [b"null", b"[]", b"{}"])
def test_an_app_setting_is_no_list_and_never_null(value: bytes) -> None:
    with pytest.raises(InvalidAppSetting, match="its value"):
        app_settings_of(b'{"A": ' + value + b"}")


def test_who_asked_is_told_in_the_words_of_the_reference() -> None:
    assert requested_by("curl/8.5") == "External - curl/8.5"
    assert requested_by(None) == "External"
    assert requested_by("a\x00b\x1b[31m") == "External - ab[31m"
    assert len(requested_by("x" * 5000)) < 250


def test_a_person_on_a_page_is_named_in_the_trigger() -> None:
    assert requested_on_page("ann") == "Dashboard - ann"
    assert requested_on_page("Än n-") == "Dashboard - Än n"
    assert requested_on_page(None) == "Dashboard"
    assert requested_on_page("a\x00\nb") == "Dashboard - ab"
    assert len(requested_on_page("x" * 5000)) < 250


def test_a_page_of_runs_is_named_by_its_length_and_the_run_before_which_it_begins() -> None:
    assert page_of({}) == Page(1000, None)
    assert page_of({"limit": "50", "before": "201311080256000000"}) == Page(50, RunId("201311080256000000"))


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "1.5", "ten", "", "9" * 5000, "٣"])
def test_a_limit_that_is_no_number_of_runs_is_refused(limit: str) -> None:
    with pytest.raises(InvalidPage, match="from 1 to 1000"):
        page_of({"limit": limit})


@pytest.mark.parametrize("before", ["", "yesterday", "201311080256", "201399080256000000", "\0" * 18])
def test_before_must_be_a_run_id(before: str) -> None:
    with pytest.raises(InvalidPage, match="18 digits"):
        page_of({"before": before})
