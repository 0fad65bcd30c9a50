"""What a lock of either language names."""

import json

from webjobs_api.backends.lock_packages import Lock, read_lock
from webjobs_rules.dependencies.node_lock import node_lock

PYTHON = """# requires-python: >=3.11
requests[socks]==2.32.3 ; python_version >= "3.11" \\
    --hash=sha256:aa
    # via -r requirements.txt
numpy==2.4.6 ; python_full_version < '3.12' \\
    --hash=sha256:cc
numpy==2.5.5 ; python_full_version >= '3.12'
charset-normalizer==3.4.0 \\
    --hash=sha256:bb
"""
NODE = node_lock(
    {"dependencies": {"left-pad": "1"}},
    json.dumps(
        {
            "lockfileVersion": 3,
            "packages": {
                "": {"name": "job", "dependencies": {"left-pad": "1"}},
                "node_modules/left-pad": {"version": "1.3.0", "integrity": "sha512-aa"},
                "node_modules/a/node_modules/@scope/b": {"version": "2.0.0", "integrity": "sha512-bb"},
            },
        }
    ),
)


def test_a_lock_of_python() -> None:
    expected = (
        ("charset-normalizer", "3.4.0", ""),
        ("numpy", "2.4.6", "python_full_version < '3.12'"),
        ("numpy", "2.5.5", "python_full_version >= '3.12'"),
        ("requests", "2.32.3", 'python_version >= "3.11"'),
    )
    assert read_lock(PYTHON) == Lock(expected, ">=3.11")


def test_a_lock_of_javascript() -> None:
    assert read_lock(NODE).packages == (("@scope/b", "2.0.0", ""), ("left-pad", "1.3.0", ""))


def test_what_is_no_lock_names_nothing() -> None:
    for text in ("", "{", '{"packages": 1}', "words"):
        assert read_lock(text) == Lock()
