"""What a page is made of; pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page: a folder of templates, `page.html` with the whole and one file for each region.

    Attributes:
        template: Name of the folder.
        title: In the tab, before the name of the site.
        section: Of the navigation, which it belongs to; empty: none.
        regions: Names of its regions.
        events: Filter of `/api/events` for what makes a region stale; empty: all events; None: none.
        job_zone: Time zone of the job that it is about; empty: none.
        is_remembered: Whether it is shown as it was last while a part of webjobs is away.
        path: Where it is, when it answers forms of other paths; empty: one step above such a form.
    """

    template: str
    title: str
    section: str = ""
    regions: tuple[str, ...] = ()
    events: str | None = None
    job_zone: str = ""
    is_remembered: bool = False
    path: str = ""
