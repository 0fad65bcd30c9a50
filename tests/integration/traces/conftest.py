"""The api and a runner, as for files."""

from integration.files.conftest import api_url, files, session

__all__ = ["api_url", "files", "session"]
