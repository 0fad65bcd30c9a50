import io
from pathlib import Path

import pytest
from webjobs_cli.terminal import Terminal


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def written(colours: bool) -> tuple[Terminal, io.StringIO]:
    output = Screen() if colours else io.StringIO()
    return Terminal(output), output


def test_without_a_terminal_nothing_is_coloured() -> None:
    terminal, output = written(colours=False)
    terminal.ready("nats", 0.24, "127.0.0.1:4222")
    terminal.output("api", "hello")
    terminal.died("api", "was killed by SIGKILL", 0.5)
    assert output.getvalue().splitlines() == [
        "✓ nats     ready in 0.2 s on 127.0.0.1:4222",
        "api      │ hello",
        "✗ api      was killed by SIGKILL; starting it again in 0.5 s",
    ]


def test_each_service_has_a_colour_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    terminal, output = written(colours=True)
    terminal.output("api", "hello")
    terminal.output("runner", "hello")
    first, second = output.getvalue().splitlines()
    assert first.startswith("\x1b[")
    assert first.split("m")[0] != second.split("m")[0]


def test_no_color_forbids_every_escape_and_force_color_demands_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, colours, is_coloured in (("NO_COLOR", True, False), ("FORCE_COLOR", False, True)):
        monkeypatch.setenv("TERM", "xterm-256color")
        monkeypatch.delenv("NO_COLOR", raising=False)
        monkeypatch.setenv(variable, "1")
        terminal, output = written(colours=colours)
        terminal.ready("nats", 0.24, "127.0.0.1:4222")
        terminal.output("api", "hello")
        terminal.welcome("http://127.0.0.1:8080", Path("/data/jobs"), login=False)
        assert ("\x1b" in output.getvalue()) is is_coloured, variable


def test_lines_are_neither_wrapped_nor_read_as_markup() -> None:
    terminal, output = written(colours=False)
    line = "[red] " + "x" * 200
    terminal.output("api", line)
    assert output.getvalue() == f"api      │ {line}\n"


def test_the_welcome_names_the_url_the_folder_and_a_command() -> None:
    terminal, output = written(colours=False)
    terminal.welcome("http://127.0.0.1:8080", Path("/data/jobs"), login=False)
    assert "webjobs is ready: http://127.0.0.1:8080\n" in output.getvalue()
    assert "Drop jobs into /data/jobs/{triggered,continuous}/<name>/" in output.getvalue()
    assert "curl -X POST http://127.0.0.1:8080/api/jobs/triggered/hello/run" in output.getvalue()
    assert "\n  webjobs deploy hello.sh && webjobs run hello --follow\n" in output.getvalue()


def test_the_welcome_shows_the_command_as_it_was_called_and_the_server_when_it_is_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.argv", ["/a b/bin/webjobs", "up"])
    monkeypatch.setenv("PATH", "/nowhere")
    terminal, output = written(colours=False)
    terminal.welcome("http://127.0.0.1:9000", Path("/data/jobs"), login=False)
    called = "'/a b/bin/webjobs' --url http://127.0.0.1:9000"
    assert f"\n  {called} deploy hello.sh && {called} run hello --follow\n" in output.getvalue()


def test_what_takes_long_is_said_before_it_is_ready() -> None:
    terminal, output = written(colours=False)
    terminal.starting("postgres", "it makes the database")
    terminal.starting("api", "")
    assert output.getvalue() == "… postgres starting: it makes the database\n… api      starting\n"


def test_the_welcome_shows_where_the_login_goes_and_not_the_login() -> None:
    terminal, output = written(colours=False)
    terminal.welcome("http://127.0.0.1:8080", Path("/data/jobs"), login=True)
    assert "curl -u $WEBJOBS_USERNAME:$WEBJOBS_PASSWORD -X POST" in output.getvalue()


def test_a_reader_that_went_away_does_not_matter() -> None:
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    terminal = Terminal(Closed())
    terminal.output("api", "hello")
    terminal.ready("nats", 0.1, "here")


def test_characters_that_the_encoding_lacks_are_escaped() -> None:
    written = io.BytesIO()
    output = io.TextIOWrapper(written, encoding="ascii", errors="strict")
    Terminal(output).output("api", "caf\xe9 \udcff 日本")
    assert written.getvalue() == b"api      \\u2502 caf\\xe9 \\udcff \\u65e5\\u672c\n"
