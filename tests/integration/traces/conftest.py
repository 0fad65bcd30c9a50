"""The api and a runner, as for files."""

from integration.files.conftest import api_url, bus, files, runner, session

__all__ = ["api_url", "bus", "files", "runner", "session"]
