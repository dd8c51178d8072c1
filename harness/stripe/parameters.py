"""Checked reading of nested parameters; every mistake is a 400 that names the parameter."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from harness.stripe.refusals import Refusal, missing_parameter, unknown_parameter

__all__ = ["Parameters", "metadata_of"]

_MOST_KEYS, _LONGEST_KEY, _LONGEST_VALUE = 50, 40, 500


class Parameters:
    """One hash of parameters; `prefix` names it in messages: `line_items[0]`."""

    def __init__(self, values: Any, prefix: str = "") -> None:
        if not isinstance(values, dict):
            raise Refusal(400, f"Invalid {prefix or 'request'}: must be a hash", param=prefix or None)
        self.values: dict[str, Any] = values
        self._prefix = prefix

    def name(self, key: str) -> str:
        return f"{self._prefix}[{key}]" if self._prefix else key

    def only(self, allowed: Collection[str]) -> None:
        for key in self.values:
            if key not in allowed:
                raise unknown_parameter(self.name(key))

    def text(self, key: str) -> str | None:
        value = self.values.get(key)
        if value is None or isinstance(value, str):
            return value or None
        raise Refusal(400, f"Invalid string: {self.name(key)}", param=self.name(key))

    def needed(self, key: str) -> str:
        value = self.text(key)
        if value is None:
            raise missing_parameter(self.name(key))
        return value

    def integer(self, key: str) -> int | None:
        value = self.text(key)
        if value is None:
            return None
        digits = value.removeprefix("-")
        if not (digits.isascii() and digits.isdigit() and len(digits) < 15):
            raise Refusal(400, f"Invalid integer: {value[:40]}", param=self.name(key), code="parameter_invalid_integer")
        return int(value)

    def choice(self, key: str, allowed: Collection[str]) -> str | None:
        value = self.text(key)
        if value is not None and value not in allowed:
            text = f"Invalid {self.name(key)}: must be one of {', '.join(allowed)}"
            raise Refusal(400, text, param=self.name(key))
        return value

    def hash(self, key: str) -> Parameters | None:
        value = self.values.get(key)
        return None if value is None or value == "" else Parameters(value, self.name(key))

    def hashes(self, key: str) -> list[Parameters]:
        value = self.values.get(key)
        if value is None or value == "":
            return []
        if not isinstance(value, list):
            raise Refusal(400, f"Invalid array: {self.name(key)}", param=self.name(key))
        return [Parameters(item, f"{self.name(key)}[{number}]") for number, item in enumerate(value)]

    def texts(self, key: str) -> list[str]:
        value = self.values.get(key)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise Refusal(400, f"Invalid array: {self.name(key)}", param=self.name(key))
        return value


def metadata_of(parameters: Parameters | None) -> dict[str, str]:
    """At most 50 keys of 40 characters with values of 500."""
    if parameters is None:
        return {}
    values = {key: value for key, value in parameters.values.items() if value != ""}
    if len(values) > _MOST_KEYS:
        raise Refusal(400, f"Metadata can have at most {_MOST_KEYS} keys.", param="metadata")
    for key, value in values.items():
        if len(key) > _LONGEST_KEY or not isinstance(value, str) or len(value) > _LONGEST_VALUE:
            raise Refusal(400, f"Invalid metadata: key {key[:60]!r} or its value is too long", param=f"metadata[{key}]")
    return values
