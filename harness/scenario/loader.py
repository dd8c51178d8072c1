"""Loading: files to a `Suite`, or every mistake of every file at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from harness.errors import InputError, InputErrors, Position, Problem
from harness.memory import uncollected
from harness.project import located, relative
from harness.scenario.compiled import Compiled, compiled_of, context, digest
from harness.scenario.filereader import FileReader
from harness.scenario.files import Place, find_files, read_bytes, split_place
from harness.scenario.fragments import DEEPEST, Fragment
from harness.scenario.invariants import load_invariants
from harness.scenario.model import Feature, Invariant, Suite
from harness.scenario.registry import Registry, builtin_registry
from harness.scenario.rules import load_rules
from harness.scenario.scenarioreader import Known
from harness.scenario.shapes import found
from harness.scenario.tables import Tables, load_tables
from harness.scenario.userverbs import imported_from_beside, load_verbs
from harness.scenario.yamltree import MapNode, Node, Source, parse

__all__ = ["Loading", "Surroundings", "load", "load_text", "tags_of", "verbs_of"]


class Surroundings(Struct):
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
    compiled: Compiled | None = None,
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
        compiled: what is kept of files read before; it is used, brought up to date, and closed.

    Raises:
        InputErrors: every mistake of every file, in the order of the files.
    """
    places = [split_place(str(path)) for path in paths]
    with uncollected(), compiled or nullcontext():
        loader = Loading(project, texts or {}, compiled)
        features = loader.read(places, registry, tables)
        if loader.problems and compiled is not None:  # messages show lines, which only reading gives
            loader = Loading(project, texts or {})
            features = loader.read(places, registry, tables)
        loader.raise_problems()
        if compiled is not None:
            compiled.save()
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


def verbs_of(project: Path) -> Registry:
    """The verbs that scenarios of `project` may name: those of the language, of scenarios/verbs.py, and of the files that scenarios use.

    Raises:
        InputErrors: the mistakes of files of verbs; those of scenarios are not asked for here.
    """
    with compiled_of(project) as kept:
        loader = Loading(project, {}, kept)
        scenarios = project / "scenarios"
        loader.read([split_place(str(scenarios))] if scenarios.is_dir() else [], None, None)
        loader.problems = [each for each in loader.problems if each.position and each.position.file.endswith(".py")]
        loader.raise_problems()
        kept.save()
    return loader.around.registry


def tags_of(project: Path) -> frozenset[str]:
    """The tags of all scenarios of `project` that can be read; mistakes are not asked for here."""
    if not (project / "scenarios").is_dir():
        return frozenset()
    with compiled_of(project) as kept:
        features = Loading(project, {}, kept).read([split_place("scenarios")], None, None)
    return frozenset(tag for feature in features for scenario in feature.scenarios for tag in scenario.tags)


class Loading:
    """One loading: what was read, and every mistake so far."""

    def __init__(self, project: Path, texts: Mapping[str, str], compiled: Compiled | None = None) -> None:
        self.project = project
        self.texts = texts
        self.compiled = compiled
        self.problems: list[Problem] = []
        self.digests: dict[str, str] = {}
        self.sources: dict[str, Source] = {}
        self.libraries: dict[str, dict[str, Fragment]] = {}
        self.verb_files: set[Path] = set()
        self.unread: list[str] = []  # files of verbs that were begun and not read to their end
        self.uses: dict[str, list[Path]] = {}
        self.around: Surroundings

    def read(self, places: Iterable[Place], registry: Registry | None, tables: Tables | None) -> list[Feature]:
        """Every feature of `places`, and what the project gives beside them; mistakes are noted."""
        self.surroundings(registry, tables)
        files: list[Path] = []
        try:
            files = find_files(places, self.project)
        except InputErrors as errors:
            self.problems += errors.problems
        if self.compiled is not None:
            table_file = self.project / "scenarios" / "tables.json"
            told = digest(table_file.read_bytes()) if table_file.is_file() else ""
            self.compiled.context = context([*self.digests.items(), ("tables.json", told)])
        features = [feature for path in files if (feature := self.feature(path)) is not None]
        self.same_ids(features)
        return features

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
        catalogues, roles, sessions = self.catalogues()
        named = frozenset(each.name for each in invariants) if invariants is not None else None
        self.around.known = Known(rules, named, catalogues, roles, sessions)

    def verbs(self, path: Path) -> None:
        """The verbs of a Python file; several scenario files may use the same one."""
        whole = path.resolve()
        if whole in self.verb_files:
            return
        first = all(whole.parent != each.parent for each in self.verb_files)
        self.verb_files.add(whole)
        shown = relative(path, self.project)
        self.digest(path)  # first: what comes after a file that cannot be run asks for it too
        self.unread.append(shown)
        load_verbs(path, self.around.registry, shown=shown, anew=first)
        self.unread.remove(shown)

    def catalogues(
        self,
    ) -> tuple[dict[str, Mapping[str, Any]] | None, dict[str, frozenset[str]], dict[str, frozenset[str]]]:
        """The rows of each catalogue by key; the roles that it gives, which are anonymous and the keys of its users; the
        session types that can be chosen, by key and id."""
        from harness.scenario.fixtures import catalogue, catalogues

        fixtures = self.project / "fixtures"
        if not (fixtures / "catalogues").is_dir():
            return None, {}, {}
        before = len(self.problems)
        rows: dict[str, Mapping[str, Any]] = {}
        roles: dict[str, frozenset[str]] = {}
        sessions: dict[str, frozenset[str]] = {}
        for name in catalogues(fixtures):
            try:
                made = catalogue(fixtures, name)
            except InputError as error:
                self.note_error(error)
                continue
            rows[name] = made.by_key()
            roles[name] = frozenset({"anonymous", *made.rows("User")})
            types = made.rows("SessionType")
            sessions[name] = frozenset({*types, *(str(row["id"]) for row in types.values() if "id" in row)})
            self.digest(fixtures / "catalogues" / f"{name}.yaml")
        if len(self.problems) > before:  # what a scenario names of one may be there
            return None, {}, {}
        return rows, roles, sessions

    def feature(self, path: Path) -> Feature | None:
        """One file; None when its mistakes (noted) leave nothing."""
        shown = relative(path, self.project)
        try:
            text: str | bytes = self.texts[shown] if shown in self.texts else read_bytes(path, shown)
        except InputError as error:
            self.note_error(error)
            return None
        data = text.encode() if isinstance(text, str) else text
        self.digests[shown] = digest(data)
        return (
            self.feature_of(text, shown, path) if self.compiled is None else self.kept(self.compiled, data, shown, path)
        )

    def kept(self, compiled: Compiled, data: bytes, shown: str, path: Path) -> Feature | None:
        """One file as it was read before, or read now and kept."""
        key = compiled.key(data, shown, *(f"{file} {self.digests[file]}" for file in self.verb_names()))
        uses = compiled.uses(shown, key)
        if uses is not None and self.used_again(uses) and (kept := compiled.feature(shown)) is not None:
            return kept
        before = len(self.problems)
        feature = self.feature_of(data, shown, path)
        if feature is not None and len(self.problems) == before:
            uses = {name: self.digests[name] for name in self.all_uses(shown)}
            return compiled.keep(shown, key, uses, feature)
        return feature

    def verb_names(self) -> list[str]:
        """The files of verbs that were run so far."""
        return sorted(relative(path, self.project) for path in self.verb_files)

    def used(self, shown: str, path: Path) -> None:
        """Notes that a file uses another one."""
        self.uses.setdefault(shown, []).append(path)

    def all_uses(self, shown: str) -> list[str]:
        """The names of the files that `shown` uses, and those that they use, each once."""
        found: dict[str, None] = {}
        waiting = [shown]
        while waiting:
            for path in self.uses.get(waiting.pop(), ()):
                name = relative(path, self.project)
                if name not in found:
                    found[name] = None
                    waiting.append(name)
        return list(found)

    def used_again(self, uses: Mapping[str, str]) -> bool:
        """Whether the files that one used are as they were; then their verbs are run, as reading would."""
        for name, told in uses.items():
            path = located(Path(name), self.project)
            if name not in self.digests:
                if not path.is_file():
                    return False
                self.digest(path)
            if self.digests[name] != told:
                return False
        for name in uses:
            if name.endswith(".py"):
                self.attempt(lambda name=name: self.verbs(located(Path(name), self.project)))
        return True

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
        with FileReader(self, root, shown, path) as reader:
            return reader.read()

    def library(self, path: Path, at: Node, using: tuple[str, ...]) -> dict[str, Fragment]:
        """The fragments of a file that another one uses."""
        shown = relative(path, self.project)
        if shown in self.libraries:
            return self.libraries[shown]
        if shown in using or len(using) == DEEPEST:
            what, remedy = f"Files use each other more than {DEEPEST} deep.", "Move fragments into one file."
            if shown in using:
                circle = " → ".join([*using[using.index(shown) :], shown])
                what, remedy = f"Files use each other in a circle: {circle}.", "Move the fragments into one file."
            self.problems.append(at.problem(what, remedy))
            return {}
        try:
            data = read_bytes(path, shown)
            self.digests[shown] = digest(data)
            root = parse(data, shown)
        except InputErrors as errors:
            self.problems += errors.problems
            return {}
        except InputError as error:
            self.problems.append(at.problem(f"{shown} cannot be used: {error.what}", error.remedy))
            return {}
        self.sources[shown] = root.source
        if not isinstance(root, MapNode):
            return self.libraries.setdefault(shown, {})
        with FileReader(self, root, shown, path, using) as reader:
            self.libraries[shown] = reader.fragments()
        return self.libraries[shown]

    def same_ids(self, features: Iterable[Feature]) -> None:
        """Two cases may not have one id."""
        first: dict[str, Position] = {}
        for feature in features:
            for scenario in feature.scenarios:
                other = first.setdefault(scenario.stem, scenario.position)
                if other != scenario.position and scenario.stem:
                    word = "id" if scenario.id else "title"
                    what = f"Another scenario has this {word}, at {other}."
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
        """Notes the sha256 of a file; that of a file of verbs is also about what it imports from beside it."""
        beside = (
            {relative(each, self.project): each for each in imported_from_beside(path)} if path.suffix == ".py" else {}
        )
        about = (f"{name} {digest(each.read_bytes())}" for name, each in beside.items())
        self.digests[relative(path, self.project)] = digest(path.read_bytes(), *about)
        for name, each in beside.items():
            if name not in self.digests:
                self.digest(each)

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
