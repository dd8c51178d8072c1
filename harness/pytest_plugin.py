"""`pytest scenarios/`: the same files, cases and runner as `harness run`, as pytest items.

Only pytest's public interface is used. Options of the command line that matter here are `--harness-target`,
`--harness-database` and `--harness-seed`; selection (`-k`, `--lf`, `-x`, xdist's `-n`) is pytest's own.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import warnings

    from harness.scenario.model import Case
    from harness.session import Bench

__all__ = ["CaseFailed", "ScenarioFile", "ScenarioItem"]

_BENCH = pytest.StashKey["Bench"]()
_SUFFIXES = (".yaml", ".yml")
_READS_LIKE_ONE = re.compile(rb"""(?:\A(?:\xef\xbb\xbf)?|[\r\n])\{?[ ]*["']?(?:feature|scenarios)["']?\s*:""")


def pytest_addoption(parser: pytest.Parser) -> None:
    """The choices that pytest has no option of its own for."""
    group = parser.getgroup("harness", "booking harness")
    group.addoption("--harness-target", default="reference", help="reference, legacy, defect:ID or a URL")
    group.addoption(
        "--harness-database", default="auto", help="auto, embedded, testcontainers[:IMAGE] or postgresql://…"
    )
    group.addoption("--harness-seed", type=int, default=0, help="ids and randomness follow from it")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Take a YAML file that holds scenarios: of those that `harness run` would read all, elsewhere what reads like one."""
    if file_path.suffix.lower() not in _SUFFIXES:  # one in capitals is told, not left out
        return None
    from harness.scenario.files import SUPPORT_FILES

    named = parent.session.isinitpath(file_path)
    if not named and (file_path.name.startswith(".") or file_path.name in SUPPORT_FILES):
        return None  # hidden, or beside the scenarios, and not named: as `harness run` has it
    if not named and not file_path.is_relative_to(_project(parent.config) / "scenarios"):
        with file_path.open("rb") as file:
            if not _READS_LIKE_ONE.search(file.read(65536)):
                return None
    collector: ScenarioFile = ScenarioFile.from_parent(parent, path=file_path)
    return collector


def pytest_configure(config: pytest.Config) -> None:
    """Count how the scenarios end."""
    config.pluginmanager.register(_NothingRan(), "harness-nothing-ran")
    config.pluginmanager.register(_Masking(config), "harness-masking")


class _Masking:
    """Masks what pytest itself kept of a scenario: the log that it captured, and warnings, which it hears before anybody."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def _mask(self, text: str) -> str:
        bench = self._config.stash.get(_BENCH, None)
        return text if bench is None else bench.stage.redactor.text(text)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        report.sections = [(name, self._mask(text)) for name, text in report.sections]
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_warning_recorded(self, warning_message: warnings.WarningMessage) -> None:
        said = str(warning_message.message)
        if (masked := self._mask(said)) != said:
            warning_message.message = masked


class _NothingRan:
    """Ends a session with the code of "nothing collected" where scenarios, and nothing else, were there to run and every
    one was skipped: as `harness run` has it, that is not green."""

    def __init__(self) -> None:
        self.skipped = 0
        self.others = 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and report.skipped and report.nodeid.partition("::")[0].endswith(_SUFFIXES):
            self.skipped += 1
        elif report.when == "call" or report.outcome != "passed":
            self.others += 1

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if exitstatus == pytest.ExitCode.OK and self.skipped and not self.others:
            session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED


def pytest_unconfigure(config: pytest.Config) -> None:
    """Close the database of this process, if one was opened."""
    bench = config.stash.get(_BENCH, None)
    if bench is not None:
        bench.close()


class ScenarioFile(pytest.File):
    """One file; its mistakes are a collection error that reads like `harness validate`."""

    def collect(self) -> Iterator[ScenarioItem]:
        from harness.errors import InputError
        from harness.session import cases_of

        try:
            cases = cases_of(self.path, _project(self.config))
        except InputError as error:
            raise self.CollectError(str(error)) from error
        for case in cases:
            # Given as text, an id is read as --lf reads the one that it kept; made of the name alone it would be another
            # wherever the title has a bracket.
            yield ScenarioItem.from_parent(self, name=case.title, nodeid=f"{self.nodeid}::{case.title}", case=case)


class CaseFailed(Exception):
    """A case did not pass; its text is the one that `harness run` prints."""


class ScenarioItem(pytest.Item):
    """One case."""

    def __init__(self, *, case: Case, **rest: Any) -> None:
        super().__init__(**rest)
        self.case = case
        self.extra_keyword_matches.update(
            case.scenario.tags
        )  # what `-k` looks at; a mark could mean something to a plugin

    def runtest(self) -> None:
        record = _bench(self.session).run(self.case)
        if record.outcome == "skipped":
            pytest.skip(record.failure or "skipped")  # the scenario says so, with its reason
        if record.outcome != "passed":
            raise CaseFailed(record.failure_text or record.failure)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The scenario's own message instead of a traceback; so of what keeps it from running."""
        from harness.errors import InputError, MachineError

        if isinstance(excinfo.value, CaseFailed | InputError | MachineError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, self.case.scenario.position.line - 1, self.name


def _project(config: pytest.Config) -> Path:
    """The folder with fixtures/: pytest's root, else where pytest was started (scenarios may lie elsewhere), else the one
    that holds what was named."""
    from harness.project import project_root

    here = config.invocation_params.dir
    named = (here / each.partition("::")[0] for each in config.args)
    places = (config.rootpath, here, *(project_root(path if path.is_dir() else path.parent) for path in named))
    return next((place for place in places if (place / "fixtures").is_dir()), here)


def _bench(session: pytest.Session) -> Bench:
    from harness.errors import InputError, MachineError
    from harness.session import Bench

    config = session.config
    bench = config.stash.get(_BENCH, None)
    if bench is not None:
        return bench
    try:
        bench = Bench.open(
            sorted({item.path for item in session.items if isinstance(item, ScenarioItem)}),
            root=_project(config),
            target=config.getoption("--harness-target"),
            database=config.getoption("--harness-database"),
            seed=config.getoption("--harness-seed"),
        )
    except (InputError, MachineError) as error:
        others = not all(isinstance(item, ScenarioItem) for item in session.items)
        if others or hasattr(config, "workerinput"):  # xdist takes a worker that leaves for one that crashed
            raise
        pytest.exit(str(error), returncode=error.exit_code)  # no case could run: not one of them failed
    config.stash[_BENCH] = bench
    return bench
