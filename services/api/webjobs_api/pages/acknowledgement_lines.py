"""What is acknowledged as the overview's page shows it; pure."""

from dataclasses import dataclass
from datetime import datetime

from webjobs_events.events import Term

from webjobs_api.http.urls import Urls, quoted
from webjobs_api.overview.overview_json import AcknowledgedJson
from webjobs_api.pages.job_lines import AttentionLine, attention_line
from webjobs_api.wording.sentence import Sentence

PATH = "/pages/acknowledgements"


@dataclass(frozen=True, slots=True, kw_only=True)
class AcknowledgedLine:
    """A reason for attention that is acknowledged.

    Attributes:
        reason: The same as a line of what needs attention.
        by: Who acknowledged it, as triggers name people and programs.
        at: When.
        ends: When it ends, as a sentence.
        note: Of the person.
        withdraw: Where its button leads.
    """

    reason: AttentionLine
    by: str
    at: datetime
    ends: Sentence
    note: str
    withdraw: str


def acknowledged_line(each: AcknowledgedJson, urls: Urls) -> AcknowledgedLine:
    """The line of a reason that is acknowledged."""
    given = each.acknowledgement
    reason = attention_line(each, Sentence(each.text), urls)
    return AcknowledgedLine(
        reason=reason,
        by=given.by,
        at=given.at,
        ends=_ends(given.until),
        note=given.note,
        withdraw=f"{urls.base}{PATH}/{quoted(given.id)}/withdraw",
    )


def _ends(until: str) -> Sentence:
    if until == Term.CHANGE:
        return Sentence("Until it changes.")
    if until == Term.FOREVER:
        return Sentence("For good, until it recovers.")
    return Sentence("Ends ", datetime.fromisoformat(until), ".")
