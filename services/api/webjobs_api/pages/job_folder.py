"""The files of a job as its pages read and write them: those in its folder, and none that a link leads to."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from webjobs_events.files import Condition, Fault, FileInfo, Kind, Write, Written
from webjobs_events.job import JobDefinition
from webjobs_rules.trace import Trace

from webjobs_api.backends.runner_files import FilesOfRunner
from webjobs_api.http.file_errors import FilesRefused
from webjobs_api.pages.editable_text import MAX_BYTES

_JOBS = "site/wwwroot/App_Data/jobs"
MOST_ENTRIES = 1000


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A file of a job: what is known of it, and its content; None when it is too large to be edited."""

    info: FileInfo
    content: bytes | None


@dataclass(frozen=True, slots=True)
class JobFolder:
    """The folder of a job on one runner. Paths are below it, with slashes.

    Every method raises `FilesRefused` for what the runner will not do, for a path that leads out of the
    folder too, and `BusUnavailable` when it does not answer.
    """

    runner: FilesOfRunner
    definition: JobDefinition

    async def look(self, path: str) -> FileInfo:
        """What is there."""
        return await self._inside(path, await self.runner.look(self._full(path)))

    async def entries(self, path: str) -> tuple[list[FileInfo], bool]:
        """What is in a folder, folders first, at most `MOST_ENTRIES`; and whether there is more."""
        await self.look(path)
        found: list[FileInfo] = []
        async for page in self.runner.entries(self._full(path)):
            found += page
            if len(found) > MOST_ENTRIES:
                break
        shown = sorted(
            found[:MOST_ENTRIES], key=lambda each: (each.kind is not Kind.FOLDER, each.name.lower())
        )
        return shown, len(found) > MOST_ENTRIES

    async def read(self, path: str) -> OpenFile:
        """A file with its content."""
        async with self.runner.opened(self._full(path)) as opened:
            info = await self._inside(path, opened.info)
            if info.kind is not Kind.FILE or info.size > MAX_BYTES:
                return OpenFile(info, None)
            return OpenFile(info, b"".join([piece async for piece in opened.part(0, info.size)]))

    async def write(self, path: str, content: bytes, tag: str, trace: Trace) -> Written:
        """Write a file, and wait until the job is deployed with it.

        Args:
            path: Of the file.
            content: All of it.
            tag: Of the file as its writer knows it; empty: there is none yet.
            trace: Of the request.
        """
        await self._check_above(path)
        condition = Condition(match=(tag,)) if tag else Condition(none_match=("*",))
        question = Write(path=self._full(path), condition=condition, deploy=True, trace=trace)
        return await self.runner.write(question, self._chunks(content))

    async def _check_above(self, path: str) -> None:
        """Check the file, or the first folder above it that is there."""
        while True:
            try:
                await self.look(path)
                return
            except FilesRefused as error:
                if error.fault is not Fault.NOT_FOUND or not path:
                    raise
            path = path.rpartition("/")[0]

    async def _chunks(self, content: bytes) -> AsyncIterator[bytes]:
        step = self.runner.chunk_bytes
        for start in range(0, len(content), step):
            yield content[start : start + step]

    def _full(self, path: str) -> str:
        return f"{_JOBS}/{self.definition.job_type}/{self.definition.job_name}/{path}"

    async def _inside(self, path: str, info: FileInfo) -> FileInfo:
        """What was found, unless a link within the site led it out of the job's folder."""
        if path.strip("/"):
            folder = (await self.runner.look(self._full(""))).path
            if not info.path.startswith(f"{folder}/"):
                raise FilesRefused(
                    Fault.OUTSIDE, f"{path[:150]!r} is a link that leads out of the job's folder."
                )
        return info
