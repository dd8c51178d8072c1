"""What an answer is asked for: its JSON where it is JSON, at a path that every transport takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import InputError
from harness.scenario.loader import load
from tests.scenario.running.conftest import HEAD, Play
from tests.support.commands import ROOT

PAGE = "http: {GET: /nowhere}"  # the page that says so is HTML


@pytest.mark.parametrize("wanted", ["null", "<any>", "<null>", "{a: 1}", "<not null>"])
def test_a_text_that_is_no_json_is_no_body(play: Play, wanted: str) -> None:
    played = play(f"when: [{{{PAGE}, expect: {{status: 404, body: {wanted}}}}}]")
    assert played.outcome == "failed"
    assert "got a text that is no JSON" in played.failure


def test_that_there_is_no_json_can_be_expected(play: Play) -> None:
    played = play(f"when: [{{{PAGE}, expect: {{body: <absent>, text: <contains html>}}}}]")
    assert played.outcome == "passed", played.failure
    head = play("when: [{http: {HEAD: /nowhere}, expect: {status: 404, body: null}}]")
    assert head.outcome == "passed", head.failure


def test_a_path_without_its_slash_is_a_mistake_before_anything_is_asked(play: Play, tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(HEAD + "  - scenario: A case\n    when: [{http: {PATCH: api/nowhere}, expect: 404}]\n")
    with pytest.raises(InputError, match=r"wrong\.yaml:5:27: A path begins with a slash; found 'api/nowhere'\."):
        load([path], project=ROOT)
    played = play("when: [{sql: \"SELECT 'x' AS a\", as: x}, {http: {GET: '$x[0].a'}, expect: 404}]")
    assert played.outcome == "error"
    assert "A path begins with a slash; found 'x'." in played.failure
