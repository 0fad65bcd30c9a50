"""Programs that are not started: what they would write is given."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class FakeProgram:
    """Has ended with this code already."""

    exit_code: int | None

    def limit(self, instant: float) -> None: ...

    def kill(self) -> None: ...

    async def wait(self) -> "FakeProgram":
        return self


@dataclass
class FakePrograms:
    """Starts programs: each writes the next of `outputs`, or its start raises it; the last one stays.

    One that writes `error …` fails, and one that writes nothing is killed.
    """

    outputs: list[str | Exception]
    starts: int = 0

    async def spawn(
        self,
        argv: Sequence[str],
        *,
        cwd: str,
        env: Mapping[str, str],
        on_stdout: Callable[[bytes], None],
        on_stderr: Callable[[bytes], None],
    ) -> FakeProgram:
        self.starts += 1
        output = self.outputs.pop(0) if len(self.outputs) > 1 else self.outputs[0]
        if isinstance(output, Exception):
            raise output
        has_failed = output.startswith("error")
        (on_stderr if has_failed else on_stdout)(output.encode())
        return FakeProgram((1 if has_failed else 0) if output else None)
