"""The pages of a job's files: its folders, and an editor for a text file."""

from dataclasses import dataclass, replace

from aiohttp import web
from webjobs_events.files import Fault, JobOutcome, Kind, Written
from webjobs_events.job import JobDefinition
from webjobs_rules.amounts import size
from webjobs_rules.errors import WebJobsError
from webjobs_rules.job import JobType
from webjobs_rules.settings_text import parse_settings

from webjobs_api.backends.known_jobs import DEFINITIONS
from webjobs_api.backends.runner_files import FILES
from webjobs_api.http import request_context
from webjobs_api.http.error_responses import status_of
from webjobs_api.http.file_errors import FilesRefused
from webjobs_api.http.tracing import trace_of
from webjobs_api.http.urls import Urls, quoted
from webjobs_api.pages.editable_text import MAX_BYTES, edited, shown_text, too_large, why_not_editable
from webjobs_api.pages.errors import NotEditable, SavedOnly
from webjobs_api.pages.file_list import entries_view
from webjobs_api.pages.form_fields import form_fields
from webjobs_api.pages.formats import short_digest
from webjobs_api.pages.frame import page_urls, show, show_fault
from webjobs_api.pages.job_folder import MOST_ENTRIES, JobFolder
from webjobs_api.pages.new_job import asks_for_run, run_now
from webjobs_api.pages.page import Page

_MOST_FORM_BYTES = 7 * MAX_BYTES  # a line end takes six bytes in a form
_LONGEST_TAG = 100  # characters
_SETTINGS_FILE = "settings.job"
_LATER = "later"


@dataclass(frozen=True, slots=True, kw_only=True)
class Editor:
    """What the editor shows.

    Attributes:
        path: Of the file; what was typed of it, for a new one.
        text: In the field.
        tag: Of the file as it is; empty: there is none.
        refusal: Why it cannot be edited; empty when it can.
        size: In bytes.
        now: The text of the file as it is, when it is not as the form took it to be; None: it is.
        saved: What became of the change that led here, as a sentence.
    """

    path: str = ""
    text: str = ""
    tag: str = ""
    refusal: str = ""
    size: int = 0
    now: str | None = None
    saved: str = ""


async def show_files(request: web.Request) -> web.Response:
    """`GET /pages/{type}/{job}/files?path=…`: a folder of a job, or the editor of a file in it.

    `?new=` is the folder in which a new file is to be.
    """
    section = "overview"
    try:
        folder = await _folder(request)
        if "new" in request.query:
            above = request.query["new"].strip("/")
            return _show_editor(request, folder, Editor(path=f"{above}/" if above else ""))
        path = request.query.get("path", "")
        info = await folder.look(path)
        if info.kind is Kind.FOLDER:
            return await _show_folder(request, folder, path.strip("/"))
        editor = await _opened(folder, path)
    except WebJobsError as error:
        return show_fault(request, error, section)
    saved = request.query.get("saved", "")
    return _show_editor(request, folder, replace(editor, saved=_saved_words(folder.definition, saved)))


async def save_file(request: web.Request) -> web.Response:
    """`POST /pages/{type}/{job}/file`: back to the editor, or to the page of the run."""
    try:
        folder = await _folder(request)
        form = await form_fields(request, _MOST_FORM_BYTES)
    except WebJobsError as error:
        return show_fault(request, error, "overview")
    typed = Editor(
        path=form.get("path", ""), text=form.get("content", ""), tag=form.get("tag", "")[:_LONGEST_TAG]
    )
    try:
        is_run = asks_for_run(form.get("then", "")) and folder.definition.job_type is JobType.TRIGGERED
        written = await _write(request, folder, typed)
    except WebJobsError as error:
        return _show_editor(request, folder, await _as_it_is(folder, typed, error), error)
    await request.app[DEFINITIONS].caught_up()
    try:
        outcome = _outcome(written)
        if is_run:
            to = await run_now(request, folder.definition)
        else:
            page = page_urls(request).page(folder.definition.job_type, folder.definition.job_name)
            to = f"{page}/files?path={quoted(typed.path.strip('/'))}&saved={outcome}"
    except WebJobsError as error:
        fault = error if isinstance(error, SavedOnly) else SavedOnly(str(error), status_of(error))
        return _show_editor(request, folder, await _opened(folder, typed.path), fault)
    raise web.HTTPSeeOther(to)


async def _folder(request: web.Request) -> JobFolder:
    definition = await request.app[DEFINITIONS].get(
        request_context.job_type(request), request_context.job_name(request)
    )
    return JobFolder(await request.app[FILES].of(None), definition)


async def _opened(folder: JobFolder, path: str) -> Editor:
    file = await folder.read(path)
    tag, bytes_ = file.info.etag, file.info.size
    if file.content is None:
        is_file = file.info.kind is Kind.FILE
        refusal = too_large(bytes_) if is_file else "It is a link, pipe or device, and no file."
    else:
        refusal = why_not_editable(file.content)
    if refusal or file.content is None:
        return Editor(path=path.strip("/"), tag=tag, refusal=refusal, size=bytes_)
    return Editor(path=path.strip("/"), text=shown_text(file.content), tag=tag, size=bytes_)


async def _write(request: web.Request, folder: JobFolder, typed: Editor) -> Written:
    path = typed.path.strip("/")
    if not path or typed.path.endswith("/"):
        raise NotEditable("The name of the file is missing.")
    before = b""
    if typed.tag:
        file = await folder.read(path)
        if file.content is None or why_not_editable(file.content):
            raise NotEditable("The file is no text that can be edited here.")
        before = file.content
    content = edited(before, typed.text)
    if refusal := why_not_editable(content):
        raise NotEditable(f"Nothing was saved. {refusal}")
    if _is_settings(folder.definition, path):
        parse_settings(typed.text, folder.definition.job_type)
    return await folder.write(path, content, typed.tag, trace_of(request))


def _is_settings(definition: JobDefinition, path: str) -> bool:
    """Whether a file is read as the job's settings: beside the script, or in a folder above it."""
    above, _, name = path.rpartition("/")
    script_folder = definition.script.rpartition("/")[0]
    return name.lower() == _SETTINGS_FILE and (not above or f"{script_folder}/".startswith(f"{above}/"))


async def _as_it_is(folder: JobFolder, typed: Editor, error: WebJobsError) -> Editor:
    """What was typed, and beside it the file that was changed or removed meanwhile."""
    fault = error.fault if isinstance(error, FilesRefused) else None
    if fault is Fault.NOT_FOUND and typed.tag:
        return replace(typed, tag="", now="")
    if fault is not Fault.PRECONDITION:
        return typed
    try:
        current = await _opened(folder, typed.path)
    except FilesRefused:
        return replace(typed, tag="", now="")
    return replace(typed, tag=current.tag, now=current.refusal or current.text)


def _outcome(written: Written) -> str:
    """The version's state for the next page.

    Raises:
        SavedOnly: The folder is refused as a version.
    """
    for job in written.jobs:
        if job.outcome is JobOutcome.REFUSED:
            raise SavedOnly(job.reason, 409)
    is_deployed = any(job.outcome is JobOutcome.DEPLOYED for job in written.jobs)
    return JobOutcome.DEPLOYED.value if is_deployed else _LATER


def _saved_words(definition: JobDefinition, saved: str) -> str:
    if saved == JobOutcome.DEPLOYED:
        return f"Saved and deployed: the job is at version {short_digest(definition.digest)}."
    return "Saved. It is deployed as soon as the folder is at rest." if saved == _LATER else ""


async def _show_folder(request: web.Request, folder: JobFolder, path: str) -> web.Response:
    entries, has_more = await folder.entries(path)
    view = {
        **_view(request, folder.definition, path),
        "files": entries_view(request, folder.definition, entries, path),
        "more": MOST_ENTRIES if has_more else 0,
    }
    return show(request, _page(folder.definition, "job_files", path or "Files"), view)


def _show_editor(
    request: web.Request, folder: JobFolder, editor: Editor, fault: WebJobsError | None = None
) -> web.Response:
    path = editor.path.strip("/")
    view = {**_view(request, folder.definition, path), "editor": editor}
    return show(request, _page(folder.definition, "job_file", path or "New file"), view, fault)


def _view(request: web.Request, definition: JobDefinition, path: str) -> dict[str, object]:
    urls = page_urls(request)
    above = path.split("/")[:-1]
    return {
        "job": definition,
        "job_page": urls.page(definition.job_type, definition.job_name),
        "raw": urls.job_folder(definition.job_type, definition.job_name),
        "is_triggered": definition.job_type is JobType.TRIGGERED,
        "path": path,
        "parents": [(name, "/".join(above[: place + 1])) for place, name in enumerate(above)],
        "size": size,
    }


def _page(definition: JobDefinition, template: str, title: str) -> Page:
    path = f"{Urls('').page(definition.job_type, definition.job_name)}/files"
    return Page(template=template, title=f"{title} · {definition.job_name}", section="overview", path=path)
