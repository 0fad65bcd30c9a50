"""What a job from Azure needs here: programs, and the settings that its files name."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath

from webjobs_rules.script import ChosenScript

from webjobs_cli.job_source import JobSource

_TEXTS = frozenset(
    ".cmd .bat .ps1 .psm1 .sh .py .php .js .mjs .cjs .ts .cs .vb .fsx "
    ".config .json .xml .ini .yml .yaml".split()
)
_MOST_TEXT = 1024 * 1024  # bytes of a file that are read
_MOST_FILES = 300

_OF_AZURE = re.compile(
    r"\b(AzureWebJobs[A-Za-z0-9_]+|APPSETTING_\w+|APPINSIGHTS_\w+|APPLICATIONINSIGHTS_\w+|WEBSITE_\w+|WEBJOBS_\w+"
    r"|(?:SQL|SQLAZURE|MYSQL|POSTGRESQL|CUSTOM|SERVICEBUS|EVENTHUB|NOTIFICATIONHUB|DOCDB|REDISCACHE|APIHUB)"
    r"CONNSTR_\w+)"
)
_NAME = r"([A-Za-z_][A-Za-z0-9_]*)"
_READS: Mapping[str, re.Pattern[str]] = {
    ".py": re.compile(rf"""(?:environ(?:\.get\(|\[)|getenv\()\s*["']{_NAME}["']"""),
    ".js": re.compile(rf"""process\.env(?:\.{_NAME}|\[\s*["']{_NAME}["']\s*\])"""),
    ".ps1": re.compile(rf"\$env:{_NAME}", re.IGNORECASE),
    ".php": re.compile(rf"""(?:getenv\(|\$_(?:ENV|SERVER)\[)\s*["']{_NAME}["']"""),
    ".cmd": re.compile(rf"%{_NAME}%"),
    ".sh": re.compile(r"\$\{?([A-Z][A-Z0-9_]{2,})\b"),
    ".cs": re.compile(rf"""GetEnvironmentVariable\(\s*["']{_NAME}["']"""),
}
_SET_BY_SHELL = re.compile(
    r"\b([A-Z][A-Z0-9_]{2,})=|\b(?:read|for)[ \t]+(?:-\w+[ \t]+)*([A-Z][A-Z0-9_]{2,})\b"
)
_SAME = {
    ".mjs": ".js",
    ".cjs": ".js",
    ".ts": ".js",
    ".bat": ".cmd",
    ".psm1": ".ps1",
    ".vb": ".cs",
    ".fsx": ".cs",
}
_GIVEN = frozenset(
    "PATH HOME TEMP TMP TMPDIR USER USERNAME USERPROFILE APPDATA LOCALAPPDATA SYSTEMROOT WINDIR COMSPEC CD "
    "DATE TIME ERRORLEVEL RANDOM PATHEXT PROGRAMFILES PROCESSOR_ARCHITECTURE NUMBER_OF_PROCESSORS OS LANG TZ "
    "PWD SHELL COMPUTERNAME HOSTNAME SYSTEMDRIVE PHP_SELF REQUEST_METHOD ARGV ARGC NODE_ENV WEBJOBS_PATH "
    "WEBJOBS_NAME WEBJOBS_TYPE WEBJOBS_DATA_PATH WEBJOBS_RUN_ID WEBJOBS_COMMAND_ARGUMENTS WEBJOBS_PORT "
    "WEBJOBS_SHUTDOWN_FILE WEBSITE_INSTANCE_ID WEBSITE_SITE_NAME WEBROOT_PATH WEBJOBS_ROOT_PATH".split()
)
"""Variables that scripts have here too, or that no setting gives them."""

_SDK = re.compile(r"microsoft\.azure\.webjobs(\..+)?\.dll", re.IGNORECASE)
_SDK_SETTING = "AzureWebJobsStorage"
_CALLED = re.compile(
    r"""(?im)^[ \t]*@?(?:(?:call|exec)[ \t]+|start[ \t]+(?:""[ \t]+)?)?"?"""
    r"(dotnet|node|npm|python3?|py|php|java|powershell|pwsh)(?:\.exe)?\b"
)
_PRODUCTS = {"pwsh": "PowerShell", "node": "Node.js", "nodejs": "Node.js", "python": "Python", "php": "PHP"}
_ALWAYS_HERE = frozenset({"bash", "sh", "Python", "python3"})
_PROGRAMS = {"py": "python", "python3": "python", "npm": "node", "powershell": "pwsh"}


def needs_of(source: JobSource, script: str, chosen: ChosenScript) -> list[str]:
    """The programs without which the job does not run, by the names of the products."""
    found = [chosen.host.product or PurePosixPath(chosen.interpreter).name]
    if PurePosixPath(script).suffix.lower() in (".sh", ""):
        found += _called(source, script)
    named = [_PRODUCTS.get(each, each) for each in found if each]
    return [each for each in dict.fromkeys(named) if each not in _ALWAYS_HERE]


def advice_of(source: JobSource, script: str, chosen: ChosenScript) -> Iterator[str]:
    """Sentences about what will not work as on Azure, and what to do."""
    suffix = PurePosixPath(script).suffix.lower()
    if not chosen.host.by_wine:
        return
    called = _called(source, script)
    configured = sorted(path for path in source.content.files if path.lower().endswith(".runtimeconfig.json"))
    if suffix == ".exe" and configured:
        dll = f"{PurePosixPath(configured[0]).name[: -len('.runtimeconfig.json')]}.dll"
        start = f'exec dotnet {dll} "$@"'
        yield f"{script} is a .NET program: with a run.sh of `{start}` instead it needs dotnet, and not Wine."
    elif called:
        named = " and ".join(called)
        yield (
            f"{script} starts {named}, which Wine does not have: write a run.sh that starts "
            f"{'it' if len(called) == 1 else 'them'}, and leave {script} out."
        )


def settings_named_by(source: JobSource) -> set[str]:
    """Names of settings and variables that the job's files read, but for those that every script has."""
    names: set[str] = set()
    for path in _texts(source):
        text = (source.read(path, _MOST_TEXT) or b"").decode("utf-8-sig", "replace")
        names.update(_OF_AZURE.findall(text))
        suffix = PurePosixPath(path).suffix.lower()
        pattern = _READS.get(_SAME.get(suffix, suffix))
        if pattern is not None:
            read = _names_in(pattern, text)
            names |= read - _names_in(_SET_BY_SHELL, text) if suffix == ".sh" else read
    if any(_SDK.fullmatch(PurePosixPath(path).name) for path in source.content.files):
        names.add(_SDK_SETTING)
    return {name for name in names if name.upper() not in _GIVEN}


def _names_in(pattern: re.Pattern[str], text: str) -> set[str]:
    return {name for found in pattern.finditer(text) for name in found.groups() if name}


def _texts(source: JobSource) -> Iterable[str]:
    texts = [path for path in source.content.files if PurePosixPath(path).suffix.lower() in _TEXTS]
    own = [path for path in texts if "node_modules/" not in path and "site-packages/" not in path]
    return own[:_MOST_FILES]


def _called(source: JobSource, script: str) -> list[str]:
    """The programs that a script starts at the beginning of a line."""
    if PurePosixPath(script).suffix.lower() not in (".cmd", ".bat", ".sh", ""):
        return []
    text = (source.read(script, _MOST_TEXT) or b"").decode("utf-8-sig", "replace")
    found = [name.lower() for name in _CALLED.findall(text)]
    return list(dict.fromkeys(_PROGRAMS.get(name, name) for name in found))
