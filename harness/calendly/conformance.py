"""Fidelity measured: every answer and delivery against the JSON Schemas under fixtures/calendly/schemas.

Both directions: a required key that is missing and a key that nobody documents are violations alike. An answer for
which there is no schema is a violation too, so that nothing passes unseen. Needs `jsonschema` (a development tool).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.errors import InputError
from harness.provider import Call, Delivery

__all__ = ["Conformance"]

_OF_A_DOCUMENT = frozenset({"$schema", "$comment", "$defs"})


class Conformance:
    """The schemas of one directory, ready to check. Raises InputError when the directory has no index.json."""

    def __init__(self, directory: Path) -> None:
        import jsonschema

        index = directory / "index.json"
        if not index.is_file():
            raise InputError(f"no schemas in {directory}: {index.name} is missing.")
        documents = {path.name: json.loads(path.read_text()) for path in sorted(directory.glob("*.json"))}
        self.index: dict[str, Any] = documents.pop(index.name)
        kind = jsonschema.Draft202012Validator
        self._validators = {name: kind(_whole(schema, documents)) for name, schema in documents.items()}
        self.seen: set[str] = set()

    def of_call(self, call: Call) -> list[str]:
        """What is wrong with the answer to `call`; calls that a fault spoilt, or that matched nothing, are not judged."""
        if call.fault is not None or not call.matched or call.status is None or call.endpoint is None:
            return []
        where = f"{call.endpoint} {call.status}"
        if call.status >= 400:
            return self._check(self.index["error"], call.response_body or "", where)
        schemas = self.index["responses"].get(call.endpoint, {})
        if str(call.status) not in schemas:
            return [f"{where}: no schema for this answer"]
        schema = schemas[str(call.status)]
        self.seen.add(where)
        if schema is None:
            return [f"{where}: a body where none belongs"] if call.response_body else []
        return self._check(schema, call.response_body or "", where)

    def of_delivery(self, delivery: Delivery) -> list[str]:
        """What is wrong with the body of a webhook."""
        schema = self.index["deliveries"].get(delivery.event)
        if schema is None:
            return [f"{delivery.event}: no schema for this delivery"]
        self.seen.add(delivery.event)
        return self._check(schema, delivery.body.decode(), delivery.event)

    def of_message(self, message: Any) -> list[str]:
        """What is wrong with a message of the embed."""
        return self.of_document(self.index["message"], message)

    def of_document(self, schema: str, document: Any) -> list[str]:
        """What is wrong with `document` by the schema file of this name."""
        return self._errors(schema, document, schema)

    def _check(self, schema: str, text: str, where: str) -> list[str]:
        try:
            document = json.loads(text)
        except ValueError:
            return [f"{where}: not JSON: {text[:80]!r}"]
        return self._errors(schema, document, where)

    def _errors(self, schema: str, document: Any, where: str) -> list[str]:
        return [f"{where}: {e.json_path}: {e.message[:300]}" for e in self._validators[schema].iter_errors(document)]


def _whole(schema: Any, documents: Mapping[str, Any]) -> Any:
    """`schema` with what it refers to in place of each reference: looked up at every value, those take most of the time."""
    if isinstance(schema, list):
        return [_whole(each, documents) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" not in schema:
        return {key: _whole(value, documents) for key, value in schema.items() if key not in _OF_A_DOCUMENT}
    name, _, pointer = schema["$ref"].partition("#")
    found = documents[name]
    for part in pointer.split("/")[1:]:
        found = found[part]
    return {**_whole(found, documents), **{key: value for key, value in schema.items() if key != "$ref"}}
