"""SQL that would reach outside its database is refused, unless it is allowed by name.

What SQL could do to the machine or to the rest of the server is looked for in the parse tree, in function bodies, and in
statements that could not be parsed, before anything runs. What SQL builds at run time is beyond that: the server refuses
it, since a rehearsal has few rights (`harness.migrations.confinement`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from harness.errors import InputErrors, Problem
from harness.migrations.actions import bodies, walk
from harness.migrations.lexing import code
from harness.migrations.reading import Script
from harness.migrations.statements import Statement

__all__ = ["REACHES", "refuse_reaching_out"]

REACHES = {
    "copy-file": "COPY to or from a file or a program",
    "dblink": "dblink opens connections to other servers",
    "foreign-data": "foreign servers, user mappings and foreign schemas reach other servers",
    "roles": "roles belong to the whole server, not to the database",
    "databases": "creating, dropping or altering databases and tablespaces",
    "system": "ALTER SYSTEM and LOAD change the server",
    "files": "functions that read, write or list files of the server",
    "untrusted-language": "functions in C or an untrusted language run outside PostgreSQL",
    "replication": "subscriptions and replication slots connect to other servers",
    "psql": "psql commands run programs, read files, change the connection or decide what is sent",
    "superuser": "everything that only a superuser may do",
}

_KINDS = {
    "CreateRoleStmt": "roles",
    "AlterRoleStmt": "roles",
    "DropRoleStmt": "roles",
    "AlterRoleSetStmt": "roles",
    "GrantRoleStmt": "roles",
    "CreatedbStmt": "databases",
    "DropdbStmt": "databases",
    "AlterDatabaseStmt": "databases",
    "AlterDatabaseSetStmt": "databases",
    "CreateTableSpaceStmt": "databases",
    "DropTableSpaceStmt": "databases",
    "AlterSystemStmt": "system",
    "LoadStmt": "system",
    "CreateForeignServerStmt": "foreign-data",
    "AlterForeignServerStmt": "foreign-data",
    "CreateUserMappingStmt": "foreign-data",
    "ImportForeignSchemaStmt": "foreign-data",
    "CreateForeignTableStmt": "foreign-data",
    "CreateFdwStmt": "foreign-data",
    "CreateSubscriptionStmt": "replication",
    "AlterSubscriptionStmt": "replication",
    "CreatePLangStmt": "untrusted-language",
}
_FUNCTIONS = (
    (re.compile(r"^dblink", re.IGNORECASE), "dblink"),
    (
        re.compile(
            r"^(lo_import|lo_export|pg_(read|write|stat|unlink)_(binary_)?file\w*|pg_ls_\w+|pg_file_\w+)$",
            re.IGNORECASE,
        ),
        "files",
    ),
    (
        re.compile(
            r"^(pg_reload_conf|pg_rotate_logfile|pg_terminate_backend|pg_cancel_backend|pg_promote)$", re.IGNORECASE
        ),
        "system",
    ),
    (re.compile(r"^pg_(create|copy)_\w*replication_slot$", re.IGNORECASE), "replication"),
)
_EXTENSIONS = {
    "dblink": "dblink",
    "postgres_fdw": "foreign-data",
    "file_fdw": "foreign-data",
    "adminpack": "files",
    "plpython3u": "untrusted-language",
    "plperlu": "untrusted-language",
    "pltclu": "untrusted-language",
    "pg_cron": "system",
}
_SAFE_LANGUAGES = {"sql", "plpgsql"}
_HARMLESS_META = re.compile(
    r"restrict|unrestrict|set|unset|echo|qecho|warn|timing|pset|encoding|x|conninfo|d[a-zA-Z]*|l|z"  # print or describe
)
_TAKE_OUT = "Take it out, or run with --allow psql (it is then left out)."
_BRANCH = "Keep the branch that production takes and take the commands out; --allow psql leaves them out, and runs every branch."
_FILE = "Write what that file holds here, or check a folder with both; --allow psql leaves it out, and nothing of that file is checked."
_RESULT = "Write out the statements that it would send, or EXECUTE them in a DO block; --allow psql runs the query and sends none of them."
_INSTEAD = {
    **dict.fromkeys(("if", "elif", "else", "endif"), _BRANCH),
    **dict.fromkeys(("i", "ir", "include", "include_relative"), _FILE),
    "gexec": _RESULT,
    "gset": "Write the values out with \\set; --allow psql runs the query and sets nothing.",
    "copy": "Write the rows here (COPY … FROM stdin; and a line \\. after them); --allow psql leaves it out, and the rows are not there.",
}
_WORDS = (
    (r"\bcopy\b[^;]*\b(from|to)\s+(program\b|')", "copy-file"),
    (r"\bdblink\w*\s*\(", "dblink"),
    (r"\b(create|alter|drop)\s+(role|user|group)\b", "roles"),
    (r"\b(create|alter|drop)\s+(database|tablespace)\b", "databases"),
    (r"\balter\s+system\b|(?:^|;)\s*load\s+'", "system"),
    (r"\b(lo_import|lo_export|pg_read_\w*file|pg_ls_\w+|pg_file_\w+|pg_write_\w*file)\s*\(", "files"),
    (r"\bcreate\s+(server|subscription|foreign|user\s+mapping)\b|\bimport\s+foreign\b", "foreign-data"),
)


def refuse_reaching_out(scripts: Sequence[Script], allowed: Collection[str] = ()) -> None:
    """Raise InputErrors naming every statement that would reach outside, unless its kind is in `allowed` (keys of REACHES)."""
    unknown = [name for name in allowed if name not in REACHES]
    problems = [
        Problem(None, f"--allow {name}: no such permission.", f"Known: {', '.join(REACHES)}.") for name in unknown
    ]
    for script in scripts:
        for meta in script.source.meta_commands:
            runs = "`" in meta.text  # what stands between them is a command of the shell
            if (runs or not _HARMLESS_META.fullmatch(meta.command)) and "psql" not in allowed:
                problems.append(
                    Problem(
                        meta.position,
                        f"`{meta.short}`: {REACHES['psql']}.",
                        _INSTEAD.get(meta.command, _TAKE_OUT),
                    )
                )
        for statement in script.source.statements:
            for reach in dict.fromkeys(_reaches(statement)):
                if reach not in allowed:
                    what = f"`{statement.short}` would reach outside its database: {REACHES[reach]}."
                    problems.append(Problem(statement.position, what, f"Take it out, or run with --allow {reach}."))
    if problems:
        raise InputErrors(problems)


def _reaches(statement: Statement) -> Iterator[str]:
    if statement.tree is None:
        yield from _by_words(code(statement.text, quoted=True))
        return
    for name, body in walk(statement.tree):
        if name in _KINDS:
            yield _KINDS[name]
        elif name == "CopyStmt" and (body.get("is_program") or body.get("filename")):
            yield "copy-file"
        elif name == "CreateExtensionStmt" and body.get("extname") in _EXTENSIONS:
            yield _EXTENSIONS[body["extname"]]
        elif name == "FuncCall":
            yield from _by_function(body["funcname"][-1]["String"]["sval"])
    if statement.kind in {"DoStmt", "CreateFunctionStmt"}:
        for written in bodies(statement):
            yield from _by_words(code(written))
        yield from _by_language(statement.tree)


def _by_function(name: str) -> Iterator[str]:
    for pattern, reach in _FUNCTIONS:
        if pattern.match(name):
            yield reach


def _by_words(text: str) -> Iterator[str]:
    for pattern, reach in _WORDS:
        if re.search(pattern, text, re.IGNORECASE):
            yield reach


def _by_language(tree: object) -> Iterator[str]:
    for name, body in walk(tree):
        if name == "DefElem" and body.get("defname") == "language":
            language = body.get("arg", {}).get("String", {}).get("sval", "sql").lower()
            if language not in _SAFE_LANGUAGES:
                yield "untrusted-language"
