"""What the operator of a site allows the dependencies of jobs to do."""

from dataclasses import dataclass

from webjobs_rules.dependencies.names import canonical_name

_NONE, _ALL = "none", "all"


@dataclass(frozen=True, slots=True)
class DependencyPolicy:
    """What preparations may do beside installing built packages from the indexes of the site.

    Attributes:
        build_packages: Names of packages that may be built from their source, which runs code of theirs;
            `("all",)`: every package; empty: none.
        job_indexes: Whether the files of a job may name indexes and addresses.
        install_scripts: Whether Node packages that `allowScripts` of package.json lists may run scripts.
    """

    build_packages: tuple[str, ...] = ()
    job_indexes: bool = False
    install_scripts: bool = False

    @property
    def builds_all(self) -> bool:
        """Whether every package may be built."""
        return self.build_packages == (_ALL,)

    @property
    def text(self) -> str:
        """All that changes which packages are chosen or how they are installed."""
        builds = ",".join(sorted(self.build_packages)) or _NONE
        return f"build={builds} indexes={self.job_indexes} scripts={self.install_scripts}"


def read_build_packages(text: str) -> tuple[str, ...]:
    """The packages of WEBJOBS_BUILD_PACKAGES: `none`, `all`, or names separated by commas.

    Raises:
        ValueError: It is neither.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    if words in ([], [_NONE]):
        return ()
    if words == [_ALL]:
        return (_ALL,)
    names = [canonical_name(word) for word in words]
    if _NONE in names or _ALL in names or "" in names:
        raise ValueError("expected none, all, or names of packages separated by commas, such as a,b")
    return tuple(sorted(set(names)))
