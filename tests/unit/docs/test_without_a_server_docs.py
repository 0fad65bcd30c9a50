"""docs/without_a_server.md names each code that `lint` and `doctor` print."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "without_a_server.md").read_text()
CLI = ROOT / "tools" / "cli" / "webjobs_cli"


def test_each_code_of_lint_is_explained() -> None:
    text = (CLI / "job_check.py").read_text()
    codes = set(re.findall(r'LintFinding\(\s*"(\w+)"', text)) | set(re.findall(r'job\.warn\("(\w+)"', text))
    codes |= set(re.findall(r'^    \w+: "(\w+)",$', text, re.MULTILINE))
    assert len(codes) > 12
    assert codes == set(re.findall(r"(?m)^\| `(\w+)` \| (?:error|warning|note) \|", PAGE))


def test_each_check_of_doctor_is_named() -> None:
    text = (CLI / "machine_checks.py").read_text() + (CLI / "server_checks.py").read_text()
    codes = set(re.findall(r'DoctorCheck\("(\w+)"', text))
    assert len(codes) > 10
    assert [code for code in sorted(codes) if f"`{code}`" not in PAGE] == []
