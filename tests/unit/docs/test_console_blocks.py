"""Every block with commands on a page is replayed by a test, or is named as an example with the reason."""

from pathlib import Path

from support.console_blocks import EXAMPLES, REPLAYED, SHELL_PAGES, is_example
from support.transcripts import blocks_of

ROOT = Path(__file__).parents[3]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "benchmarks").glob("*.md")]
BLOCKS = [
    (str(page.relative_to(ROOT)), kind, text) for page in PAGES for kind, text in blocks_of(page.read_text())
]


def test_every_console_block_is_replayed_or_an_example() -> None:
    lost = [
        (page, text)
        for page, kind, text in BLOCKS
        if kind == "console" and page not in REPLAYED and not is_example(text)
    ]
    assert lost == []


def test_every_example_is_on_a_page() -> None:
    texts = [text for _, kind, text in BLOCKS if kind == "console"]
    assert [example for example in EXAMPLES if not any(text.startswith(example) for text in texts)] == []


def test_every_page_with_commands_that_no_test_runs_is_named_with_the_reason() -> None:
    assert {page for page, kind, _ in BLOCKS if kind == "sh"} == set(SHELL_PAGES)


def test_a_console_block_begins_with_a_command() -> None:
    assert [text for _, kind, text in BLOCKS if kind == "console" and not text.startswith("$ ")] == []
