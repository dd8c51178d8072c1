"""Reading one scenario file: its feature, fragments and scenarios."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from harness.scenario.fragmentreader import read_fragment
from harness.scenario.fragments import DEEPEST, Fragment
from harness.scenario.given import GivenReader
from harness.scenario.model import Feature, Scenario
from harness.scenario.scenarioreader import ScenarioReader
from harness.scenario.shapes import Reader, found
from harness.scenario.show import name_of
from harness.scenario.stepreader import StepReader
from harness.scenario.suggest import did_you_mean, nearest
from harness.scenario.yamltree import ListNode, MapNode, Node, ScalarNode

if TYPE_CHECKING:
    from harness.scenario.loader import Loading

__all__ = ["FILE_KEYS", "FileReader"]

FILE_KEYS: Mapping[str, str] = {
    "feature": "what the file is about",
    "use": "other files whose fragments (YAML) or verbs (Python) this one uses, relative to it",
    "given": "where every scenario of the file starts",
    "fragments": "named steps with arguments, for `call`",
    "scenarios": "the scenarios",
}


class FileReader:
    """Reads one file; its fragments are read when first called, so that order does not matter.

    Use it in a block: at its end it lets go of the file, for while files are read no collection breaks circles.
    """

    def __init__(self, loader: Loading, root: MapNode, shown: str, path: Path, using: tuple[str, ...] = ()) -> None:
        self.loader = loader
        self.root = root
        self.shown = shown
        self.path = path
        self.using = (*using, shown)
        self.made: dict[str, Fragment | None] = {}
        self.making: list[str] = []
        self.borrowed: dict[str, Fragment] = {}
        reader = Reader(loader.problems, loader.around.tables)
        self.steps = StepReader(
            loader.around.registry, reader, self.fragment, loader.around.known.invariants, loader.unread
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del self.steps.reader, self.steps, self.root  # they ask each other for branches and fragments

    def read(self) -> Feature:
        """The feature; mistakes are noted in the loader."""
        for key in self.root.entries:
            if key not in FILE_KEYS:
                self.note(
                    self.root.keys[key], f"A scenario file has no key {key}.", did_you_mean(key, FILE_KEYS, noun="keys")
                )
        self.use()
        name = self.name()
        self.fragments()
        given = self.root.get("given")
        if given is not None and not isinstance(given, MapNode):
            self.note(
                given,
                f"given is a map; found {found(given)}.",
                "Write `given: {catalog: production, visitor: anonymous}`.",
            )
            given = None
        scenarios = self.scenarios(name, given)
        return Feature(name, self.shown, tuple(scenarios))

    def name(self) -> str:
        node = self.root.get("feature")
        if node is None:
            self.note(self.root, "A scenario file needs a feature.", "Begin it with `feature: …`.")
        elif not isinstance(node, ScalarNode) or not isinstance(node.value, str):
            self.note(node, f"feature is text; found {found(node)}.")
        else:
            return name_of(node.value)
        return ""

    def scenarios(self, feature: str, given: MapNode | None) -> list[Scenario]:
        node = self.root.get("scenarios")
        if node is None:
            if "fragments" not in self.root.entries:
                self.given_alone(given)
                self.note(self.root, "The file has no scenarios.", "Add `scenarios: [ … ]`.")
            return []
        if not isinstance(node, ListNode) or not node.items:
            self.given_alone(given)
            self.note(
                node,
                f"scenarios is a list; found {found(node) if not isinstance(node, ListNode) else 'an empty one'}.",
                "Begin each with `- scenario: title`.",
            )
            return []
        reader = ScenarioReader(self.steps, self.loader.around.known, file=self.shown, feature=feature, given=given)
        lines = [item.line for item in node.items[1:]]
        ends = [line - 1 for line in lines] + [node.source.text.count("\n") + 1]
        read = [reader.read(item, end) for item, end in zip(node.items, ends, strict=True)]
        return [scenario for scenario in read if scenario is not None]

    def given_alone(self, given: MapNode | None) -> None:
        """The mistakes of the file's `given`, which is otherwise read with that of each scenario."""
        if given is not None:
            known = self.loader.around.known
            GivenReader(self.steps, known.catalogues, known.roles or {}).read_part(given)

    def use(self) -> None:
        """Fragments and verbs of the files named under `use`."""
        node = self.root.get("use")
        if node is None:
            return
        items = node.items if isinstance(node, ListNode) else []
        if not isinstance(node, ListNode):
            self.note(node, f"use is a list of files; found {found(node)}.", "Write `use: [fragments/booking.yaml]`.")
        for item in items:
            if not isinstance(item, ScalarNode) or not isinstance(item.value, str):
                self.note(item, f"use names files; found {found(item)}.")
                continue
            path = self.path.parent / item.value
            if not path.is_file():
                close = nearest(
                    path.name, [each.name for each in path.parent.iterdir()] if path.parent.is_dir() else []
                )
                remedy = f"Did you mean {close[0]}?" if close else "Write its path from this file."
                self.note(item, f"There is no {item.value} beside this file.", remedy)
                continue
            self.loader.used(self.shown, path)
            if path.suffix == ".py":
                self.loader.attempt(lambda path=path: self.loader.verbs(path))
            else:
                self.borrow(self.loader.library(path, item, self.using), item)

    def borrow(self, fragments: Mapping[str, Fragment], at: Node) -> None:
        for name, fragment in fragments.items():
            if name in self.borrowed and self.borrowed[name].position != fragment.position:
                self.note(
                    at, f"The fragment {name} comes from two files.", f"The other is at {self.borrowed[name].position}."
                )
            self.borrowed[name] = fragment

    def fragments(self) -> dict[str, Fragment]:
        """Every fragment of this file by name (with what it uses itself, when it is a library)."""
        if len(self.using) > 1:
            self.use()
        node = self.root.get("fragments")
        if node is None:
            return dict(self.borrowed)
        if not isinstance(node, MapNode):
            self.note(node, f"fragments is a map of names; found {found(node)}.", "Write `fragments: {name: [steps]}`.")
            return {}
        made = {name: self.fragment(name, node.keys[name]) for name in node.entries}
        return {name: fragment for name, fragment in made.items() if fragment is not None}

    def fragment_names(self) -> list[str]:
        node = self.root.get("fragments")
        return [*(node.entries if isinstance(node, MapNode) else ()), *self.borrowed]

    def fragment(self, name: str, at: Node) -> Fragment | None:
        """A fragment by name; what is wrong with the name or the fragment is noted."""
        if name in self.made:
            return self.made[name]
        node = self.root.get("fragments")
        if not isinstance(node, MapNode) or name not in node.entries:
            if name not in self.borrowed:
                names = self.fragment_names()
                remedy = did_you_mean(name, names, noun="fragments") if names else "This file has no fragments."
                self.note(at, f"There is no fragment {name}.", remedy)
            return self.borrowed.get(name)
        if name in self.making:
            circle = " → ".join([*self.making[self.making.index(name) :], name])
            self.note(at, f"Fragments call each other in a circle: {circle}.", "A fragment cannot call itself.")
            return None
        if len(self.making) == DEEPEST:
            self.note(at, f"Fragments call each other more than {DEEPEST} deep.", "Call fewer of them from each other.")
            return None
        self.making.append(name)
        before = self.steps.calls, self.steps.called
        self.made[name] = read_fragment(self.steps, node.keys[name], node.entries[name])
        self.steps.calls, self.steps.called = before
        self.making.pop()
        return self.made[name]

    def note(self, node: Node, what: str, remedy: str = "") -> None:
        self.loader.problems.append(node.problem(what, remedy))
