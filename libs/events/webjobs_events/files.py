"""How the api works with files of a runner's site folder: questions and answers on NATS request/reply.

Each question goes to one runner, on `webjobs.files.<instance>.<operation>`, and is answered with what it
names or with `Refused`. Contents travel in chunks; what takes more than one question has a session, which
the runner closes after no request for `SESSION_SECONDS`. Bodies are MessagePack.
"""

from enum import StrEnum

import msgspec
from webjobs_rules.job import JobType
from webjobs_rules.trace import Trace

from webjobs_events.errors import MALFORMED, UndecodableMessage

READ_BYTES = 64 * 1024
"""Most of a file in one answer to a download: the api holds a few of them for each client."""
CHUNK_BYTES = 256 * 1024
"""Most that one message carries of a file; less where NATS takes only smaller messages."""
SESSION_SECONDS = 15.0
"""A session without a request for this long is closed, and leaves nothing behind."""
_ENVELOPE_BYTES = 4096  # room for all that a message has beside a chunk


class Fault(StrEnum):
    """Why a question about files was not answered as hoped."""

    BAD_PATH = "bad_path"
    NOT_FOUND = "not_found"
    OUTSIDE = "outside"
    """A link on the way leads out of the site folder."""
    RESERVED = "reserved"
    """It belongs to webjobs itself."""
    CONFLICT = "conflict"
    """Something of another kind is there already."""
    NOT_EMPTY = "not_empty"
    PRECONDITION = "precondition"
    """The file is not as the asker took it to be, or he did not say how he takes it to be."""
    BAD_ARCHIVE = "bad_archive"
    NO_SPACE = "no_space"
    FORBIDDEN = "forbidden"
    """The operating system does not let the runner."""
    BUSY = "busy"
    """Too many sessions are open."""
    SESSION_GONE = "session_gone"
    FAILED = "failed"


class Kind(StrEnum):
    """What something in a folder is."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "link"
    """A link that leads nowhere, or out of the site folder."""
    OTHER = "other"
    """A pipe, a socket or a device."""


class FileInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a file or a folder without reading it.

    Attributes:
        name: In its folder; empty for the site folder.
        kind: What it is.
        size: Bytes; 0 unless it is a file.
        modified_ns: Nanoseconds since 1970.
        created_ns: The same; the oldest instant the file system knows of it.
        etag: Changes with each change of a file; empty unless it is one.
        path: On the runner's disk.
    """

    name: str
    kind: Kind
    size: int = 0
    modified_ns: int
    created_ns: int
    etag: str = ""
    path: str


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """How the asker takes a file to be before he changes it; ETags without quotes, `*` for any.

    Attributes:
        match: It must be one of these; None: no condition, which is enough for a new file only.
        none_match: It must be none of these.
    """

    match: tuple[str, ...] | None = None
    none_match: tuple[str, ...] | None = None


class Question(msgspec.Struct, frozen=True, kw_only=True, tag_field="op"):
    """Root of all questions; the tag is the operation."""


class Look(Question, frozen=True, kw_only=True, tag="look"):
    """What is there? Answered with `Seen`."""

    path: str


class Open(Question, frozen=True, kw_only=True, tag="open"):
    """Begin to read a file. Answered with `Opened`, for a folder without contents."""

    path: str


class Read(Question, frozen=True, kw_only=True, tag="read"):
    """A part of an opened file, as long as asked for unless the file was cut meanwhile: `Piece`."""

    session: str
    offset: int
    length: int


class List(Question, frozen=True, kw_only=True, tag="list"):
    """What is in a folder, in name order. Answered with `Listed`."""

    path: str


class ListMore(Question, frozen=True, kw_only=True, tag="list_more"):
    """The next entries. Answered with `Listed`."""

    session: str


class Zip(Question, frozen=True, kw_only=True, tag="zip"):
    """Begin to pack a folder. Answered with `Opened`."""

    path: str


class ZipMore(Question, frozen=True, kw_only=True, tag="zip_more"):
    """The next part of an archive; an empty `Piece` after the last."""

    session: str


class MakeFolder(Question, frozen=True, kw_only=True, tag="make_folder"):
    """Create a folder, and those above it. Answered with `Done`."""

    path: str


class Write(Question, frozen=True, kw_only=True, tag="write"):
    """Begin an upload. Answered with `Begun`.

    Attributes:
        path: Of the file, or of the folder into which an archive is to be unpacked.
        condition: For the file; checked now, and again when the file is put in place.
        unpack: Whether the upload is an archive.
        clean: Whether what an archive does not hold is removed from the folder once the archive is in place.
        deploy: Whether jobs whose files are changed are deployed before the answer, which names them then.
        trace: To which these deployments belong.
    """

    path: str
    condition: Condition = Condition()
    unpack: bool = False
    clean: bool = False
    deploy: bool = False
    trace: Trace | None = None


class WriteChunk(Question, frozen=True, kw_only=True, tag="write_chunk"):
    """A part of an upload. Answered with `Done`."""

    session: str
    offset: int
    data: bytes


class Commit(Question, frozen=True, kw_only=True, tag="commit"):
    """Put an upload of this many bytes in place. Answered with `Working`, as often as asked, or `Written`."""

    session: str
    size: int


class Delete(Question, frozen=True, kw_only=True, tag="delete"):
    """Remove a file, or a folder. Answered with `Done`.

    Attributes:
        path: Of what is to be removed.
        recursive: Whether a folder may go with what it holds.
        condition: For a file.
    """

    path: str
    recursive: bool = False
    condition: Condition = Condition()


class Keep(Question, frozen=True, kw_only=True, tag="keep"):
    """The session is still wanted. Answered with `Done`."""

    session: str


class Close(Question, frozen=True, kw_only=True, tag="close"):
    """The session is over; an upload not yet in place is forgotten. Answered with `Done`."""

    session: str


QUESTIONS: tuple[type[Question], ...] = (
    Look,
    Open,
    Read,
    List,
    ListMore,
    Zip,
    ZipMore,
    MakeFolder,
    Write,
    WriteChunk,
    Commit,
    Delete,
    Keep,
    Close,
)
"""Every one; each has a subject of its own."""


class Reply(msgspec.Struct, frozen=True, kw_only=True, tag_field="is", tag=str.lower):
    """Root of all answers."""


class Refused(Reply, frozen=True, kw_only=True):
    """It was not done, and nothing was changed.

    Attributes:
        fault: Why.
        message: A sentence for the client.
        etag: Of the file as it is, when it is not as the asker took it to be.
    """

    fault: Fault
    message: str
    etag: str = ""


class Done(Reply, frozen=True, kw_only=True):
    """It was done."""


class Seen(Reply, frozen=True, kw_only=True):
    """What is there."""

    info: FileInfo


class Opened(Reply, frozen=True, kw_only=True):
    """A file or folder, and the first bytes of a file.

    Attributes:
        info: As it was when opened; no more than `info.size` bytes are read.
        data: From its beginning; all of it when there is no session.
        session: For the rest.
    """

    info: FileInfo
    data: bytes = b""
    session: str | None = None


class Listed(Reply, frozen=True, kw_only=True):
    """Entries of a folder; more follow when there is a session."""

    entries: list[FileInfo]
    session: str | None = None


class Piece(Reply, frozen=True, kw_only=True):
    """Bytes of a file or an archive."""

    data: bytes


class Begun(Reply, frozen=True, kw_only=True):
    """An upload may be sent."""

    session: str


class Working(Reply, frozen=True, kw_only=True):
    """It takes longer; ask again."""


class JobOutcome(StrEnum):
    """What became of a job whose files an upload changed."""

    DEPLOYED = "deployed"
    REFUSED = "refused"
    REMOVED = "removed"
    UNKNOWN = "unknown"
    """The runner was not done with it in time; it goes on."""


class ChangedJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job whose files an upload changed.

    Attributes:
        job_type: In whose folder of jobs it lies.
        folder_name: The job's name, or a name that no job can have.
        outcome: What became of it.
        reason: Why it was refused.
        warnings: About the version that was deployed.
    """

    job_type: JobType
    folder_name: str
    outcome: JobOutcome
    reason: str = ""
    warnings: list[str] = []


class Written(Reply, frozen=True, kw_only=True):
    """An upload is in place.

    Attributes:
        created: Whether there was no file before.
        info: Of the file; None for an archive.
        files: How many files are in place.
        removed: How many files and folders were removed because an archive does not hold them.
        jobs: Those whose files were changed, if the upload asked to have them deployed; some of them, if
            there are many.
        more_jobs: How many are not named.
        warnings: What was left out, and what is doubtful.
    """

    created: bool
    info: FileInfo | None = None
    files: int = 1
    removed: int = 0
    jobs: list[ChangedJob] = []
    more_jobs: int = 0
    warnings: list[str] = []


AnyQuestion = (
    Look
    | Open
    | Read
    | List
    | ListMore
    | Zip
    | ZipMore
    | MakeFolder
    | Write
    | WriteChunk
    | Commit
    | Delete
    | Keep
    | Close
)
AnyReply = Refused | Done | Seen | Opened | Listed | Piece | Begun | Working | Written

_encoder = msgspec.msgpack.Encoder()
_questions = msgspec.msgpack.Decoder(AnyQuestion)
_replies = msgspec.msgpack.Decoder(AnyReply)


def operation_of(question: type[Question] | Question) -> str:
    """The last token of the subject on which it is asked."""
    return str(question.__struct_config__.tag)


def encode(message: Question | Reply) -> bytes:
    """A message as MessagePack."""
    return _encoder.encode(message)


def decode_question(data: bytes) -> AnyQuestion:
    """The question in a message.

    Raises:
        UndecodableMessage: It is none.
    """
    try:
        question: AnyQuestion = _questions.decode(data)
    except MALFORMED as error:
        raise UndecodableMessage("a question about files", str(error)) from error
    return question


def decode_reply(data: bytes) -> AnyReply:
    """The answer in a message.

    Raises:
        UndecodableMessage: It is none.
    """
    try:
        reply: AnyReply = _replies.decode(data)
    except MALFORMED as error:
        raise UndecodableMessage("an answer about files", str(error)) from error
    return reply


def chunk_bytes(max_payload: int) -> int:
    """Most bytes of a file in one message, where NATS takes messages of `max_payload` bytes."""
    return max(1024, min(CHUNK_BYTES, max_payload - _ENVELOPE_BYTES))
