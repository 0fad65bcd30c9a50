"""The life of a runner."""

from webjobs_events.events.event import Event
from webjobs_events.subjects import Subjects


class InstanceEvent(Event, frozen=True, kw_only=True):
    """A step in the life of the runner `about_instance`.

    Attributes:
        about_instance: The runner it is about.
        boot: When that runner started, in the form of a run id.
    """

    about_instance: str
    boot: str

    @property
    def kind(self) -> str:
        return "instance"

    @property
    def event_id(self) -> str:
        return f"instance/{self.about_instance}/{self.boot}/{self.name}"

    @property
    def about(self) -> str:
        return f"instance/{self.about_instance}"

    def subject(self, subjects: Subjects) -> str:
        return subjects.instance_event(self.about_instance, self.name)


class InstanceStarted(InstanceEvent, frozen=True, kw_only=True, tag="InstanceStarted"):
    """A runner has started; whatever an earlier boot of it ran is gone."""


class InstanceStopped(InstanceEvent, frozen=True, kw_only=True, tag="InstanceStopped"):
    """A runner has stopped in good order; nothing of it runs any more."""


class InstanceLost(InstanceEvent, frozen=True, kw_only=True, tag="InstanceLost"):
    """A runner's heartbeat ended without a farewell; another runner noticed."""


class DiskChanged(InstanceEvent, frozen=True, kw_only=True):
    """The free space of the disk that a runner's site folder lies on has crossed the reserve; in bytes.

    Attributes:
        free_bytes: What could still be written.
        reserve_bytes: Bytes kept free for runs in progress.
        total_bytes: Size of the disk.
    """

    free_bytes: int
    reserve_bytes: int
    total_bytes: int

    @property
    def event_id(self) -> str:
        return f"{super().event_id}/{self.at.timestamp():.6f}"


class DiskLow(DiskChanged, frozen=True, kw_only=True, tag="DiskLow"):
    """The free space is below the reserve: this runner takes no new runs and deployments."""


class DiskOk(DiskChanged, frozen=True, kw_only=True, tag="DiskOk"):
    """There is room again: this runner takes runs and deployments."""


AnyInstanceEvent = InstanceStarted | InstanceStopped | InstanceLost | DiskLow | DiskOk
