"""What the server refuses whatever the rows hold, with what else is known of why."""

from __future__ import annotations

import re

from harness.migrations.batches import Unit
from harness.migrations.confinement import refuse_lacking_extension
from harness.migrations.findings import Finding, Severity
from harness.migrations.rehearsal import Rehearsal
from harness.migrations.telling import finding
from harness.migrations.tracing import COMMITS_ITSELF, Failure

__all__ = ["depends_on_rows", "refused"]

_NO_ROLE = re.compile(r'role ".*" does not exist')
_ROLE = (
    "-- a role whose name is put together at run time is not seen: make it in the baseline (and --allow roles),\n"
    "-- or give --database a server that has it\nCREATE ROLE …;"
)
_HERE = re.compile(
    r"tablespace .* does not exist|database .* does not exist|is not supported in this build|prepared transactions are disabled|"
    r"compression method .* not supported"
)
_PLACEHOLDER = re.compile(r"\$\{[^}]*\}|\{\{.*?\}\}|<%.*?%>")
_FILLED = "-- check the file as the runner sends it, with its placeholders filled in"
_ASKED = {"21", "54", "P0"}  # of more rows than one, of their size, and what a block that looks at rows says itself
_OUTSIDE = (
    "-- run it with no transaction around it: in a file of its own, statement by statement (psql -f, not psql -1)"
)


def depends_on_rows(rehearsal: Rehearsal, failure: Failure) -> bool:
    """Whether rows that are there make the server say it: it is said of values and keys, or not at all without rows."""
    said = failure.sqlstate[:2]
    return said in {"22", "23"} or (said in _ASKED and rehearsal.after is not None)


def refused(rehearsal: Rehearsal, phase: str, unit: Unit, failure: Failure) -> Finding:
    """The finding that the server refuses a statement, whatever the rows hold."""
    statement, why, remedy = unit.statement, "", ""
    refuse_lacking_extension(statement, failure.sqlstate)
    if failure.endless:
        evidence = f"{failure.message}{rehearsal.after_failure(statement)}"
        return finding("tx.endless", Severity.BLOCKER, phase, statement, evidence)
    if failure.sqlstate == COMMITS_ITSELF and unit.transaction is not None:
        who = "the file" if unit.explicit else rehearsal.runner(rehearsal.script_of(statement))
        why = f" (it ends transactions itself, and {who} has one open around it)"
    elif failure.sqlstate == "42501" and rehearsal.login is not None:
        why = " (it ran as the owner of its database; if production runs it as a superuser: --allow superuser)"
    elif _NO_ROLE.search(failure.message):
        why = " (that is so on the server of this rehearsal; production may have the role)"
        remedy = _ROLE
    elif _HERE.search(failure.message):
        why = " (that is so on the server of this rehearsal; production's may be another: give --database one like it)"
    elif failure.sqlstate == "42601" and (left := _PLACEHOLDER.search(statement.text)):
        why = f" ({left[0]} is a placeholder of the runner, and nobody fills it in here)"
        remedy = _FILLED
    return finding(
        "schema.refused",
        Severity.BLOCKER,
        phase,
        statement,
        f"the server refused it with {failure}{why}{rehearsal.after_failure(statement)}",
        names={"message": failure.message},
        remedy=_OUTSIDE if failure.sqlstate == COMMITS_ITSELF else remedy,
    )
