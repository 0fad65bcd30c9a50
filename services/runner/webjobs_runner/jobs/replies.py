"""Replies to commands that could not be carried out, which several of them have."""

from webjobs_events.commands import CommandReply, JobCommand, ReplyCode


def no_space(reason: str) -> CommandReply:
    """The reply to a command that was not carried out for lack of space."""
    return CommandReply(code=ReplyCode.NO_SPACE, message=f"{reason} Nothing was changed.")


def job_missing(command: JobCommand) -> CommandReply:
    """The reply to a command about a job that is not there."""
    missing = f"There is no {command.job_type} job named {command.job_name}."
    return CommandReply(code=ReplyCode.JOB_NOT_FOUND, message=missing)


def upload_gone() -> CommandReply:
    """The reply to a command whose upload is not stored any more."""
    return CommandReply(code=ReplyCode.BAD_UPLOAD, message="The upload is not there any more; send it again.")


def version_gone(digest: str) -> CommandReply:
    """The reply to a command about a version whose package is not kept."""
    gone = f"The package of version {digest[:12]} is not kept any more. Deploy its files again."
    return CommandReply(code=ReplyCode.VERSION_GONE, message=gone)
