"""Which command prints which shape with `--json`."""

from typing import Literal, NamedTuple

import msgspec

from webjobs_cli.log_lines import LogRow
from webjobs_cli.shapes.azure_import import ImportReport
from webjobs_cli.shapes.context import ContextRow, TargetShown
from webjobs_cli.shapes.deploy import Deployed
from webjobs_cli.shapes.deps import DependenciesShown
from webjobs_cli.shapes.doctor import DoctorCheck
from webjobs_cli.shapes.events import EventShown
from webjobs_cli.shapes.exec import ExecReport
from webjobs_cli.shapes.hooks import DeliveryShown, HookDone, HookShown
from webjobs_cli.shapes.jobs import Cause, Done, JobShown, Running
from webjobs_cli.shapes.lint import LintReport
from webjobs_cli.shapes.runs import Followed, RunShown, RunStory
from webjobs_cli.shapes.schedule import DueShown, SchedulePreview
from webjobs_cli.shapes.settings import SettingsChanged, SettingsShown
from webjobs_cli.shapes.status import StatusShown


class Printed(NamedTuple):
    """What a command prints with `--json`."""

    form: Literal["array", "object", "stream"]
    """`stream`: an object on each line."""
    type: type[msgspec.Struct]


PRINTED: dict[str, Printed] = {
    "jobs": Printed("array", JobShown),
    "ps": Printed("array", Running),
    "runs": Printed("array", RunShown),
    "show": Printed("object", RunStory),
    "why": Printed("array", Cause),
    "run": Printed("object", RunShown),
    "run --follow": Printed("stream", Followed),
    "rerun": Printed("object", RunShown),
    "rerun --follow": Printed("stream", Followed),
    "wait": Printed("object", RunShown),
    "logs": Printed("stream", LogRow),
    "cancel": Printed("object", RunShown),
    "start": Printed("object", Done),
    "stop": Printed("object", Done),
    "restart": Printed("object", Done),
    "deploy": Printed("object", Deployed),
    "import azure": Printed("object", ImportReport),
    "deps": Printed("object", DependenciesShown),
    "delete": Printed("object", Done),
    "status": Printed("object", StatusShown),
    "settings get": Printed("object", SettingsShown),
    "settings set": Printed("object", SettingsChanged),
    "settings unset": Printed("object", SettingsChanged),
    "settings edit": Printed("object", SettingsChanged),
    "schedule next": Printed("array", DueShown),
    "schedule explain": Printed("object", SchedulePreview),
    "events": Printed("stream", EventShown),
    "hooks list": Printed("array", HookShown),
    "hooks add": Printed("object", HookShown),
    "hooks test": Printed("object", DeliveryShown),
    "hooks deliveries": Printed("array", DeliveryShown),
    "hooks redeliver": Printed("object", DeliveryShown),
    "hooks remove": Printed("object", HookDone),
    "context list": Printed("array", ContextRow),
    "context show": Printed("object", TargetShown),
    "doctor": Printed("array", DoctorCheck),
    "exec": Printed("object", ExecReport),
    "lint": Printed("object", LintReport),
    "context test": Printed("object", TargetShown),
}
