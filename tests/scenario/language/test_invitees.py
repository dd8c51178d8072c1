"""Who books at Calendly: what its page would not take is a mistake of the file."""

from __future__ import annotations

import re

import pytest

from harness.errors import InputErrors
from harness.scenario.loader import load_text

TEXT = """
feature: F
given: {catalog: production, visitor: anonymous}
scenarios:
  - scenario: A
    matrix: {zone: [Europe/Paris]}
    when:
      - select_session: intro-call
      - schedule: {at: "2030-03-06T10:00Z", invitee: INVITEE}
      - calendly: {schedule: $flow.x, at: "2030-03-06T10:00Z", invitee: INVITEE}
    then: [{rows: {Booking: 0}}]
"""


@pytest.mark.parametrize(
    ("invitee", "told"),
    [
        ("{timezone: Europe/Londn}", "a time zone; found the text Europe/Londn. Did you mean Europe/London?"),
        ("{timezone: Mars}", "a time zone; found the text Mars."),
        ("{nmae: Sam, timezone: $zone}", "invitee has no key nmae. Did you mean name?"),
    ],
)
def test_an_invitee_that_calendly_would_refuse(invitee: str, told: str) -> None:
    with pytest.raises(InputErrors) as caught:
        load_text(TEXT.replace("INVITEE", invitee), file="a.yaml")
    assert len(re.findall(re.escape(told), str(caught.value))) == 2


def test_a_zone_of_a_matrix_is_left_to_the_run() -> None:
    with pytest.raises(InputErrors) as caught:
        load_text(TEXT.replace("INVITEE", "{timezone: $zone}").replace("rows:", "row:"), file="a.yaml")
    assert "zone;" not in str(caught.value)
