"""`sql`: what somebody does in the database itself."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Struct, field

from harness.scenario.registry import Value, verb
from harness.scenario.world import World

__all__ = ["SqlArgs", "sql"]


class SqlArgs(Struct, frozen=True):
    """A statement and the values of its parameters."""

    run: Annotated[str, "SQL; parameters are written %(name)s"]
    params: Annotated[dict[str, Value], "values of the parameters by name"] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.run.strip():
            raise ValueError("sql needs a statement.")


@verb("sql", shorthand="run", kind="low")
def sql(world: World, args: SqlArgs) -> Any:
    """Run SQL in the scenario's own database, committed; what it changes is put back afterwards.

    Gives the rows, if there are any. Of the parameters a map is JSON, and a list JSON where the statement has JSON for it, else an array.
    """
    world.touched()
    world.ran_sql = True
    with world.stage.database_errors(None):
        return world.stage.sandbox.execute(args.run, args.params)
