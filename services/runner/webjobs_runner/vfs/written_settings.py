"""Warnings about a `settings.job` that was just written as a file."""

from webjobs_rules.errors import InvalidJobSettings
from webjobs_rules.job_folder import SETTINGS_FILE
from webjobs_rules.settings_check import warnings_of

from webjobs_runner.deploy_errors import OutsideSite
from webjobs_runner.domain.site_path import SitePath, job_of
from webjobs_runner.files.definition_files import read_settings, settings_warnings
from webjobs_runner.files.site import Site


def settings_file_warnings(site: Site, path: SitePath) -> list[str]:
    """Returns sentences about a job's settings; none when the path is not that of a `settings.job`.

    The file is stored in any case, as any file is. Settings that are not valid do not take effect.
    """
    job = job_of(path)
    if job is None or path[-1].lower() != SETTINGS_FILE:
        return []
    try:
        folder = site.job_folder(*job)
        return [*settings_warnings(folder), *warnings_of(read_settings(folder, job[0]))]
    except InvalidJobSettings as fault:
        return [f"The settings in effect stay as they are: {fault}"]
    except (OutsideSite, OSError):
        return []
