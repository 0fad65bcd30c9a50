"""Prepare a release: `python release/prepare.py 0.2.0 [--dry-run]`; docs/releasing.md says when.

Works in a worktree of its own, so that a release that cannot be prepared leaves nothing behind. A dry run
shows the commit; else the branch that is checked out gets it, and a tag. Nothing leaves this machine.
"""

import argparse
import hashlib
import re
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from packaging.version import InvalidVersion, Version

ROOT = Path(__file__).parents[1]
_VERSION = re.compile(r'(?m)^version = "([^"]+)"$')
_UNRELEASED = "## [Unreleased]\n"


class NotReady(Exception):
    """The tree cannot be released, and why."""


def main() -> None:
    """Prepare the release; exit code 1 with the reason if the tree is not ready."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("version", help="of the release, such as 0.2.0")
    parser.add_argument("--dry-run", action="store_true", help="show the difference, and change nothing")
    given = parser.parse_args()
    try:
        prepare(given.version, is_dry_run=given.dry_run)
    except NotReady as reason:
        sys.exit(f"not ready: {reason}")


def prepare(version: str, *, is_dry_run: bool) -> None:
    """Commit and tag a release, or show what would be committed.

    Raises:
        NotReady: The tree has changes, the version is not a later one, or nothing is unreleased.
    """
    if git("status", "--porcelain", "--untracked-files=no"):
        raise NotReady("there are changes that are not committed; commit them, or put them aside")
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        git("worktree", "add", "--quiet", "--detach", str(tree), "HEAD")
        try:
            write_release(tree, version, datetime.now(UTC).strftime("%Y-%m-%d"))
            for wheel, digest in built_twice(tree, Path(folder)).items():
                print(f"{digest}  {wheel}")
            git("commit", "--quiet", "--all", "--message", f"Release {version}", cwd=tree)
            if is_dry_run:
                print(git("show", "HEAD", cwd=tree))
                return
            commit = git("rev-parse", "HEAD", cwd=tree)
        finally:
            git("worktree", "remove", "--force", str(tree))
    git("merge", "--quiet", "--ff-only", commit)
    git("tag", "--annotate", f"v{version}", "--message", f"webjobs {version}")
    print(f"Tagged v{version}. Next: make wheel, then upload dist/ and push the tag.")


def write_release(tree: Path, version: str, date: str) -> None:
    """Write the version into pyproject.toml, and its heading into CHANGELOG.md.

    Raises:
        NotReady: As `prepare`.
    """
    project, changelog = tree / "pyproject.toml", tree / "CHANGELOG.md"
    project.write_text(with_version(project.read_text(), version))
    changelog.write_text(with_heading(changelog.read_text(), version, date))


def with_version(project: str, version: str) -> str:
    """The text of pyproject.toml with a later version.

    Raises:
        NotReady: It is no version, or not a later one.
    """
    (present,) = _VERSION.findall(project)
    try:
        is_later = Version(version) > Version(present)
    except InvalidVersion:
        raise NotReady(f"{version!r} is no version; write it as 1.2.3") from None
    if not is_later:
        raise NotReady(f"{version} is not later than {present}")
    return _VERSION.sub(f'version = "{version}"', project)


def with_heading(changelog: str, version: str, date: str) -> str:
    """The text of CHANGELOG.md with what is unreleased under a heading of its own.

    Raises:
        NotReady: Nothing is unreleased.
    """
    before, found, after = changelog.partition(_UNRELEASED)
    if not found or not after.partition("\n## ")[0].strip():
        raise NotReady("CHANGELOG.md lists nothing under [Unreleased]")
    return f"{before}{found}\n## [{version}] - {date}\n{after}"


def built_twice(tree: Path, folder: Path) -> dict[str, str]:
    """The digest of each wheel of a tree, by file name.

    Raises:
        NotReady: Two builds differ.
    """
    builds = []
    for name in ("first", "second"):
        subprocess.run(
            [sys.executable, tree / "release" / "build.py", folder / name],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        wheels = (folder / name).glob("*.whl")
        builds.append({each.name: hashlib.sha256(each.read_bytes()).hexdigest() for each in sorted(wheels)})
    if builds[0] != builds[1]:
        raise NotReady(f"two builds of the same sources differ: {builds}")
    return builds[0]


def git(*arguments: str, cwd: Path = ROOT) -> str:
    """What git prints."""
    done = subprocess.run(["git", *arguments], cwd=cwd, check=True, capture_output=True, text=True)
    return done.stdout.strip()


if __name__ == "__main__":
    main()
