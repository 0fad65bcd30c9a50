"""Names of streams, buckets and subjects, and job names in them: built and parsed here only."""

import re
from dataclasses import dataclass

from webjobs_rules.errors import InvalidJobName
from webjobs_rules.job import JobName, JobType

from webjobs_events.errors import InvalidToken

_PLAIN = re.compile(r"[A-Za-z0-9_-]+")
_SPECIAL = re.compile(rb"[^A-Za-z0-9_-]")
_TOKEN = re.compile(r"(?:[A-Za-z0-9_-]|=[0-9A-F]{2})+")
_ESCAPE = re.compile(rb"=([0-9A-F]{2})")


def token_of(name: str) -> str:
    """A job name as one token of a subject or key: each UTF-8 byte outside `[A-Za-z0-9_-]` becomes `=HH`.

    Two names never share a token, and `name_of` turns it back.

    Raises:
        InvalidJobName: The name is empty, or no UTF-8 can write it.
    """
    if _PLAIN.fullmatch(name):
        return name
    if not name:
        raise InvalidJobName(name, "it is empty")
    try:
        raw = name.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidJobName(name, "it holds half of a surrogate pair") from error
    return _SPECIAL.sub(lambda match: b"=%02X" % match[0][0], raw).decode("ascii")


def name_of(token: str) -> JobName:
    """The job name a token stands for.

    Raises:
        InvalidToken: `token_of` gives this token for no name.
    """
    if not _TOKEN.fullmatch(token):
        raise InvalidToken(token)
    raw = _ESCAPE.sub(lambda match: bytes([int(match[1], 16)]), token.encode("ascii"))
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidToken(token) from error
    if token_of(name) != token:
        raise InvalidToken(token)
    return JobName(name)


@dataclass(frozen=True, slots=True)
class Subjects:
    """Every name that webjobs uses on NATS, under one namespace.

    Args:
        namespace: Lower-case letters and digits. `webjobs` unless two installations share one NATS account.
    """

    namespace: str = "webjobs"

    def _bucket(self, name: str) -> str:
        return f"{self.namespace.upper()}_{name}"

    @property
    def commands_stream(self) -> str:
        """Work queue of commands: one message a subject, a second one is refused."""
        return self._bucket("COMMANDS")

    @property
    def events_stream(self) -> str:
        """Everything that happened, in order."""
        return self._bucket("EVENTS")

    @property
    def logs_stream(self) -> str:
        """What scripts wrote, in chunks."""
        return self._bucket("LOGS")

    @property
    def dead_letters_stream(self) -> str:
        """Copies of messages that could not be read."""
        return self._bucket("DEADLETTERS")

    @property
    def jobs_bucket(self) -> str:
        """Job definitions by `<type>.<job>`."""
        return self._bucket("JOBS")

    @property
    def packages_bucket(self) -> str:
        """Object store of packages by digest, and of uploads by upload id."""
        return self._bucket("PACKAGES")

    @property
    def settings_bucket(self) -> str:
        """App settings by name."""
        return self._bucket("SETTINGS")

    @property
    def requests_bucket(self) -> str:
        """What was asked for under an `Idempotency-Key`."""
        return self._bucket("REQUESTS")

    @property
    def leases_bucket(self) -> str:
        """Heartbeats, singleton leases and claims of runs."""
        return self._bucket("LEASES")

    @property
    def hooks_bucket(self) -> str:
        """Hooks, and how far each has come."""
        return self._bucket("HOOKS")

    @property
    def published_stream(self) -> str:
        """What was given to the api to be sent to hooks."""
        return self._bucket("PUBLISHED")

    @property
    def deliveries_stream(self) -> str:
        """Every try to deliver something to a hook."""
        return self._bucket("DELIVERIES")

    # Commands

    @property
    def all_commands(self) -> str:
        """Filter: every command."""
        return f"{self.namespace}.commands.>"

    @property
    def run_commands(self) -> list[str]:
        """Filters: commands to run a triggered job, those that wait for their turn included."""
        return self.run_commands_of("*")

    def run_commands_of(self, job_name: str) -> list[str]:
        """Filters: the same of one job."""
        run = self.command(JobType.TRIGGERED, job_name, "run")
        return [run, f"{run}.*"]

    def command(self, job_type: JobType, job_name: str, verb: str, slot: str = "") -> str:
        """Subject of a command, of which the stream holds one that is not done.

        Args:
            job_type: Of the job.
            job_name: Of the job, or `*` for a filter.
            verb: As in `commands.py`.
            slot: Lets several commands of the job and verb be there: a run id, a number, or `join`.
        """
        job = job_name if job_name == "*" else token_of(job_name)
        subject = f"{self.namespace}.commands.{job_type}.{job}.{verb}"
        return f"{subject}.{slot}" if slot else subject

    def commands_of(self, job_type: JobType, job_name: str) -> str:
        """Filter: every command about a job, or about all jobs of the type when the name is `*`."""
        return f"{self.command(job_type, job_name, '')}>"

    def job_commands(self, verbs: tuple[str, ...]) -> list[str]:
        """Filters: commands with one of these verbs for any job of any type."""
        return [f"{self.namespace}.commands.*.*.{verb}" for verb in verbs]

    # Events

    @property
    def all_events(self) -> str:
        """Filter: every event."""
        return f"{self.namespace}.events.>"

    def job_event(self, job_type: str, job_name: str, event_name: str) -> str:
        """Subject of a job's event."""
        job = job_name if job_name == "*" else token_of(job_name)
        return f"{self.namespace}.events.{job_type}.{job}.{event_name}"

    def instance_event(self, instance_id: str, event_name: str) -> str:
        """Subject of an event about a runner."""
        return f"{self.namespace}.events.instance.{instance_id}.{event_name}"

    # Logs

    @property
    def all_logs(self) -> str:
        """Filter: every log chunk."""
        return f"{self.namespace}.logs.>"

    def log(self, job_type: JobType, job_name: str, source: str) -> str:
        """Subject of log chunks; `source` as in `log_format`, or `*` for a filter."""
        return f"{self.namespace}.logs.{job_type}.{token_of(job_name)}.{source}"

    def deployment_log(self, job_type: JobType, job_name: str, deployment_id: str) -> str:
        """Subject of the log of a deployment; `*` as its id matches those of all deployments of the job."""
        return f"{self.log(job_type, job_name, 'deploy')}.{deployment_id}"

    def any_deployment_log(self, deployment_id: str) -> str:
        """Filter: the log of a deployment of whatever job."""
        return f"{self.namespace}.logs.*.*.deploy.{deployment_id}"

    @staticmethod
    def parse_deployment_log(subject: str) -> tuple[JobType, JobName, str]:
        """Returns type and name of the job, and the id of the deployment, whose log has this subject.

        Raises:
            InvalidToken: `deployment_log` returns no such subject.
        """
        try:
            _, kind, job_type, token, source, deployment_id = subject.split(".")
            if (kind, source) == ("logs", "deploy"):
                return JobType(job_type), name_of(token), deployment_id
        except ValueError as error:
            raise InvalidToken(subject) from error
        raise InvalidToken(subject)

    @staticmethod
    def parse_log(subject: str) -> tuple[JobType, JobName, str]:
        """Returns type and name of the job, and the source, whose log chunks have this subject.

        Raises:
            InvalidToken: `log` returns no such subject.
        """
        try:
            _, kind, job_type, token, source = subject.split(".")
            if kind == "logs":
                return JobType(job_type), name_of(token), source
        except ValueError as error:
            raise InvalidToken(subject) from error
        raise InvalidToken(subject)

    # Hooks

    @property
    def all_published(self) -> str:
        """Filter: everything that was given to be sent to hooks."""
        return f"{self.namespace}.published.>"

    def published(self, event_name: str) -> str:
        """Subject of what is sent to the hooks of an event that is not ours."""
        return f"{self.namespace}.published.{event_name}"

    @property
    def all_deliveries(self) -> str:
        """Filter: every try to deliver something."""
        return f"{self.namespace}.deliveries.>"

    def delivery(self, hook_id: str) -> str:
        """Subject of the tries to deliver to one hook."""
        return f"{self.namespace}.deliveries.{hook_id}"

    # Dead letters

    @property
    def all_dead_letters(self) -> str:
        """Filter: every parked message."""
        return f"{self.namespace}.deadletters.>"

    def dead_letter(self, service: str) -> str:
        """Subject under which a service parks what it cannot read."""
        return f"{self.namespace}.deadletters.{service}"

    # Tunnels

    def tunnels(self, instance_id: str) -> str:
        """Prefix below which a runner listens to tunnels, a subject for each."""
        return f"{self.namespace}.tunnels.{instance_id}"

    # Keys

    @staticmethod
    def definition_key(job_type: JobType, job_name: str) -> str:
        """Key of a job's definition."""
        return f"{job_type}.{token_of(job_name)}"

    @staticmethod
    def parse_definition_key(key: str) -> tuple[JobType, JobName]:
        """The job whose definition lies under this key.

        Raises:
            InvalidToken: The key is not one of `definition_key`.
        """
        job_type, _, token = key.partition(".")
        try:
            return JobType(job_type), name_of(token)
        except ValueError as error:
            raise InvalidToken(key) from error

    @staticmethod
    def instance_key(instance_id: str) -> str:
        """Key of a runner's heartbeat."""
        return f"instance.{instance_id}"

    @staticmethod
    def api_key(api_id: str) -> str:
        """Key that an api writes to prove that JetStream stores what it is sent."""
        return f"api.{api_id}"

    @staticmethod
    def singleton_key(job_name: str) -> str:
        """Key of the lease on a singleton continuous job."""
        return f"singleton.{token_of(job_name)}"

    @staticmethod
    def claim_key(job_name: str, run_id: str) -> str:
        """Key of the claim on a run: created once, ever."""
        return f"claim.{token_of(job_name)}.{run_id}"

    @staticmethod
    def cancel_key(job_name: str, run_id: str) -> str:
        """Key of the request to cancel a run; `cancel.>` matches all of them."""
        return f"cancel.{token_of(job_name)}.{run_id}"

    def heartbeat(self, instance_id: str) -> str:
        """Where a runner says what its lease says, without storing it; `*` for all of them."""
        return f"{self.namespace}.heartbeats.{instance_id}"

    def usage(self, instance_id: str) -> str:
        """Where a runner says what its continuous jobs use, without storing it; `*` for all runners."""
        return f"{self.namespace}.usage.{instance_id}"

    @property
    def metrics(self) -> str:
        """Where an api asks all runners and histories for their metrics."""
        return f"{self.namespace}.metrics"

    @staticmethod
    def refusal_key(instance_id: str, job_type: JobType, folder_name: str) -> str:
        """Key of what a runner refused in a job's folder; `refusal.>` matches all of them."""
        return f"refusal.{instance_id}.{job_type}.{token_of(folder_name)}"

    @staticmethod
    def api_refusal_key(source: str, job_type: JobType, job_name: JobName) -> str:
        """Key of what was refused of what was sent to the api; `source` as in `RefusalSource`."""
        return f"refusal.{source}.{job_type}.{token_of(job_name)}"

    # Files

    def files_group(self, instance_id: str) -> str:
        """Prefix of the endpoints for files of one runner; operations in `files.py`."""
        return f"{self.namespace}.files.{instance_id}"

    @staticmethod
    def hook_key(url_digest: str) -> str:
        """Key of the hook that calls an address."""
        return f"hook.{url_digest}"

    @staticmethod
    def hook_state_key(hook_id: str, source: str) -> str:
        """Key of how far a hook has come in a stream."""
        return f"state.{hook_id}.{source}"

    @staticmethod
    def hook_acknowledgement_key(hook_id: str) -> str:
        """Key of the acknowledgement that a hook keeps failing."""
        return f"acknowledged.{hook_id}"

    # Queries

    @property
    def queries_group(self) -> str:
        """Prefix of the query endpoints of history."""
        return f"{self.namespace}.queries"

    def query(self, name: str) -> str:
        """Subject of one query endpoint; names in `queries.py`."""
        return f"{self.queries_group}.{name}"
