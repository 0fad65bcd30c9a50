"""Puts a bill of materials into a wheel, when release/build.py names one."""

import os
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class SbomHook(BuildHookInterface[Any]):
    """Any other build, such as an editable install, goes without."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the file in the variable WEBJOBS_SBOM."""
        sbom = os.environ.get("WEBJOBS_SBOM")
        if sbom:
            build_data["sbom_files"].append(os.path.relpath(sbom, self.root))
