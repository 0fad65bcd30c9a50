"""`webjobs repair history`: in the foreground, until it is done or refused."""

import asyncio
import os
from pathlib import Path

from webjobs_rules.app_settings import is_credential
from webjobs_service.credential_handover import close_to_others, erase_variables
from webjobs_stack import repair

from webjobs_cli.json_lines import UP, is_json, json_line


def repair_history(data: Path, *, force: bool, accept_new_stream: bool) -> None:
    """Rebuild the history of a data folder.

    Raises:
        WebJobsError: It was refused, or failed.
    """
    given = {"--force": force, "--accept-new-stream": accept_new_stream}
    rebuild = [name for name, is_given in given.items() if is_given]
    environment = dict(os.environ)
    close_to_others()
    erase_variables({name for name in environment if is_credential(name)})
    options = repair.RepairOptions(data, environment, rebuild)
    in_json = is_json(environment)

    def report(text: str) -> None:
        print(json_line(UP, text) if in_json else text, flush=True)

    asyncio.run(repair.repair_history(options, report))
