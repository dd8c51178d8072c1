"""How sentences and tables of the notebooks read on a page."""

from __future__ import annotations

import pandas as pd
import pytest

from harness.report.analysis.present import note, prose_html, table


@pytest.mark.parametrize(
    ("text", "page"),
    [
        ("`create` hides them *and* refuses", "<code>create</code> hides them <em>and</em> refuses"),
        ("`a < b` and 2 * 3 * 4", "<code>a &lt; b</code> and 2 * 3 * 4"),
        ("index.* and lock.*", "index.* and lock.*"),
        ("one ` alone", "one ` alone"),
    ],
)
def test_names_and_stress_of_a_sentence_are_shown_as_such(text: str, page: str) -> None:
    assert prose_html(text) == page
    shown = table(pd.DataFrame({"rule": ["R01"], "text": [text]}), "Rules", prose=["text"], name="rules").html
    assert page in shown


def test_a_note_keeps_the_asterisks_of_names() -> None:
    assert note("`x` of a *b* c").html == "<p><code>x</code> of a *b* c</p>"


def test_a_cell_says_its_head_on_a_narrow_screen_and_no_head_ends_the_style() -> None:
    shown = table(pd.DataFrame({"duration_us": [5], '"}</style>': ["x"]}), "T", name="one").html
    assert '#one tbody tr td:nth-child(1)::before{content:"duration"}' in shown
    assert 'content:"\\22 \\7d \\3c \\2f style\\3e "' in shown
