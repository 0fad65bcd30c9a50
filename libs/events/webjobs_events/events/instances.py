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


AnyInstanceEvent = InstanceStarted | InstanceStopped | InstanceLost
