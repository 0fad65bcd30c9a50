"""What to do about a failure of uv or npm, from what it wrote; pure."""

import re
from collections.abc import Callable, Mapping, Sequence

_OTHER_NAMES: Mapping[str, str] = {
    "beautifulsoup": "beautifulsoup4",
    "psycopg2": "psycopg2-binary",
    "sklearn": "scikit-learn",
}
"""Packages that have no wheel, and those that are meant or do the same."""


_OF_PYTHON = frozenset(
    "argparse asyncio base64 collections csv datetime functools glob hashlib io itertools json logging "
    "math os pathlib random re shutil smtplib socket sqlite3 subprocess sys tempfile threading time typing "
    "urllib uuid zipfile".split()
)
"""Modules that are taken for packages now and then."""


def _without_wheel(found: re.Match[str]) -> str:
    name = found[1]
    other = f" ({_OTHER_NAMES[name.lower()]} has one)" if name.lower() in _OTHER_NAMES else ""
    return (
        f"To build {name} from its source would run its code here. Take a version or a package with a wheel"
        f"{other}, or have the operator allow the build: WEBJOBS_BUILD_PACKAGES={name}."
    )


def _for_other_python(found: re.Match[str]) -> str:
    return (
        f"{found[1]} has no wheel for this version of Python. Take another version of it, or have the "
        "operator install a Python that it has wheels for, and name it in WEBJOBS_PYTHONS."
    )


def _for_other_system(found: re.Match[str]) -> str:
    return (
        f"{found[1]} has wheels for other systems only. If only those need it, add a marker such as "
        f'{found[1]}; sys_platform == "win32".'
    )


def _not_found(found: re.Match[str]) -> str:
    name = found[1]
    if name == "python":
        return "Python is no package: write the version that is needed as requires-python."
    if name in _OF_PYTHON:
        return f"The module {name} is a part of Python: remove it."
    return (
        f"Check how {name} is spelled. Packages of your own come from an index that the operator names in "
        "UV_DEFAULT_INDEX or UV_INDEX."
    )


_PACKAGE = r"(?:all versions of )?([A-Za-z0-9][A-Za-z0-9._-]*)(?:[=<>!~]=?[^ ]*)? (?:has|have)"
_ADVICE: Sequence[tuple[re.Pattern[str], Callable[[re.Match[str]], str]]] = (
    (re.compile(rf"\b{_PACKAGE} no usable wheels"), _without_wheel),
    (re.compile(rf"\b{_PACKAGE} no wheels with a matching Python"), _for_other_python),
    (re.compile(rf"\b{_PACKAGE} no wheels with a matching platform"), _for_other_system),
    (re.compile(r"\bBecause (\S+) was not found in the package registry"), _not_found),
    (
        re.compile(r"does not satisfy Python|only supports [<>=]"),
        lambda _: (
            "Take a version that supports this Python, or have the operator install a newer Python and name "
            "it in WEBJOBS_PYTHONS."
        ),
    ),
    (
        re.compile(r"Couldn't parse requirement|Failed to parse"),
        lambda _: "Write each requirement on a line of its own, like name, name>=1.0 or name==1.0.",
    ),
    (
        re.compile(r"invalid peer certificate|SELF_SIGNED_CERT|UNABLE_TO_(?:VERIFY|GET)"),
        lambda _: (
            "The certificate of the index is of an authority that is not known here. The operator names it "
            "in SSL_CERT_FILE or NODE_EXTRA_CA_CERTS, or sets UV_SYSTEM_CERTS=true where the system knows it."
        ),
    ),
    (re.compile(r"Expected `--hash`"), lambda _: "Remove what follows the version: it is an option of pip."),
    (
        re.compile(r"npm error code (?:E404|ETARGET|ENOVERSIONS)\b"),
        lambda _: (
            "Check the name and the version in package.json. Packages of your own come from a registry that "
            "the operator names in NPM_CONFIG_REGISTRY."
        ),
    ),
    (
        re.compile(r"npm error code ERESOLVE\b"),
        lambda _: (
            "The packages ask for versions that exclude each other: change one, or add overrides to "
            "package.json."
        ),
    ),
    (
        re.compile(r"npm error code EALLOW(?:GIT|REMOTE|FILE|DIRECTORY)\b"),
        lambda _: (
            "One of the packages takes another one from elsewhere than a registry: npm view NAME "
            "dependencies shows which. Take another version of it, or put the packages into node_modules of "
            "the job."
        ),
    ),
    (
        re.compile(r"npm error code EINTEGRITY\b"),
        lambda _: (
            "A package is not the one whose hash is in the lock. Make the lock again: npm install "
            "--package-lock-only."
        ),
    ),
)


def advice(lines: Sequence[str]) -> str:
    """What to do about it, in one sentence or two; empty when nothing is known that helps."""
    for pattern, text_of in _ADVICE:
        for line in lines:
            if found := pattern.search(line):
                return text_of(found)
    return ""
