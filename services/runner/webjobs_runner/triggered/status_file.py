"""The final event of a run in the run's folder, from which a restarted runner reports it after a kill."""

from pathlib import Path

import msgspec
from webjobs_events.events import AnyRunEvent, RunEnded

from webjobs_runner.log import logger

STATUS_FILE = "status"
_decoder = msgspec.json.Decoder(AnyRunEvent)


def write_status(folder: Path, event: RunEnded) -> None:
    """Write the final event into the run's folder; a disk that refuses it is logged."""
    content, path = msgspec.json.encode(event), f"{folder}/{STATUS_FILE}"
    try:
        try:
            file = open(path, "wb", buffering=0)
        except FileNotFoundError:
            folder.mkdir(parents=True, exist_ok=True)
            file = open(path, "wb", buffering=0)
        with file:
            file.write(content)
    except OSError as error:
        logger.error("status file of a run not written", run_id=event.run_id, error=str(error))


def read_status(folder: Path) -> RunEnded | None:
    """Returns the final event in a run's folder; None when there is none that is whole."""
    try:
        event = _decoder.decode((folder / STATUS_FILE).read_bytes())
    except (OSError, msgspec.MsgspecError):
        return None
    return event if isinstance(event, RunEnded) else None
