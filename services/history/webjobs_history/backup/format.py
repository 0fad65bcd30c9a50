"""What the file of a backup holds, as types; pure.

The file is a zip archive. Its members are lists of records, a JSON object on each line; the packages of jobs
as they are; and `manifest.json`, written last, which has the digest of every other member.
"""

from collections.abc import Mapping

import msgspec
from webjobs_events.instant import Instant

FORMAT = 1
"""The form that this release writes. It reads this one and all before it."""

MANIFEST = "manifest.json"
DEFINITIONS = "definitions.jsonl"
APP_SETTINGS = "app_settings.jsonl"
HOOKS = "hooks.jsonl"
REFUSALS = "refusals.jsonl"
DEPLOYMENTS = "deployments.jsonl"
COMMANDS = "commands.jsonl"
EVENTS = "events.jsonl"
LOGS = "logs.jsonl"
DELIVERIES = "deliveries.jsonl"
PACKAGES = "packages/"
ROWS = "history/"

_SERVER_HEADERS = "nats-"
"""Headers that are for the server at the moment of publishing: expectations, and ids that it remembers."""


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """An entry of a bucket, or a message of a stream.

    Attributes:
        key: The key; of a message the subject behind the namespace.
        sequence: In the stream; 0 for entries of buckets.
        headers: Of a message.
        text: The content if it is UTF-8.
        data: The content otherwise.
    """

    key: str
    sequence: int = 0
    headers: dict[str, str] = {}
    text: str = ""
    data: bytes = b""

    @property
    def content(self) -> bytes:
        """What the entry or message holds."""
        return self.data or self.text.encode()


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a member of the archive: the SHA-256 of its content, its bytes, its records."""

    sha256: str
    bytes: int
    records: int = 0


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What the backup is of.

    Attributes:
        format: The form of the file.
        made_by: The release of webjobs that made it.
        made_at: The moment of the cut.
        namespace: Of the stack.
        sequence: The last event in it: what it says is true as of this event.
        first_sequence: The first event in it.
        lost_events: Events up to `sequence` that the stream did not have any more.
        stream_created_at: When the stream of events was made.
        tables: Version of the tables that the rows of history are of.
        absent_packages: What definitions name and the store of packages did not have.
        members: The others, by name.
    """

    format: int
    made_by: str
    made_at: Instant
    namespace: str
    sequence: int
    first_sequence: int
    lost_events: int
    stream_created_at: str
    tables: str
    absent_packages: list[str]
    members: dict[str, Member]


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a manifest that every release can read."""

    format: int
    made_by: str = "a later release"


def record_of(key: str, data: bytes, headers: Mapping[str, str] | None = None, sequence: int = 0) -> Record:
    """An entry or a message as a record; headers for the server are left out."""
    kept = {
        name: value for name, value in (headers or {}).items() if not name.lower().startswith(_SERVER_HEADERS)
    }
    try:
        return Record(key, sequence, kept, text=data.decode())
    except UnicodeDecodeError:
        return Record(key, sequence, kept, data=data)
