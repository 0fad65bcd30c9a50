"""From a definition to a running process: files, interpreter, environment, command line."""

import asyncio
import os
import secrets
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from webjobs_events.jetstream import LiveSettings
from webjobs_events.job import JobDefinition
from webjobs_rules.arguments import split_arguments
from webjobs_rules.environment import ScriptFacts, script_environment
from webjobs_rules.errors import FolderRefused
from webjobs_rules.job import JobType
from webjobs_rules.job_settings import JobSettings, read_job_settings
from webjobs_rules.run_report import PROGRESS_FILE, RESULT_FILE
from webjobs_rules.script import process_arguments
from webjobs_rules.status import Reason
from webjobs_rules.stop_plan import stop_plan
from webjobs_rules.trace import Trace
from webjobs_rules.wine import PREFIX_VARIABLE, wine_environment

from webjobs_runner.deploy_errors import FolderChangedMeanwhile
from webjobs_runner.files.folder_files import list_files
from webjobs_runner.files.in_place import runs_in_place
from webjobs_runner.files.script_file import is_binary, shebang_of
from webjobs_runner.files.site import Site
from webjobs_runner.files.text_search import mentions_shutdown_file
from webjobs_runner.files.versions import Versions
from webjobs_runner.instance import Instance
from webjobs_runner.logs.script_log import ScriptLog
from webjobs_runner.processes.environment_source import EnvironmentSource
from webjobs_runner.processes.exit_facts import reason_not_started
from webjobs_runner.processes.process import Launcher, ScriptProcess
from webjobs_runner.processes.script_programs import ScriptPrograms
from webjobs_runner.processes.script_stop import ScriptEnd, Wakeup, stop_script
from webjobs_runner.processes.wine_prefix import WinePrefixes


@dataclass(frozen=True, slots=True)
class PreparedScript:
    """All that starting a script needs; `release` gives its working copy back.

    Attributes:
        shutdown_file: Its path, which is written when the script has to end.
        watches_shutdown_file: Whether the package mentions that file.
        warnings: For the log of the script.
    """

    command_line: Sequence[str]
    folder: str
    environment: Mapping[str, str]
    host: str
    release: Callable[[], None]
    shutdown_file: str
    watches_shutdown_file: bool
    warnings: Sequence[str]


@dataclass(frozen=True, slots=True)
class StartedScript:
    """A running script; `release` gives its working copy back once the process has ended.

    Its output waits in the pipes until `process.resume_reading()`: the owner of the log writes first
    that the script was started.
    """

    process: ScriptProcess
    host: str
    release: Callable[[], None]
    shutdown_file: str
    watches_shutdown_file: bool
    warnings: Sequence[str]

    async def stop(
        self,
        settings: JobSettings,
        job_type: JobType,
        woken: Wakeup,
        *,
        longest_grace: float | None = None,
        shorter_grace: Callable[[], float | None] = lambda: None,
    ) -> ScriptEnd:
        """Ask the script to end as the job's settings say, and kill what is left of it.

        Returns when no process of it is left.

        Args:
            settings: Of the job.
            job_type: Of the job.
            woken: Set by the end of the process.
            longest_grace: Seconds that the script gets at most, whatever the settings say.
            shorter_grace: As for `stop_script`.
        """
        plan = stop_plan(settings, job_type, watches_shutdown_file=self.watches_shutdown_file)
        if longest_grace is not None:
            plan = plan.within(longest_grace)
        return await stop_script(self.process, plan, Path(self.shutdown_file), woken, shorter_grace)


@dataclass(frozen=True, slots=True)
class ScriptPlace:
    """Where the scripts of a runner run.

    Attributes:
        instance: Of the runner.
        site: Its site folder.
        temporary_folder: Of the runner; scripts have it too.
        site_name: The site's name in the environment of jobs, unless the environment or a setting names one.
    """

    instance: Instance
    site: Site
    temporary_folder: Path
    site_name: str


class ScriptStarter:
    """Starts scripts, triggered and continuous alike.

    Args:
        place: Where they run.
        programs: What they are run by.
        launcher: What their processes are started by.
        versions: Has their files.
        environments: Have the packages of jobs.
        wine: Makes prefixes for those that Wine runs.
        settings: App settings, for their environment.
    """

    def __init__(
        self,
        place: ScriptPlace,
        programs: ScriptPrograms,
        launcher: Launcher,
        versions: Versions,
        environments: EnvironmentSource,
        wine: WinePrefixes,
        settings: LiveSettings,
    ) -> None:
        self._place = place
        self._programs = programs
        self._launcher = launcher
        self._versions = versions
        self._environments = environments
        self._wine = wine
        self._settings = settings
        self._temporary_folder = str(place.temporary_folder)
        self._shutdown_files = f"{place.temporary_folder}/JobsShutdown"
        self._home = str(place.site.root)
        self._webroot = str(place.site.root / "site" / "wwwroot")
        self._watching: dict[str, bool] = {}  # by digest, where the definition does not say it

    async def start(
        self,
        definition: JobDefinition,
        log: ScriptLog,
        *,
        port: int | None = None,
        fencing_token: int | None = None,
    ) -> StartedScript:
        """Start the definition's script; its output goes to `log` from the first `resume_reading` on.

        Raises: As `prepare` and `begin`.
        """
        prepared = await self.prepare(definition, port=port, fencing_token=fencing_token)
        started = await self.begin(prepared, log.on_stdout, log.on_stderr)
        try:
            await started.process.started()
        except BaseException:
            started.release()
            raise
        return started

    async def prepare(
        self,
        definition: JobDefinition,
        *,
        run_id: str = "",
        run_folder: str | None = None,
        arguments: str | None = None,
        trace: Trace | None = None,
        port: int | None = None,
        fencing_token: int | None = None,
    ) -> PreparedScript:
        """Find the interpreter, and have the job's files and environment ready.

        Raises:
            WebJobsError: `MissingInterpreter`, `NoRunnableScript`, `InvalidArguments`, `DependenciesRefused`,
                `DependenciesUnavailable`, or what kept the job's files from being there.
        """
        host, program = self._programs.host_of(definition.script)
        words = split_arguments(arguments or "")
        settings = read_job_settings(definition.settings)
        in_place = runs_in_place(definition)
        with ExitStack() as held:
            version = await self._versions.acquire(definition, in_place=in_place)
            held.callback(version.release)
            # Paths as text: to make them with pathlib takes longer than all that is done with them here.
            folder = str(version.folder)
            script = f"{folder}/{definition.script}"
            watches_shutdown_file = await self._watches_shutdown_file(definition, version.folder)
            shutdown_file = f"{self._shutdown_files}/{secrets.token_hex(8)}"
            facts = ScriptFacts(
                path=folder,
                name=definition.job_name,
                type=definition.job_type.value,
                data_path=self._data_folder(definition),
                instance_id=self._place.instance.id,
                home=self._home,
                webroot_path=self._webroot,
                site_name=self._place.site_name,
                temporary_folder=self._temporary_folder,
                run_id=run_id,
                command_arguments=arguments or "",
                trace=trace,
                shutdown_file=shutdown_file,
                result_file=f"{run_folder}/{RESULT_FILE}" if run_folder else None,
                progress_file=f"{run_folder}/{PROGRESS_FILE}" if run_folder else None,
                port=port,
                fencing_token=fencing_token,
            )
            environment = script_environment(
                self._programs.inherited, self._settings.app_settings(), settings.env, facts
            )
            if host.by_wine:
                environment = await self._with_wine(environment, program, held)
            find = self._programs.find
            if definition.dependencies is not None:
                packages = await self._environments.acquire(definition)
                held.callback(packages.release)
                environment |= packages.variables(environment["PATH"])
                packages.link_into(os.path.dirname(script))
                find = partial(self._programs.find_beside, f"{packages.folder}/bin")
            command = process_arguments(
                host,
                script,
                words,
                find,
                shebang_of(script) if host.reads_shebang else None,
                not host.interpreters and is_binary(script),
            )
            rest = held.pop_all()  # a kilobyte, which would be held as long as the script runs
            holds_more = host.by_wine or definition.dependencies is not None
            release = rest.close if holds_more else version.release
            return PreparedScript(
                command,
                os.path.dirname(script),
                environment,
                host.name,
                release,
                shutdown_file,
                watches_shutdown_file,
                tuple(dict.fromkeys([*filter(None, [version.warning]), *definition.warnings])),
            )

    async def begin(
        self, prepared: PreparedScript, on_stdout: Callable[[bytes], None], on_stderr: Callable[[bytes], None]
    ) -> StartedScript:
        """Send for a prepared script to be started; `started` of its process is set when it was.

        Raises:
            ScriptNotStarted: It cannot be; what was prepared is released.
        """
        try:
            process = await self._launcher.begin(
                prepared.command_line,
                cwd=prepared.folder,
                env=prepared.environment,
                on_stdout=on_stdout,
                on_stderr=on_stderr,
            )
        except BaseException:
            prepared.release()
            raise
        return StartedScript(
            process,
            prepared.host,
            prepared.release,
            prepared.shutdown_file,
            prepared.watches_shutdown_file,
            prepared.warnings,
        )

    def not_started(self, definition: JobDefinition, error: Exception) -> None:
        """Let the next try find the packages of a job whole, whose script was not started.

        Args:
            definition: Of the job.
            error: What `prepare`, `begin` or `start` raised.
        """
        if definition.dependencies is not None and reason_not_started(error) is Reason.START_ERROR:
            self._environments.repair(definition)

    async def _watches_shutdown_file(self, definition: JobDefinition, folder: Path) -> bool:
        """Whether the package mentions its shutdown file; looked for here if the definition is old."""
        if definition.watches_shutdown_file is not None:
            return definition.watches_shutdown_file
        known = self._watching.get(definition.digest)
        if known is None:
            known = self._watching[definition.digest] = await asyncio.to_thread(
                _mentions_shutdown_file, folder
            )
        return known

    async def _with_wine(self, environment: dict[str, str], wine: str, held: ExitStack) -> dict[str, str]:
        """The environment for Wine, with a prefix that is there until `held` is closed."""
        prefix = environment.get(PREFIX_VARIABLE)  # the operator keeps one, with programs in it
        if prefix:
            os.makedirs(prefix, exist_ok=True)
        else:
            own = self._wine.new_path()
            held.callback(shutil.rmtree, own, ignore_errors=True)
            await self._wine.make(own, wine, environment["PATH"])
            prefix = str(own)
        return wine_environment(environment, prefix)

    def _data_folder(self, definition: JobDefinition) -> str:
        folder = self._place.site.data_path(definition.job_type, definition.job_name)
        if not os.path.isdir(folder):
            os.makedirs(folder, exist_ok=True)
        return folder


def _mentions_shutdown_file(folder: Path) -> bool:
    try:
        files = list_files(folder).files
    except (FolderRefused, FolderChangedMeanwhile, FileNotFoundError):
        return False
    return mentions_shutdown_file(folder, (entry.path for entry in files))
