"""Loading: files to a `Suite`, or every mistake of every file at once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import InputError, InputErrors, Position, Problem
from harness.project import relative
from harness.scenario.filereader import FileReader
from harness.scenario.files import find_files, read_bytes, split_place
from harness.scenario.fragments import Fragment
from harness.scenario.invariants import load_invariants
from harness.scenario.model import Feature, Invariant, Scenario, Suite
from harness.scenario.registry import Registry, builtin_registry
from harness.scenario.rules import load_rules
from harness.scenario.scenarioreader import Known
from harness.scenario.shapes import found
from harness.scenario.tables import Tables, load_tables
from harness.scenario.userverbs import load_verbs
from harness.scenario.yamltree import MapNode, Node, Source, parse

__all__ = ["Loading", "Surroundings", "load", "load_text"]


@dataclass(slots=True)
class Surroundings:
    """What a project gives its scenarios to name; None means that such names are not checked."""

    project: Path
    registry: Registry
    tables: Tables | None = None
    known: Known = field(default_factory=Known)
    invariants: tuple[Invariant, ...] = ()


def load(
    paths: Iterable[str | Path],
    *,
    project: Path,
    registry: Registry | None = None,
    tables: Tables | None = None,
    texts: Mapping[str, str] | None = None,
) -> Suite:
    """Load every scenario file of `paths` (files, directories, `file:LINE`; lines are left to the selection).

    Beside the files it reads, where they exist: `rules.yaml`, `invariants.yaml`, `tables.json` and `verbs.py` of
    `scenarios/`, and `fixtures/catalogues/*.yaml` of the project.

    Args:
        paths: what to load, relative to the project or absolute.
        project: its root.
        registry: the verbs and checks; the harness's own when not given.
        tables: the tables that may be named; those of `scenarios/tables.json` when not given.
        texts: texts to load instead of the files of these (relative) names, as an editor has them.

    Raises:
        InputErrors: every mistake of every file, in the order of the files.
    """
    loader = Loading(project, texts or {})
    loader.surroundings(registry, tables)
    files: list[Path] = []
    try:
        files = find_files([split_place(str(path)) for path in paths], project)
    except InputErrors as errors:
        loader.problems += errors.problems
    features = [feature for path in files if (feature := loader.feature(path)) is not None]
    loader.same_ids(features)
    loader.raise_problems()
    around = loader.around
    return Suite(
        tuple(features),
        around.registry,
        around.invariants,
        around.known.rules or {},
        dict(sorted(loader.digests.items())),
    )


def load_text(
    text: str | bytes,
    *,
    file: str = "<text>",
    registry: Registry | None = None,
    tables: Tables | None = None,
    known: Known | None = None,
) -> Suite:
    """Load one text as a file that stands alone. Raises InputErrors as `load`."""
    loader = Loading(Path(), {})
    loader.around = Surroundings(Path(), registry or builtin_registry(), tables, known or Known())
    feature = loader.feature_of(text, file, Path(file))
    loader.same_ids([feature] if feature else [])
    loader.raise_problems()
    return Suite((feature,) if feature else (), loader.around.registry)


class Loading:
    """One loading: what was read, and every mistake so far."""

    def __init__(self, project: Path, texts: Mapping[str, str]) -> None:
        self.project = project
        self.texts = texts
        self.problems: list[Problem] = []
        self.digests: dict[str, str] = {}
        self.sources: dict[str, Source] = {}
        self.libraries: dict[str, dict[str, Fragment]] = {}
        self.verb_files: set[Path] = set()
        self.around: Surroundings

    def surroundings(self, registry: Registry | None, tables: Tables | None) -> None:
        """Reads what the project gives beside the scenarios; its mistakes are noted like any other."""
        scenarios = self.project / "scenarios"
        self.around = Surroundings(self.project, Registry(registry) if registry else builtin_registry(), tables)
        if tables is None and (scenarios / "tables.json").is_file():
            self.attempt(
                lambda: setattr(
                    self.around, "tables", load_tables(scenarios / "tables.json", shown="scenarios/tables.json")
                )
            )
        if (scenarios / "verbs.py").is_file():
            self.attempt(lambda: self.verbs(scenarios / "verbs.py"))
        rules: dict[str, str] | None = None
        if (scenarios / "rules.yaml").is_file():
            rules = {}
            self.attempt(lambda: rules.update(load_rules(scenarios / "rules.yaml", shown="scenarios/rules.yaml")))
            self.digest(scenarios / "rules.yaml")
        invariants: list[Invariant] | None = None
        if (scenarios / "invariants.yaml").is_file():
            invariants = []
            self.attempt(
                lambda: invariants.extend(
                    load_invariants(scenarios / "invariants.yaml", shown="scenarios/invariants.yaml")
                )
            )
            self.digest(scenarios / "invariants.yaml")
        self.around.invariants = tuple(invariants or ())
        catalogues, roles = self.catalogues()
        named = frozenset(each.name for each in invariants) if invariants is not None else None
        self.around.known = Known(rules, named, catalogues, roles)

    def verbs(self, path: Path) -> None:
        """The verbs of a Python file; several scenario files may use the same one."""
        if path.resolve() in self.verb_files:
            return
        self.verb_files.add(path.resolve())
        load_verbs(path, self.around.registry, shown=relative(path, self.project))
        self.digest(path)

    def catalogues(self) -> tuple[dict[str, Mapping[str, Any]] | None, dict[str, frozenset[str]]]:
        """The rows of each catalogue by key, and the roles that it gives: anonymous, and the keys of its users."""
        from harness.scenario.fixtures import catalogue, catalogues

        fixtures = self.project / "fixtures"
        if not (fixtures / "catalogues").is_dir():
            return None, {}
        rows: dict[str, Mapping[str, Any]] = {}
        roles: dict[str, frozenset[str]] = {}
        for name in catalogues(fixtures):
            try:
                made = catalogue(fixtures, name)
            except InputError as error:
                self.note_error(error)
                continue
            rows[name] = made.by_key()
            roles[name] = frozenset({"anonymous", *made.rows("User")})
            self.digest(fixtures / "catalogues" / f"{name}.yaml")
        return rows, roles

    def feature(self, path: Path) -> Feature | None:
        """One file; None when its mistakes (noted) leave nothing."""
        shown = relative(path, self.project)
        try:
            text: str | bytes = self.texts[shown] if shown in self.texts else read_bytes(path, shown)
        except InputError as error:
            self.note_error(error)
            return None
        data = text.encode() if isinstance(text, str) else text
        self.digests[shown] = hashlib.sha256(data).hexdigest()
        return self.feature_of(text, shown, path)

    def feature_of(self, text: str | bytes, shown: str, path: Path) -> Feature | None:
        try:
            root = parse(text, shown)
        except InputErrors as errors:
            self.problems += errors.problems
            return None
        self.sources[shown] = root.source
        if not isinstance(root, MapNode):
            self.problems.append(
                root.problem(f"A scenario file is a map; found {found(root)}.", "Begin it with `feature: …`.")
            )
            return None
        return FileReader(self, root, shown, path).read()

    def library(self, path: Path, at: Node, using: tuple[str, ...]) -> dict[str, Fragment]:
        """The fragments of a file that another one uses."""
        shown = relative(path, self.project)
        if shown in self.libraries:
            return self.libraries[shown]
        if shown in using:
            circle = " → ".join([*using[using.index(shown) :], shown])
            self.problems.append(
                at.problem(f"Files use each other in a circle: {circle}.", "Move the fragments into one file.")
            )
            return {}
        try:
            data = read_bytes(path, shown)
            self.digests[shown] = hashlib.sha256(data).hexdigest()
            root = parse(data, shown)
        except InputErrors as errors:
            self.problems += errors.problems
            return {}
        except InputError as error:
            self.problems.append(at.problem(f"{shown} cannot be used: {error.what}", error.remedy))
            return {}
        self.sources[shown] = root.source
        reader = FileReader(self, root, shown, path, using) if isinstance(root, MapNode) else None
        self.libraries[shown] = reader.fragments() if reader else {}
        return self.libraries[shown]

    def same_ids(self, features: Iterable[Feature]) -> None:
        """Two cases may not have one id."""
        first: dict[str, Scenario] = {}
        for feature in features:
            for scenario in feature.scenarios:
                other = first.setdefault(scenario.stem, scenario)
                if other is not scenario and scenario.stem:
                    word = "id" if scenario.id else "title"
                    what = f"Another scenario has this {word}, at {other.position}."
                    self.problems.append(Problem(scenario.position, what, f"Give one of them another {word}."))

    def attempt(self, act: Any) -> None:
        try:
            act()
        except InputError as error:
            self.note_error(error)

    def note_error(self, error: InputError) -> None:
        if isinstance(error, InputErrors):
            self.problems += error.problems
        else:
            self.problems.append(Problem(error.position, error.what, error.remedy))

    def digest(self, path: Path) -> None:
        self.digests[relative(path, self.project)] = hashlib.sha256(path.read_bytes()).hexdigest()

    def raise_problems(self) -> None:
        """Raises everything noted, each once, in the order of the files, with the lines they stand on."""
        if not self.problems:
            return
        unique = {(problem.position, problem.what): self.with_line(problem) for problem in self.problems}
        raise InputErrors(sorted(unique.values(), key=lambda each: each.position or Position("", 0, 0)))

    def with_line(self, problem: Problem) -> Problem:
        if problem.source_line or problem.position is None or problem.position.file not in self.sources:
            return problem
        source = self.sources[problem.position.file]
        return source.problem(problem.position.line, problem.position.column, problem.what, problem.remedy)
