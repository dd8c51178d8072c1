"""Reading one scenario: from the tree to `Scenario`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from msgspec import Struct

from harness.errors import InputError, InputErrors, Problem
from harness.scenario.clock import moved
from harness.scenario.fragments import all_steps, inner_steps
from harness.scenario.given import GivenPatterns, GivenReader, merged
from harness.scenario.instants import show_instant
from harness.scenario.knownvalues import misfits, named_in_checks, named_in_rows, named_in_steps
from harness.scenario.model import BUILTIN_NAMES, DEFAULT_CLOCK, Given, Scenario, Script, Step
from harness.scenario.names import NameCheck
from harness.scenario.parameters import ParameterReader
from harness.scenario.registry import bind
from harness.scenario.scope import inserted
from harness.scenario.shapes import found
from harness.scenario.show import name_of
from harness.scenario.stepreader import StepReader
from harness.scenario.suggest import did_you_mean
from harness.scenario.values import Literal, MapPattern, Reference, references
from harness.scenario.yamltree import ListNode, MapNode, Node, ScalarNode

__all__ = ["SCENARIO_KEYS", "Known", "ScenarioReader"]

SCENARIO_KEYS: Mapping[str, str] = {
    "scenario": "the title: what happens, in a sentence",
    "id": "a short id that stays when the title changes",
    "tags": "words to select by: [anonymous, smoke]",
    "covers": "ids of the rules that it exercises: [R03, B07]",
    "given": "where it starts; on top of the file's given",
    "matrix": "every combination of these values is a case: {session: [intro-call, office-hours]}",
    "examples": "each row is a case: a list of maps, or a list of lists whose first names the columns",
    "repeat": "how often each case is run",
    "skip": "why it is not run for now",
    "origin": "where the scenario comes from: a ticket, an incident",
    "waive": "invariants that do not hold here, each with the reason: {name: reason}",
    "when": "the steps",
    "then": "the checks after the last step",
}
_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*\Z")
_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]*\Z")


_ID = re.compile(r"[0-9a-f]{8}-")


class Known(Struct, frozen=True):
    """What names a scenario may use beside its own; None means that they are not checked."""

    rules: Mapping[str, str] | None = None
    invariants: frozenset[str] | None = None
    catalogues: Mapping[str, Mapping[str, Any]] | None = None
    roles: Mapping[str, frozenset[str]] | None = None
    sessions: Mapping[str, frozenset[str]] | None = None


class ScenarioReader:
    """Reads the scenarios of one file."""

    def __init__(self, steps: StepReader, known: Known, *, file: str, feature: str, given: MapNode | None) -> None:
        self.steps = steps
        self.problems = steps.reader.problems
        self.known = known
        self.file = file
        self.feature = feature
        self.outer = given
        self.givens = GivenReader(steps, known.catalogues, known.roles or {})

    def read(self, node: Node, last_line: int) -> Scenario | None:
        """The scenario, or None when it is mistaken beyond reading; mistakes are noted."""
        if not isinstance(node, MapNode):
            self.note(node, f"A scenario is a map; found {found(node)}.", "Begin it with `- scenario: title`.")
            return None
        for key in node.entries:
            if key not in SCENARIO_KEYS:
                self.note(
                    node.keys[key], f"A scenario has no key {key}.", did_you_mean(key, SCENARIO_KEYS, noun="keys")
                )
        title = self.text(node, "scenario")
        if "scenario" not in node.entries:
            self.note(node, "A scenario needs a title.", "Begin it with `- scenario: title`.")
        self.steps.calls = self.steps.called = 0
        given = self.given(node)
        params = ParameterReader(self.problems).read(node)
        when = self.steps.steps(node.entries["when"]) if "when" in node.entries else ()
        then = self.steps.checks(node.entries["then"]) if "then" in node.entries else ()
        self.complete(node, when, bool(then))
        script = Script(given.make, when, then)
        scenario = Scenario(
            title=title or "",
            file=self.file,
            position=node.keys.get("scenario", node).position,
            feature=self.feature,
            held=script,
            id=self.slug(node),
            tags=self.words(node, "tags"),
            covers=self.covers(node),
            rows_of_params=params,
            repeat=self.repeat(node),
            skip=self.text(node, "skip"),
            origin=self.text(node, "origin"),
            waived=self.waived(node),
            last_line=last_line,
            secrets=_secrets(given, params),
        )
        self.names(node, scenario, script, given)
        self.known_values(scenario, script, given)
        self.actors(scenario, script)
        return scenario

    def given(self, node: MapNode) -> GivenPatterns:
        inner = node.get("given")
        if inner is not None and not isinstance(inner, MapNode):
            self.note(
                inner,
                f"given is a map; found {found(inner)}.",
                "Write `given: {catalog: production, visitor: anonymous}`.",
            )
            inner = None
        return self.givens.read(merged(self.outer, inner, node), node)

    def complete(self, node: MapNode, when: tuple[Step, ...], then: bool) -> None:
        if "when" not in node.entries:
            self.note(node, "A scenario needs steps.", "Write `when: [ … ]`.")
        elif isinstance(node.entries["when"], ListNode) and not node.entries["when"].items:
            self.note(node.entries["when"], "The scenario has no steps.", "Add a step.")
        elif when and not then and "then" not in node.entries and not any(_checks(step) for step in when):
            self.note(node, "This scenario checks nothing.", "Add then, or expect in a step.")

    def slug(self, node: MapNode) -> str | None:
        text = self.text(node, "id")
        if text and not _SLUG.match(text):
            self.note(node.entries["id"], f"{text} cannot be an id.", "Use letters, digits, ., _ and -.")
            return None
        return text

    def words(self, node: MapNode, key: str) -> tuple[str, ...]:
        given = node.get(key)
        if given is None:
            return ()
        if not isinstance(given, ListNode):
            self.note(given, f"{key} is a list; found {found(given)}.", f"Write `{key}: [ … ]`.")
            return ()
        words: dict[str, None] = {}
        for item in given.items:
            text = item.text if isinstance(item, ScalarNode) else ""
            if not _TAG.match(text) or (key == "tags" and text in {"and", "or", "not"}):
                self.note(item, f"{found(item)} cannot stand in {key}.", "Use letters, digits, ., _, : and -.")
            elif text in words:
                self.note(item, f"{text} stands here twice.", "Remove one.")
            else:
                words[text] = None
        return tuple(words)

    def covers(self, node: MapNode) -> tuple[str, ...]:
        ids = self.words(node, "covers")
        given = node.get("covers")
        if self.known.rules is not None and isinstance(given, ListNode):
            for item in given.items:
                if isinstance(item, ScalarNode) and item.text in ids and item.text not in self.known.rules:
                    self.note(item, f"There is no rule {item.text}.", self.rule_hint(item.text))
        return ids

    def rule_hint(self, text: str) -> str:
        same = text.upper() if text.upper() in (self.known.rules or {}) else ""
        return f"Did you mean {same}?" if same else "The rules are in scenarios/rules.yaml."

    def repeat(self, node: MapNode) -> int:
        given = node.get("repeat")
        if given is None:
            return 1
        if (
            isinstance(given, ScalarNode)
            and isinstance(given.value, int)
            and not isinstance(given.value, bool)
            and 1 <= given.value <= 1000
        ):
            return given.value
        self.note(given, f"repeat is a number from 1 to 1000; found {found(given)}.")
        return 1

    def waived(self, node: MapNode) -> Mapping[str, str]:
        given = node.get("waive")
        if given is None:
            return {}
        if not isinstance(given, MapNode):
            self.note(
                given,
                f"waive is a map of invariant to reason; found {found(given)}.",
                "Write `waive: {name: why it does not hold here}`.",
            )
            return {}
        reasons: dict[str, str] = {}
        for key, value in given.entries.items():
            if self.known.invariants is not None and key not in self.known.invariants:
                self.note(
                    given.keys[key],
                    f"There is no invariant {key}.",
                    did_you_mean(key, self.known.invariants, noun="invariants"),
                )
            if not isinstance(value, ScalarNode) or not isinstance(value.value, str) or not value.value.strip():
                self.note(value, f"Waiving {key} needs a reason.", "Say why it does not hold here.")
                continue
            reasons[key] = value.value
        return reasons

    def text(self, node: MapNode, key: str) -> str | None:
        given = node.get(key)
        if given is None:
            return None
        if isinstance(given, ScalarNode) and isinstance(given.value, str) and given.value.strip():
            return name_of(given.value)
        self.note(
            given,
            f"{key} is text; found {found(given)}.",
            'Quote it: "…".' if isinstance(given, ScalarNode) and given.text else "",
        )
        return None

    def names(self, node: MapNode, scenario: Scenario, script: Script, given: GivenPatterns) -> None:
        """Every name is known where it stands; every capture and every axis of the matrix is used."""
        matrix = node.get("matrix")
        axes = matrix.keys if isinstance(matrix, MapNode) else {}
        names = {*scenario.rows_of_params[0], *axes}
        catalogue = self.catalogue(given)
        named = given.patterns.get("secrets")
        secrets = tuple(named.entries) if isinstance(named, MapPattern) else ()
        check = NameCheck({*BUILTIN_NAMES, *names}, catalogue, secrets=secrets, parameters=names)
        before = NameCheck({"catalog", "now", "seed", "secrets", "case", *names}, catalogue, secrets=secrets)
        before.pattern(given.patterns)
        before.steps(given.faults)
        check.steps(script.when)
        for each in script.then:
            check.check(each)
        check.unused()
        used = check.used | before.used | set(re.findall(r"\$\{?([\w-]+)", scenario.title))
        for key in axes.values():
            if key.text not in used:
                self.note(
                    key, f"Nothing uses ${key.text}.", "Each value makes a case; without a use they are all the same."
                )
        self.problems += before.problems + check.problems

    def known_values(self, scenario: Scenario, script: Script, given: GivenPatterns) -> None:
        """No value of a case, of the catalogue or of the run stands where it never is."""
        sent = named_in_rows(given.patterns.get("rows"))
        places = [*named_in_steps(script.when), *named_in_checks(script.then), *sent]
        facts = {"seed": 1, "case": 1, "now": show_instant(DEFAULT_CLOCK), "catalog": self.catalogue(given) or {}}
        for params in scenario.rows_of_params if places else ():
            values = {name: Literal(value, scenario.position) for name, value in {**facts, **params}.items()}
            self.problems += misfits(places, values, self.steps.reader.tables, at=scenario.position)

    def catalogue(self, given: GivenPatterns) -> Mapping[str, Any] | None:
        name = given.patterns.get("catalog")
        value = getattr(name, "value", None)
        return (self.known.catalogues or {}).get(value) if isinstance(value, str) else None

    def actors(self, scenario: Scenario, script: Script) -> None:
        """In every case, the visitors have roles that there are, and every `by` names one of them."""
        for params in scenario.rows_of_params:
            try:
                given = script.given_of(params)
            except InputError as error:
                if not any(problem.position == error.position for problem in self.problems):
                    self.problems.append(Problem(error.position, error.what, error.remedy))
                return
            roles = (self.known.roles or {}).get(given.catalog)
            if roles is not None:
                self.roles(given, roles)
                self.who(script, params, {*given.actors, *roles})
            self.times(script, given, params)
            self.chosen(script, params, (self.known.sessions or {}).get(given.catalog))

    def roles(self, given: Given, roles: frozenset[str]) -> None:
        for role in given.actors.values():
            if role not in roles and not any(f"no role {role}." in problem.what for problem in self.problems):
                self.problems.append(Problem(given.position, f"There is no role {role}.", did_you_mean(role, roles)))

    def who(self, script: Script, params: Mapping[str, Any], known: set[str]) -> None:
        for step in all_steps(script.when):
            by = inserted(params[step.by[1:]]) if step.by and step.by[1:] in params else step.by
            if by and "$" not in by and by not in known:
                remedy = did_you_mean(by, known, noun="actors")
                self.problems.append(Problem(step.position, f"Nobody here is called {by}.", remedy))

    def times(self, script: Script, given: Given, params: Mapping[str, Any]) -> None:
        """As far as it is known before the run where the clock stands, no step sets it back."""
        now = given.clock
        for step in script.when:
            if step.verb != "clock":
                if any(inner.verb == "clock" for inner in all_steps(inner_steps(step))):
                    return
                continue
            if any(reference.name not in params for reference in references(step.args)):
                return
            try:
                args = bind(self.steps.registry.verbs["clock"].args_type, step.args, params)
            except (InputError, InputErrors):
                return  # no place in time: told where it is read, or by its step
            try:
                now = moved(now, by=args.by, to=args.to)
            except InputError as error:
                told = Problem(step.position, error.what, error.remedy)
                if told not in self.problems:
                    self.problems.append(told)
                return

    def chosen(self, script: Script, params: Mapping[str, Any], known: frozenset[str] | None) -> None:
        """Every session type that is chosen by name is one of the catalogue's."""
        if known is None:
            return
        for step in all_steps(script.when):
            pattern = step.args.get("session") if step.verb == "select_session" else None
            named = getattr(pattern, "value", None)
            if isinstance(pattern, Reference) and not pattern.path:
                named = params.get(pattern.name)
            if pattern is not None and isinstance(named, str) and named not in known:
                what = f"The catalogue has no session type {named}."
                shown = [each for each in known if not _ID.match(each)]
                self.problems.append(Problem(pattern.position, what, did_you_mean(named, shown, noun="session types")))

    def note(self, node: Node, what: str, remedy: str = "") -> None:
        self.problems.append(node.problem(what, remedy))


def _secrets(given: GivenPatterns, rows: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """What no report may hold, in any of the cases; a mistake in where a case starts is told when its actors are read."""
    if "secrets" not in given.patterns:
        return ()
    found: dict[str, None] = {}
    for params in rows:
        with suppress(InputError):
            found.update(dict.fromkeys(given.make(params).secrets.values()))
    return tuple(found)


def _checks(step: Step) -> bool:
    return bool(step.checks) or "outcomes" in step.args.entries or any(_checks(inner) for inner in inner_steps(step))
