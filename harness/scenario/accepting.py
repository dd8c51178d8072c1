"""What each matcher accepts, once its arguments are values."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import Struct

from harness.errors import InputError
from harness.scenario.equality import equal, order_key, untyped
from harness.scenario.instants import parse_duration
from harness.scenario.matchers import ABSENT, MATCHERS
from harness.scenario.scope import inserted, resolve
from harness.scenario.show import show
from harness.scenario.values import ListPattern, Literal, MapPattern, Matcher, Opaque, Reference, Template

__all__ = ["Acceptance"]

_ORDER = {"gt": operator.gt, "gte": operator.ge, "lt": operator.lt, "lte": operator.le}
_RESOLVED = (Literal, Reference, Template, MapPattern, ListPattern, Opaque)


class Acceptance(Struct, frozen=True):
    """Judges values by one matcher."""

    matcher: Matcher
    scope: Mapping[str, Any]
    now: datetime | None
    column_type: str | None = None

    @property
    def args(self) -> list[Any]:
        """The arguments as values; a matcher inside `not`, a compiled expression and plain text stay what they are."""
        return [resolve(arg, self.scope) if isinstance(arg, _RESOLVED) else arg for arg in self.matcher.args]

    def expected(self) -> str:
        """The matcher as a message shows it, references resolved."""
        if "$" not in self.matcher.text or self.matcher.name == "re":
            return self.matcher.text
        joint = "|" if self.matcher.name == "one of" else " "
        shown = joint.join(arg.text.strip("<>") if isinstance(arg, Matcher) else show(arg) for arg in self.args)
        return f"<{self.matcher.name} {shown}>"

    def accepts(self, actual: Any) -> bool:
        """Whether the matcher accepts `actual`; only `absent` accepts a missing value."""
        word = self.matcher.name
        if word == "absent" or actual is ABSENT:
            return word == "absent" and actual is ABSENT
        simple = MATCHERS[word].accepts
        if simple is not None:
            return simple(untyped(actual, self.column_type))
        if word in _ORDER or word == "between":
            return self._ordered(actual)
        return self._argued(word, actual)

    def _argued(self, word: str, actual: Any) -> bool:
        args = self.args
        if word == "one of":
            return any(self._holds(arg, actual) for arg in args)
        if word == "contains":
            return self._contains(actual, args[0])
        if word == "re":
            return isinstance(actual, str) and args[0].search(actual) is not None
        if word == "len":
            return _length(actual, args[0])
        return self._near_now(actual, args[0]) if word == "now" else not self._holds(args[0], actual)

    def _holds(self, inner: Any, actual: Any) -> bool:
        if isinstance(inner, Matcher):
            return Acceptance(inner, self.scope, self.now, self.column_type).accepts(actual)
        return equal(inner, actual, self.column_type)

    def _contains(self, actual: Any, wanted: Any) -> bool:
        if isinstance(actual, str | Mapping):
            referred = not isinstance(self.matcher.args[0], Literal)
            if referred and (wanted in (None, "") or isinstance(wanted, Mapping | list | tuple)):
                told = f"<contains> looks for a part of a text; {self._said(wanted)} is none."
                raise InputError(told, position=self.matcher.position)
            return inserted(wanted) in actual
        return isinstance(actual, Sequence) and any(equal(wanted, each) for each in actual)

    def _said(self, value: Any) -> str:
        """An argument as a message names it: the reference, and what it stands for."""
        return f"{self.matcher.text.strip('<>').partition(' ')[2]}, here {show(value)},"

    def _near_now(self, actual: Any, tolerance: str) -> bool:
        if self.now is None:
            raise InputError(f"{self.matcher.text} needs the scenario's clock.", position=self.matcher.position)
        moment = order_key(actual)
        allowed = parse_duration(tolerance[2:]) or timedelta()
        now = self.now.replace(tzinfo=UTC) if self.now.tzinfo is None else self.now
        return isinstance(moment, datetime) and abs(moment - now) <= allowed

    def _ordered(self, actual: Any) -> bool:
        """Values of different kinds (a number, a date) have no order, so nothing is greater or less."""
        value, *limits = [order_key(each) for each in (actual, *self.args)]
        for limit, arg in zip(limits, self.args, strict=True):
            if limit is None:  # what a reference stands for: the loader takes nothing else
                told = f"<{self.matcher.name}> compares numbers, dates and instants; {self._said(arg)} is none."
                raise InputError(told, position=self.matcher.position)
        if value is None or any(type(limit) is not type(value) for limit in limits):
            return False
        ordered: Any = value
        low: Any = limits[0]
        if self.matcher.name == "between":
            high: Any = limits[1]
            return bool(low <= ordered <= high)
        return bool(_ORDER[self.matcher.name](ordered, low))


def _length(actual: Any, wanted: str) -> bool:
    if not isinstance(actual, str | Sequence | Mapping):
        return False
    word, _, number = wanted.rpartition(" ")
    return bool(_ORDER[word.strip()](len(actual), int(number))) if word.strip() else len(actual) == int(number)
