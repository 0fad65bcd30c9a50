"""What a rebuild may do, and the options of the command line that say so."""

from dataclasses import dataclass

FORCE = "--force"
ACCEPT_NEW_STREAM = "--accept-new-stream"


@dataclass(frozen=True, slots=True)
class RebuildOptions:
    """What a rebuild may do.

    Attributes:
        force: Rebuild though events are missing in the stream.
        accept_new_stream: Rebuild though rows are of events that the stream does not have any more.
        recreate_tables: Drop the tables and make them again, because they are damaged.
    """

    force: bool = False
    accept_new_stream: bool = False
    recreate_tables: bool = False
