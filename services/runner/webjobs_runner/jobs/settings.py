"""The settings of a job as its runner obeys them."""

from webjobs_events.job import JobDefinition
from webjobs_rules.errors import InvalidJobSettings
from webjobs_rules.job_settings import JobSettings, read_job_settings

from webjobs_runner.log import logger


def settings_of(definition: JobDefinition) -> JobSettings:
    """Returns a job's settings; the defaults when they are of a release that took what this one refuses."""
    try:
        return read_job_settings(definition.settings)
    except InvalidJobSettings as error:
        logger.error("settings of a job left out", job=definition.job_name, error=str(error))
        return JobSettings()
