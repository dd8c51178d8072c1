"""Reading steps and checks: from the tree to `Step` and `CheckSpec`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from msgspec.structs import replace

from harness.errors import InputError, InputErrors, Problem
from harness.scenario.arguments import DURATION
from harness.scenario.checkshapes import TEXT
from harness.scenario.fragments import Fragment, instantiate
from harness.scenario.knownvalues import misfits, named_in_steps
from harness.scenario.model import CheckSpec, Eventually, Step
from harness.scenario.registry import Registry, Verb, bind
from harness.scenario.shapes import Reader, found
from harness.scenario.show import name_of
from harness.scenario.suggest import did_you_mean, nearest
from harness.scenario.titles import brief, title
from harness.scenario.values import Literal, MapPattern, Pattern, compile_node, references
from harness.scenario.yamltree import ListNode, MapNode, Node, ScalarNode

__all__ = ["MODIFIERS", "StepReader"]

MODIFIERS: Mapping[str, str] = {
    "as": "keeps the outcome under a name, for $name",
    "by": "who does it: an actor of `given`, or a role",
    "expect": "what the answer must be: {status, headers, body, text, outcome}",
    "then": "checks to make right after this step",
    "eventually": "how long the checks under then may be tried again, and a GET be sent again until expect holds: 5s, or "
    "{within, every, stop_if}",
    "name": "what reports call this step",
}
_CALL_KEYS = ("fragment", "with")


class StepReader:
    """Reads the steps of one file; `fragment` finds a fragment by name (None: there is none); `invariants` are the
    project's, None when they are not known; `unread` names the files of verbs that cannot be read."""

    def __init__(
        self,
        registry: Registry,
        reader: Reader,
        fragment: Callable[[str, Node], Fragment | None],
        invariants: frozenset[str] | None = None,
        unread: Sequence[str] = (),
    ) -> None:
        self.registry = registry
        self.reader = Reader(reader.problems, reader.tables, self.branch)
        self.fragment = fragment
        self.invariants = invariants
        self.unread = unread
        self.calls = self.called = 0  # how often fragments are called, and how many steps come of that

    def steps(self, node: Node) -> tuple[Step, ...]:
        """The steps of a list, fragments put in. Mistakes are noted."""
        if not isinstance(node, ListNode):
            self.note(node, f"Expected a list of steps; found {found(node)}.", "Begin each step with `- `.")
            return ()
        return tuple(step for item in node.items for step in self.step(item))

    def branch(self, node: Node) -> tuple[Step, ...]:
        """The steps of a list inside a step. They run beside others, so nothing can be looked at between them."""
        read: list[Step] = []
        for item in node.items if isinstance(node, ListNode) else ():
            steps = self.step(item)
            looking = next((step for step in steps if step.then or step.eventually), None)
            if looking is not None:
                called = isinstance(item, MapNode) and "call" in item.entries
                word = "then" if looking.then else "eventually"
                where = item.keys[word] if isinstance(item, MapNode) and word in item.entries else item
                what = f"The fragment has {word} in a step" if called else f"A step here has no {word}"
                self.note(
                    where,
                    f"{what}: what is seen meanwhile may be another branch's doing.",
                    "Write expect for its answer; put checks under the then of the step around it.",
                )
            read += steps
        return tuple(read)

    def step(self, node: Node) -> tuple[Step, ...]:
        """One step; several when it calls a fragment; none when it is mistaken beyond reading."""
        if not isinstance(node, MapNode):
            remedy = "Write `verb: arguments`."
            if isinstance(node, ScalarNode) and node.text in self.registry.verbs:
                remedy = f"Write `{node.text}: {{}}`."
            self.note(node, f"A step is a map with one verb; found {found(node)}.", remedy)
            return ()
        if "call" in node.entries:
            return self.call(node)
        name = self.verb_of(node)
        return (self.verb_step(node, self.registry.verbs[name]),) if name else ()

    def verb_of(self, node: MapNode) -> str | None:
        """The verb of a step, after noting everything that keeps it from having exactly one."""
        verbs = [key for key in node.entries if key in self.registry.verbs]
        beside = self.registry.verbs[verbs[0]].beside if verbs else ()
        known = [*self.registry.verbs, *MODIFIERS, "call"]
        for key in node.entries:
            if key not in verbs and key not in MODIFIERS and key not in beside:
                what = f"A step has no key {key}." if verbs else f"There is no verb {key}."
                self.note(node.keys[key], what, self.key_hint(key, [*MODIFIERS, *beside] if verbs else known))
        if len(verbs) > 1:
            self.note(
                node.keys[verbs[1]], f"One step, two verbs: {verbs[0]} and {verbs[1]}.", "Begin another step with `- `."
            )
        if not verbs and all(key in MODIFIERS for key in node.entries):
            self.note(
                node,
                "A step needs a verb; here are only modifiers.",
                f"Verbs: {', '.join(sorted(self.registry.verbs)[:12])}…",
            )
        return verbs[0] if verbs else None

    def key_hint(self, key: str, known: list[str]) -> str:
        """What to do about a key that a step does not have: the nearest one, or where it belongs."""
        if key in self.registry.checks:
            return f"{key} is a check: it stands under then."
        if self.unread:
            return f"It may be one of {', '.join(self.unread)}, which cannot be read."
        close = nearest(key, known)
        return f"Did you mean {close[0]}?" if close else f"Verbs: {', '.join(sorted(self.registry.verbs))}."

    def verb_step(self, node: MapNode, verb: Verb) -> Step:
        value = node.entries[verb.name]
        args = self.arguments(node, verb, value)
        name = self.text(node, "name")
        eventually = self.eventually(node)
        expect = node.get("expect")
        step = Step(
            verb=verb.name,
            args=args,
            position=node.keys[verb.name].position,
            title=name or title(verb, value),
            as_=self.name_of(node),
            by=self.text(node, "by"),
            expect=self.response(expect) if expect is not None else None,
            then=self.checks(node.entries["then"], eventually) if "then" in node.entries else (),
            eventually=eventually,
            name=name,
        )
        if eventually and not step.then and not step.asks_again:
            what = (
                f"{verb.name} is not sent again, so its answer stays as it is."
                if step.expect
                else "Nothing to try again: the step has no checks."
            )
            remedy = "Add checks under then: they are looked at again. A request by GET is sent again."
            self.note(node.keys["eventually"], what, remedy if step.expect else "Add then.")
        return step

    def arguments(self, node: MapNode, verb: Verb, value: Node) -> MapPattern:
        """The arguments of a verb by name, the shorthand spelt out, those beside it taken in."""
        before = len(self.reader.problems)
        beside = {key: node.entries[key] for key in verb.beside if key in node.entries}
        if isinstance(value, ScalarNode) and value.text == "" and value.plain:
            value = MapNode(value.source, value.line, value.column, {}, {})
        if isinstance(value, MapNode):
            merged = MapNode(
                value.source, value.line, value.column, {**value.entries, **beside}, {**value.keys, **node.keys}
            )
            args = verb.shape.read(merged, self.reader)
        else:
            args = self.shorthand(verb, value, beside)
        if not isinstance(args, MapPattern):
            return MapPattern({}, value.position)
        if len(self.reader.problems) == before and hasattr(verb.args_type, "__post_init__"):
            self.try_binding(verb, args)
        return args

    def shorthand(self, verb: Verb, value: Node, beside: Mapping[str, Node]) -> Pattern:
        key = verb.shorthand
        if key is None:
            keys = ", ".join(verb.shape.fields) or "no arguments"
            self.note(value, f"{verb.name} takes a map; found {found(value)}.", f"Write {{…}} with {keys}.")
            return MapPattern({}, value.position)
        entries = {
            each: verb.shape.fields[each].shape.read(node, self.reader) for each, node in {key: value, **beside}.items()
        }
        for each, field in verb.shape.fields.items():
            if field.required and each not in entries:
                self.note(
                    value,
                    f"{verb.name} needs {each}: {field.shape.expected}.",
                    f"Write {verb.name}: {{{key}: …, {each}: …}}.",
                )
        return MapPattern(entries, value.position)

    def try_binding(self, verb: Verb, args: MapPattern) -> None:
        """What the arguments' own constructor refuses is told at load, when no reference has to be waited for."""
        if any(True for _ in references(args)):
            return
        try:
            bind(verb.args_type, args, {})
        except InputErrors as errors:
            self.reader.problems += errors.problems
        except InputError as error:
            position = error.position or args.position
            self.reader.problems.append(Problem(position, error.what, error.remedy))

    def call(self, node: MapNode) -> tuple[Step, ...]:
        """The steps of the fragment that is called."""
        for key in node.entries:
            if key not in {"call", "as", "name"}:
                self.note(
                    node.keys[key], f"A call has no key {key}.", did_you_mean(key, ["call", "as", "name"], noun="keys")
                )
        target = node.entries["call"]
        name, args = self.call_target(target)
        if name is None:
            return ()
        where = (target.get("fragment") if isinstance(target, MapNode) else None) or target
        fragment = self.fragment(name, where)
        sent = args.keys() if fragment is None else fragment.sent | (args.keys() - fragment.parameters.keys())
        values = {
            key: compile_node(value, sending=key in sent, problems=self.reader.problems)
            for key, (_, value) in args.items()
        }
        if fragment is None or not self.call_fits(fragment, args, where):
            return ()
        self.calls += 1
        self.called += fragment.size
        if beyond := fragment.beyond(self.called):
            self.note(where, beyond, "Call fewer fragments from each other.")
            return ()
        prefix = self.name_of(node) or f"{name}~{self.calls}"
        self.reader.problems += misfits(named_in_steps(fragment.steps), fragment.values(values), self.reader.tables)
        try:
            return instantiate(fragment, values, prefix)
        except InputError as error:
            self.reader.problems.append(Problem(error.position, error.what, error.remedy))
            return ()

    def call_target(self, node: Node) -> tuple[str | None, dict[str, tuple[Node, Node]]]:
        """The fragment that is called, and its arguments: each key and value as they stand in the file."""
        if isinstance(node, ScalarNode) and isinstance(node.value, str):
            return node.value, {}
        name = node.get("fragment") if isinstance(node, MapNode) else None
        if not isinstance(node, MapNode) or not isinstance(name, ScalarNode) or not isinstance(name.value, str):
            self.note(node, "call names a fragment.", "Write `call: name` or `call: {fragment: name, with: {…}}`.")
            return None, {}
        for key in node.entries:
            if key not in _CALL_KEYS:
                self.note(node.keys[key], f"call has no key {key}.", did_you_mean(key, _CALL_KEYS, noun="keys"))
        given = node.get("with")
        if given is not None and not isinstance(given, MapNode):
            self.note(given, f"with is a map of arguments; found {found(given)}.")
            return name.value, {}
        entries = given.entries if given is not None else {}
        keys: Mapping[str, Node] = given.keys if given is not None else {}
        return name.value, {key: (keys[key], value) for key, value in entries.items()}

    def call_fits(self, fragment: Fragment, args: Mapping[str, tuple[Node, Node]], where: Node) -> bool:
        fits = True
        for key, (node, _) in args.items():
            if key not in fragment.parameters:
                fits = False
                self.note(
                    node,
                    f"The fragment {fragment.name} takes no {key}.",
                    did_you_mean(key, fragment.parameters, noun="arguments"),
                )
        for key, default in fragment.parameters.items():
            if default is None and key not in args:
                fits = False
                self.note(
                    where,
                    f"The fragment {fragment.name} needs {key}.",
                    f"Write `call: {{fragment: {fragment.name}, with: {{{key}: …}}}}`.",
                )
        return fits

    def checks(self, node: Node, eventually: Eventually | None = None) -> tuple[CheckSpec, ...]:
        """The checks of a list; those that say nothing of it themselves are tried again as `eventually` says."""
        if not isinstance(node, ListNode):
            self.note(node, f"Expected a list of checks; found {found(node)}.", "Begin each check with `- `.")
            return ()
        if not node.items:
            self.note(node, "An empty list checks nothing.", "Fill it, or remove it.")
        read = [check for item in node.items if (check := self.check(item)) is not None]
        if eventually is None:
            return tuple(read)
        stays = {"response"}  # the answer that came is what it is
        return tuple(
            each if each.eventually or each.kind in stays else replace(each, eventually=eventually) for each in read
        )

    def check(self, node: Node) -> CheckSpec | None:
        """One check, or None when it is mistaken beyond reading."""
        kinds = self.registry.checks
        if not isinstance(node, MapNode):
            known = isinstance(node, ScalarNode) and node.text in kinds
            remedy = (
                f"Write `{node.text}: …`." if known and isinstance(node, ScalarNode) else f"Checks: {', '.join(kinds)}."
            )
            self.note(node, f"A check is a map with one kind; found {found(node)}.", remedy)
            return None
        named = [key for key in node.entries if key in kinds]
        for key in node.entries:
            if key not in kinds and key != "eventually":
                verb = key in self.registry.verbs
                remedy = f"{key} is a verb: it stands under when." if verb else ""
                self.note(
                    node.keys[key],
                    f"There is no check {key}.",
                    remedy or did_you_mean(key, [*kinds, "eventually"], noun="checks"),
                )
        if len(named) > 1:
            self.note(
                node.keys[named[1]],
                f"One check, two kinds: {named[0]} and {named[1]}.",
                "Begin another check with `- `.",
            )
        if not named:
            if node.entries.keys() <= {"eventually"}:
                self.note(node, "A check needs a kind.", f"Checks: {', '.join(kinds)}.")
            return None
        kind = kinds[named[0]]
        value = node.entries[kind.name]
        pattern = kind.declared.shape.read(value, self.reader)
        if kind.name == "invariant":
            self.invariants_named(value)
        return CheckSpec(kind.name, pattern, node.keys[kind.name].position, self.eventually(node), brief(value))

    def invariants_named(self, node: Node) -> None:
        for each in node.items if isinstance(node, ListNode) else [node]:
            named = each.value if isinstance(each, ScalarNode) else None
            if self.invariants is not None and isinstance(named, str) and named not in self.invariants | {""}:
                remedy = did_you_mean(named, self.invariants, noun="invariants")
                self.note(each, f"There is no invariant {named}.", remedy)

    def response(self, node: Node) -> CheckSpec:
        pattern = self.registry.checks["response"].declared.shape.read(node, self.reader)
        return CheckSpec("response", pattern, node.position, None, brief(node))

    def eventually(self, node: MapNode) -> Eventually | None:
        given = node.get("eventually")
        if given is None:
            return None
        if isinstance(given, MapNode):
            return self.eventually_map(given)
        within = self.duration(given)
        return Eventually(within) if within is not None else None

    def eventually_map(self, node: MapNode) -> Eventually | None:
        for key in node.entries:
            if key not in {"within", "every", "stop_if"}:
                self.note(
                    node.keys[key], f"eventually has no key {key}.", did_you_mean(key, ["within", "every", "stop_if"])
                )
        if "within" not in node.entries:
            self.note(node, "eventually needs within: a duration such as 5s.")
            return None
        within = self.duration(node.entries["within"])
        every = self.duration(node.entries["every"]) if "every" in node.entries else timedelta(milliseconds=50)
        stop = self.check(node.entries["stop_if"]) if "stop_if" in node.entries else None
        return Eventually(within, every, stop) if within is not None and every is not None else None

    def duration(self, node: Node) -> timedelta | None:
        before = len(self.reader.problems)
        pattern = DURATION.read(node, self.reader)
        if len(self.reader.problems) > before or not isinstance(pattern, Literal):
            if len(self.reader.problems) == before:
                self.note(node, "A reference cannot stand here.", "Write a duration such as 5s.")
            return None
        length: timedelta = DURATION.parse(pattern.value)
        if length <= timedelta():
            self.note(node, "A waiting time is greater than zero.", "Write a duration such as 5s.")
            return None
        return length

    def name_of(self, node: MapNode) -> str | None:
        """The name under `as`, when it can be one."""
        given = node.get("as")
        if given is None:
            return None
        name = given.value if isinstance(given, ScalarNode) else None
        if isinstance(name, str) and name.replace("-", "_").isidentifier() and name.isascii():
            return name
        self.note(
            given, f"as gives a name; found {found(given)}.", "Write letters, digits and underscores: `as: booking`."
        )
        return None

    def text(self, node: MapNode, key: str) -> str | None:
        given = node.get(key)
        if given is None:
            return None
        if isinstance(given, ScalarNode) and isinstance(given.value, str) and given.value:
            return name_of(given.value)
        self.note(given, f"{key} is {TEXT.expected}; found {found(given)}.")
        return None

    def note(self, node: Node, what: str, remedy: str = "") -> None:
        self.reader.note(node, what, remedy)
