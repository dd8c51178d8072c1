"""A statement in a form that can be run again: every word of it kept, what is there already skipped."""

from __future__ import annotations

import re
from collections.abc import Sequence

from harness.migrations.actions import Action, actions
from harness.migrations.batches import may_commit, refuses_transaction
from harness.migrations.statements import Statement

__all__ = ["apart", "repeatable", "tolerant"]

MOST = 12  # statements of a file that are written out

_WORDS = (
    "-- PostgreSQL knows no IF EXISTS for this: keep it in a migration of its own, and look first whether it was done"
)
_INVALID = "  -- and look for INVALID ones: they are skipped too"

# Head of a statement, what is put behind it, and what there is to say. The first that fits.
_HEADS: tuple[tuple[str, str, str], ...] = (
    (r"create\s+(?:unique\s+)?index(?:\s+concurrently)?", "IF NOT EXISTS", _INVALID),
    (r"create\s+(?:(?:global\s+|local\s+)?temp(?:orary)?\s+|unlogged\s+)?table", "IF NOT EXISTS", ""),
    (r"create\s+materialized\s+view", "IF NOT EXISTS", ""),
    (r"create\s+(?:temp(?:orary)?\s+|unlogged\s+)?sequence", "IF NOT EXISTS", ""),
    (r"create\s+(?:schema(?!\s+authorization\b)|extension|statistics(?!\s+on\b))", "IF NOT EXISTS", ""),
    (r"create(?=\s+(?:function|procedure|aggregate|rule|trigger|(?:temp(?:orary)?\s+)?view)\b)", "OR REPLACE", ""),
    (r"drop\s+index(?:\s+concurrently)?", "IF EXISTS", ""),
    (r"drop\s+materialized\s+view", "IF EXISTS", ""),
    (
        r"drop\s+(?:table|view|sequence|type|domain|function|procedure|aggregate|trigger|rule|policy|schema|extension|statistics)",
        "IF EXISTS",
        "",
    ),
    (r"alter\s+type\s+\S+\s+add\s+value", "IF NOT EXISTS", ""),
    (r"alter\s+(?:table|index|view|sequence|materialized\s+view)(?=\s+\S+\s+rename\s+to\b)", "IF EXISTS", ""),
)
_DUPLICATES = {"CreateEnumStmt", "CompositeTypeStmt", "CreateRangeStmt", "CreateDomainStmt", "CreatePolicyStmt"}
_COLUMNS = {"add_column": r"\badd\s+column\b", "drop_column": r"\bdrop\s+column\b"}
_CONSTRAINT = "SELECT FROM pg_constraint WHERE conrelid = '{table}'::regclass AND {that}"
_COLUMN = "SELECT FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attname = '{name}' AND NOT attisdropped"
_CONSTRAINTS = {
    "add_check",
    "add_foreign_key",
    "add_unique",
    "add_primary_key",
    "add_exclusion",
    "add_not_null",
    "adopt_index",
}


def tolerant(statement: Statement) -> str:
    """SQL that does the same and can be run again; words where PostgreSQL has nothing of the kind."""
    text = statement.text.rstrip("; \n")
    for head, words, said in _HEADS:
        match = re.match(rf"{head}\b(?!\s+(?:if|or\s+replace|on|concurrently)\b)", text, re.IGNORECASE)
        if match:
            return f"{text[: match.end()]} {words}{text[match.end() :]};{said}"
    if statement.kind in _DUPLICATES:
        return f"DO $do$ BEGIN\n  {text};\nEXCEPTION WHEN duplicate_object THEN NULL;\nEND $do$;"
    if statement.kind == "AlterTableStmt":
        return _of_alter_table(statement, text)
    (first, *_) = actions(statement) or (Action("other"),)
    if first.kind == "rename_column" and first.table:
        return _unless(text, _COLUMN.format(table=_literal(first.table.sql), name=_literal(first.column)), there=True)
    return _WORDS


def repeatable(statement: Statement) -> str:
    """The same, for a statement that may be one that can be run again as it is."""
    made = tolerant(statement)
    if made != _WORDS:
        return made
    return f"{statement.text.rstrip('; ')};" if _runs_again(statement) else f"{_WORDS}\n-- {statement.short}"


def _runs_again(statement: Statement) -> bool:
    """Whether a second run does no more than the first: it sets what is set, or says itself what is left."""
    if any(action.if_exists for action in actions(statement)):
        return True
    kinds = {action.kind for action in actions(statement)}
    return kinds <= _SETS or statement.kind in {"VariableSetStmt", "VacuumStmt", "ReindexStmt", "CommentStmt"}


_SETS = {"validate", "set_not_null", "drop_not_null", "set_default", "drop_default"}


def _of_alter_table(statement: Statement, text: str) -> str:
    done = actions(statement)
    kinds = {action.kind for action in done}
    single = len(statement.node.get("cmds", ())) == 1
    if single and kinds & _CONSTRAINTS and "add_column" not in kinds:
        (action,) = done
        that = f"conname = '{_literal(action.name)}'" if action.name else ""
        that = that or ("contype = 'p'" if action.kind == "add_primary_key" else "")
        return _unless(text, _CONSTRAINT.format(table=_table(action), that=that), there=False) if that else _WORDS
    if kinds == {"drop_attribute"}:
        return re.sub(r"\bdrop\s+attribute\b(?!\s+if\b)", "DROP ATTRIBUTE IF EXISTS", text, flags=re.I) + ";"
    if single and "drop_constraint" in kinds:
        return re.sub(r"\bdrop\s+constraint\b(?!\s+if\b)", "DROP CONSTRAINT IF EXISTS", text, count=1, flags=re.I) + ";"
    for kind, words in _COLUMNS.items():
        if kind in kinds and kinds <= {*_COLUMNS, *_SETS, *(_CONSTRAINTS if single else ())}:
            better = "ADD COLUMN IF NOT EXISTS" if kind == "add_column" else "DROP COLUMN IF EXISTS"
            text = re.sub(rf"{words}(?!\s+if\b)", better, text, flags=re.I)
    return f"{text};" if text != statement.text.rstrip("; \n") else _WORDS


def _unless(text: str, query: str, *, there: bool) -> str:
    return f"DO $do$ BEGIN\n  IF {'' if there else 'NOT '}EXISTS ({query}) THEN\n    {text};\n  END IF;\nEND $do$;"


def _table(action: Action) -> str:
    return _literal(action.table.sql) if action.table else ""


def _literal(name: str) -> str:
    return name.replace("'", "''")


def apart(statements: Sequence[Statement]) -> str:
    """The advice where one transaction is none: each statement by itself, and all so that they can be run again.

    Empty when nothing speaks against one transaction.
    """
    why = next((words for fits, words in _AGAINST if any(fits(statement) for statement in statements)), "")
    if not why:
        return ""
    mine = [statement for statement in statements if statement.kind != "TransactionStmt"]
    written = [repeatable(statement) for statement in mine[:MOST]]
    rest = [f"-- and the {len(mine) - MOST} after them likewise"] if len(mine) > MOST else []
    head = f"-- not as one transaction: {why}\n-- split the file: each step in a migration of its own, or all in a form that can be run again:"
    return "\n".join((head, *written, *rest))


_AGAINST = (
    (refuses_transaction, "a statement among them is refused there (25001)"),
    (
        lambda statement: statement.kind == "DoStmt" and may_commit(statement),
        "a block among them commits, and is refused there (2D000)",
    ),
    (
        lambda statement: any(action.kind == "validate" for action in actions(statement)),
        "VALIDATE would read the table under the locks of the statements before it",
    ),
    (
        lambda statement: any(action.kind == "add_enum_value" for action in actions(statement)),
        "a new value of an enum cannot be used there (55P04)",
    ),
)
