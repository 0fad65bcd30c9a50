"""What can be wrong with requests about schedules."""

from webjobs_rules.errors import WebJobsError


class ScheduleMissing(WebJobsError):
    """A preview without a schedule."""

    http_status = 400

    def __init__(self) -> None:
        super().__init__('The query parameter "schedule" is missing: six cron fields, such as 0 0 2 * * *.')
