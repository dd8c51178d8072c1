"""Form-encoded parameters with brackets, as Stripe takes them: `line_items[0][quantity]=1` → nested values."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

from harness.stripe.refusals import Refusal

__all__ = ["parse_form"]

_KEY = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_DEEPEST = 8


def parse_form(text: str) -> dict[str, Any]:
    """Nested dictionaries and lists of texts. Raises Refusal 400 for a key that is none or nests too deeply."""
    root: dict[str, Any] = {}
    for key, value in parse_qsl(text, keep_blank_values=True):
        _put(root, _path(key), value)
    listed = _listed(root)
    return listed if isinstance(listed, dict) else root


def _path(key: str) -> list[str]:
    match = _KEY.fullmatch(key)
    path = [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])] if match else []
    if not path or len(path) > _DEEPEST:
        raise Refusal(400, f"Invalid parameter name: {key[:80]}")
    return path


def _put(node: dict[str, Any], path: list[str], value: str) -> None:
    for part in path[:-1]:
        inner = node.setdefault(part, {})
        if not isinstance(inner, dict):
            raise Refusal(400, f"Invalid {part}: both a value and a hash were given", param=part)
        node = inner
    last = path[-1] or str(len(node))
    node[last] = value


def _listed(node: Any) -> Any:
    """Hashes whose keys are 0, 1, 2 … become lists."""
    if not isinstance(node, dict):
        return node
    values = {key: _listed(value) for key, value in node.items()}
    if values and all(key.isascii() and key.isdigit() for key in values):
        return [values[key] for key in sorted(values, key=int)]
    return values
