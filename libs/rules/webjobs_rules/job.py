"""What a job is called and of which type it is: the rules a name must keep."""

from enum import StrEnum
from typing import NewType

from webjobs_rules.errors import InvalidJobName

JobName = NewType("JobName", str)

MAX_JOB_NAME_LENGTH = 128  # characters


class JobType(StrEnum):
    """How a job is run: once per request, or kept running for ever."""

    TRIGGERED = "triggered"
    CONTINUOUS = "continuous"


def parse_job_name(text: str) -> JobName:
    r"""A job name from what a person wrote.

    1 to 128 characters, no `/` or `\`, no control character, no leading dot, no `..`, not `*` alone.

    Raises:
        InvalidJobName: Saying which rule the text breaks.
    """
    if not text:
        raise InvalidJobName(text, "it is empty")
    if len(text) > MAX_JOB_NAME_LENGTH:
        raise InvalidJobName(text, f"it is longer than {MAX_JOB_NAME_LENGTH} characters")
    if "/" in text or "\\" in text:
        raise InvalidJobName(text, "it holds a path separator")
    if text.startswith("."):
        raise InvalidJobName(text, "it starts with a dot")
    if ".." in text:
        raise InvalidJobName(text, "it holds two dots in a row")
    if text != text.strip():
        raise InvalidJobName(text, "it starts or ends with white space")
    if text == "*":  # `Subjects` takes it for any job
        raise InvalidJobName(text, "an asterisk alone stands for every job")
    if any(not character.isprintable() for character in text):
        raise InvalidJobName(text, "it holds a control or invisible character")
    if len(text.encode("utf-8")) > 255:
        raise InvalidJobName(text, "it is longer than 255 bytes, the most a folder's name can have")
    return JobName(text)
