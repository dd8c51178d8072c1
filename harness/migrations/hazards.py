"""Every hazard by id: why it hurts, and the safe way to do the same thing, as SQL to copy.

`{table}`, `{column}`, `{name}`, `{statement}` and the like are filled in from the finding.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.migrations.findings import FAMILIES

__all__ = ["HAZARDS", "Hazard"]

_RETRY = (
    "SET lock_timeout = '100ms';\n{statement};\n-- on 55P03 (lock not available) wait a little and try again; "
    "`harness migrate apply --execute` does that"
)


@dataclass(frozen=True, slots=True)
class Hazard:
    """`reason` is one sentence for a reader who has not met it; `remedy` is SQL, or one line when no SQL helps."""

    reason: str
    remedy: str


HAZARDS: dict[str, Hazard] = {
    "lock.blocks-reads": Hazard(
        "ACCESS EXCLUSIVE stops every SELECT on the table, and while the statement waits for it, everyone who comes after waits too.",
        _RETRY,
    ),
    "lock.blocks-writes": Hazard(
        "This lock lets reads pass and stops INSERT, UPDATE and DELETE until the transaction ends.", _RETRY
    ),
    "lock.second-table": Hazard(
        "The statement also locks a table that it is not about: traffic there waits too, and two tables locked one after the other can deadlock with it.",
        "-- keep this statement in a transaction of its own, with a short wait\n" + _RETRY,
    ),
    "lock.held-across-statements": Hazard(
        "A lock is kept until its transaction ends: what the later statements take is added to the time that everyone waits.",
        "-- one transaction for each step: commit before the slow statement\n{first};\nCOMMIT;\n{statement};",
    ),
    "lock.no-timeout": Hazard(
        "Behind one idle transaction the statement waits without a bound that helps, and every query that comes after queues behind it.",
        _RETRY,
    ),
    "lock.queue": Hazard(
        "While the statement waits for its lock, every request on the table queues behind it: the harm comes from the waiting.",
        _RETRY,
    ),
    "lock.deadlock": Hazard(
        "The migration and the traffic lock the same tables in another order; PostgreSQL ends one of them.",
        "-- one table in each transaction\n{statement};\nCOMMIT;",
    ),
    "rewrite": Hazard(
        "Every row and every index of the table is written anew under ACCESS EXCLUSIVE; it needs as much free disk again.",
        "-- expand and contract: what is new beside what is there, filled in batches, swapped in at the end",
    ),
    "scan.blocks-reads": Hazard(
        "The whole table is read to check it while ACCESS EXCLUSIVE keeps everyone out.",
        "-- first a constraint that is NOT VALID, then VALIDATE CONSTRAINT in a transaction of its own: reads and writes go on",
    ),
    "scan.blocks-writes": Hazard(
        "Existing rows are checked while nobody can write to the tables.",
        "-- two steps: the constraint NOT VALID first, VALIDATE CONSTRAINT in a transaction of its own after",
    ),
    "index.blocks-writes": Hazard(
        "Building an index reads the whole table, and nobody can write to it meanwhile.",
        "-- CREATE INDEX CONCURRENTLY, outside a transaction, no lock_timeout (it waits for old transactions by design)",
    ),
    "index.blocks-reads": Hazard(
        "The index is built while nobody can even read the table.",
        "-- build the index CONCURRENTLY, outside a transaction; a constraint takes it over with USING INDEX",
    ),
    "index.invalid-left": Hazard(
        "An INVALID index, as a concurrent build that fails leaves it, costs every write, helps no read, and keeps the name.",
        "DROP INDEX CONCURRENTLY IF EXISTS {name};\n{statement};",
    ),
    "index.steps-over-invalid": Hazard(
        "IF NOT EXISTS finds the INVALID index that a failed build left and does nothing: the run succeeds without an index.",
        "DROP INDEX CONCURRENTLY IF EXISTS {name};\n{plain};\n"
        "SELECT indexrelid::regclass FROM pg_index WHERE NOT indisvalid;  -- must return no row",
    ),
    "index.stale": Hazard(
        "What was computed with the function before it was replaced stays as it is: an index finds rows by the old answer, a unique one lets "
        "the same value in twice, a stored column or a check holds what is no longer so.",
        "-- compute it anew\n{anew}",
    ),
    "data.loss": Hazard(
        "Values that were there are gone, and no statement brings them back.",
        "-- keep them until the new release has run for a while\n"
        "CREATE TABLE {table_kept} AS SELECT * FROM {table};  -- or rename instead of dropping",
    ),
    "data.changed": Hazard(
        "Values of existing rows are other values afterwards.",
        "-- keep what was there, to compare and to restore\nALTER TABLE {table} ADD COLUMN {column_before} …;\nUPDATE {table} SET {column_before} = {column};",
    ),
    "data.orphans": Hazard(
        "With triggers off no foreign key is looked after: rows refer to rows that are not there, the constraint still counts as valid, "
        "and a dump of them cannot be restored.",
        "-- after the migration, must return no row\n{query};\n-- better: leave the triggers on, and write parents before children",
    ),
    "data.fails-on-existing": Hazard(
        "The statement is refused as soon as one existing row does not fit.",
        "-- count them in production first\n{query};\n-- mend those rows, then run the statement",
    ),
    "data.left-out": Hazard(
        "A block that catches its own errors, or asks the rows first, succeeds without doing what the file says: the migration is recorded as applied.",
        "-- let the error end the migration: no EXCEPTION WHEN OTHERS around what must be there afterwards",
    ),
    "data.touches-nothing": Hazard(
        "A backfill that finds no row, even among rows of every kind that the schema allows, does not do what it was written for.",
        "-- look at what the rows hold at that moment\n{query};",
    ),
    "data.bulk-write": Hazard(
        "Rewriting most rows in one transaction keeps every row locked to its end, and doubles the table until vacuum has run.",
        "-- in batches, each a transaction of its own\n{statement} …  -- AND {key} BETWEEN … AND …",
    ),
    "data.sequence-behind": Hazard(
        "The sequence gives numbers that are keys already: each INSERT that leaves the key to it is refused until it has passed them.",
        "-- in the same transaction, last\nSELECT setval('{sequence}', (SELECT {furthest}({column}) FROM {table}));",
    ),
    "data.sequence-ends": Hazard(
        "A sequence that has given its last number refuses every INSERT that asks it (2200H), and one with CYCLE begins again with numbers "
        "that are keys already.",
        "ALTER SEQUENCE {sequence} AS {type} NO MAXVALUE NO CYCLE;",
    ),
    "data.depends-on-timezone": Hazard(
        "What is written depends on the TimeZone of the session that migrates: psql takes it from the server or from PGTZ, a driver from its machine.",
        "-- name the zone in which the old values were meant, in the file itself\nSET TimeZone = 'UTC';\n{statement};\nRESET TimeZone;",
    ),
    "data.not-durable": Hazard(
        "An unlogged table is emptied by a crash, and no replica, no backup from the WAL has its rows.",
        "ALTER TABLE {table} SET LOGGED;  -- or keep it logged: only rows that can be made again belong into an unlogged table",
    ),
    "compat.rows-hidden": Hazard(
        "With row level security on, what no policy permits is not refused: SELECT finds nothing, UPDATE and DELETE touch nothing. "
        "Only superusers, roles with BYPASSRLS and, unless it is forced, the owner are exempt.",
        "-- the policies first, in the same transaction; is the application's login the owner?\n"
        "SELECT tableowner FROM pg_tables WHERE tablename = '{bare}';\n"
        "CREATE POLICY {name_new} ON {table} USING (…) WITH CHECK (…);\n{statement};",
    ),
    "compat.name-moved": Hazard(
        "The name is there and means another column: nothing fails, and the running release reads and writes the wrong values.",
        "-- give the new meaning a new name, and drop the old one when no release uses it",
    ),
    "compat.order-changed": Hazard(
        "An enum sorts and compares in the order of its values, a text by its collation: ORDER BY, <, >, min and max of the running release mean another thing, "
        "without an error.",
        "-- keep the order that was there, and put new values where they belong\nALTER TYPE {name} ADD VALUE … AFTER …;",
    ),
    "compat.writes-changed": Hazard(
        "The write succeeds and something else is stored than what was written, or than what stood there by default: no error tells the running release.",
        "-- leave what is given, and fill only what is missing\nNEW.{column} := coalesce(NEW.{column}, …);",
    ),
    "compat.rows-shown": Hazard(
        "What policies, or tables of their own, keep apart is seen together as soon as policies are off, ask for less, or are for more roles, or one table is part of another.",
        "ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;  -- or revoke what their readers may not see",
    ),
    "compat.rows-writable": Hazard(
        "What policies kept from being written can be written as soon as they ask for less, or are for more roles: "
        "UPDATE and DELETE reach rows of others, INSERT makes them.",
        "-- look whether these rows are meant to be written\nCREATE POLICY {name_new} ON {table} AS RESTRICTIVE USING (…);",
    ),
    "compat.writes-lost": Hazard(
        "The write succeeds and nothing is written: no error tells the running release that its rows are gone.",
        "-- refuse what must not be written, so that somebody hears of it\nREVOKE {command} ON {table} FROM …;  -- or a trigger that raises an exception",
    ),
    "compat.delete-reaches-further": Hazard(
        "What refused a DELETE before lets it through now, and rows that pointed at the deleted one go or change with it: no error tells the running release.",
        "-- keep the refusal where the running release counts on it\n"
        "ALTER TABLE {table} ADD CONSTRAINT {name_new} FOREIGN KEY ({columns}) REFERENCES {parent} NOT VALID;",
    ),
    "compat.privileges-lost": Hazard(
        "Who had the privilege is refused (42501) from the moment of the migration: what is dropped takes its grants with it, "
        "and what takes its name has those of a new object.",
        "-- in the same transaction\nGRANT {privileges} ON {object} TO {role};",
    ),
    "compat.cached-plan": Hazard(
        "Sessions that were open before have prepared this query: PostgreSQL refuses its plan once the type of a column is another "
        "(0A000, cached plan must not change result type), within a transaction until its end.",
        "-- migrate while the application's pool is closed or restarts after it, or let it prepare nothing; outside a transaction most drivers try again by themselves\n{statement};",
    ),
    "compat.old-app-read-fails": Hazard(
        "The running release names every column that it knows: its queries fail from the moment of the migration.",
        "-- first release code that no longer reads it, then migrate\n{statement};",
    ),
    "compat.old-app-write-fails": Hazard(
        "The running release writes rows as it always did, and the new schema refuses them.",
        "-- let the old rows pass until the new release is everywhere\nALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT …;  -- or leave it nullable",
    ),
    "compat.old-app-sees-null": Hazard(
        "The running release believes that this column always has a value. Prisma's Rust engine throws P2032 for the whole query; "
        "the engine of Prisma 7 hands out null in a field typed non-null, silently.",
        "-- order: 1. release code that tolerates NULL  2. migrate  3. release code that writes NULL\n{statement};",
    ),
    "compat.new-app-on-old-schema-fails": Hazard(
        "Code that needs the new schema fails on the old one: it must not be released before the migration.",
        "-- order: migrate first, then release the code that needs it\n{statement};",
    ),
    "compat.requests-fail": Hazard(
        "Requests of the running release fail once the migration is in.",
        "-- release code that copes with both schemas first\n{statement};",
    ),
    "tx.not-atomic": Hazard(
        "The file is not one transaction with this runner: a failure in the middle leaves a part of it done.",
        "BEGIN;\n-- the statements of this file\nCOMMIT;",
    ),
    "tx.session-left": Hazard(
        "The session keeps it after the file: the next file of a runner with one connection, and whoever gets the connection from a pool, "
        "works with it.",
        "-- for the transaction alone (SET LOCAL, pg_advisory_xact_lock), or put back at the end of the file\n{undo};",
    ),
    "tx.never-committed": Hazard(
        "The file opens a transaction and does not commit it: what it did is rolled back, and psql exits with 0.",
        "COMMIT;  -- as the last line of the file",
    ),
    "tx.concurrently-in-transaction": Hazard(
        "PostgreSQL refuses this statement inside a transaction block (25001), and this runner opens one.",
        "-- a migration file of its own with this one statement\n{statement};",
    ),
    "tx.endless": Hazard(
        "A loop whose end does not come holds its locks and its transaction until somebody ends the session.",
        "SET statement_timeout = '10min';  -- in front of it, and look at what ends the loop; --longest SECONDS if it only needs more time",
    ),
    "tx.enum-value-used": Hazard(
        "A new enum value cannot be used in the transaction that adds it (55P04).",
        "-- in a migration of its own, before the one that uses the value\n{first};",
    ),
    "tx.statement-timeout": Hazard(
        "The file limits how long a statement may work, and at production size this one works longer: it is ended (57014) and rolled back, "
        "after it has kept everyone waiting; a concurrent index build leaves an INVALID index.",
        "-- no limit for the work, and a short one for the wait\nSET statement_timeout = 0;\nSET lock_timeout = '2s';\n{statement};",
    ),
    "tx.set-local-without-effect": Hazard(
        "SET LOCAL outside a transaction does nothing but warn: the timeout that it promises is not there.",
        "{session};",
    ),
    "rerun.fails": Hazard(
        "Applied again (by hand, after a lost acknowledgement, over a hand-made change) the file fails.",
        "-- make every statement tolerate its own result: IF EXISTS, IF NOT EXISTS, OR REPLACE",
    ),
    "rerun.changes-data-again": Hazard(
        "Applied again the file changes the rows once more.", "-- say in WHERE which rows still need it\n{statement} …;"
    ),
    "rerun.stuck": Hazard(
        "After a failure in the middle the file neither finishes nor starts over: somebody has to repair the database by hand.",
        "-- make the statements tolerate their own result, or the file one transaction\nBEGIN;\n…\nCOMMIT;",
    ),
    "down.impossible-after-new-rows": Hazard(
        "The way back works only until the first row of the new kind exists; after that it is refused.",
        "-- decide now what such rows become on the way back\n{query};",
    ),
    "down.loses-data": Hazard(
        "The way back restores the shape, not the values.",
        "-- keep a copy before you migrate\nCREATE TABLE {table_kept} AS SELECT * FROM {table};",
    ),
    "down.none": Hazard(
        "No statement undoes this.",
        "-- take a backup that you have restored once, or expand and contract instead of replacing\n-- {statement}",
    ),
    "down.fails": Hazard(
        "The given way back does not run on the schema that the migration leaves.",
        "-- mend the down script\n{statement};",
    ),
    "down.not-exact": Hazard(
        "The given way back runs, and leaves another schema than the one before.", "-- what differs\n-- {difference}"
    ),
    "drift.column": Hazard(
        "Model and database disagree: the application reads or writes a column that is not so.", "{sql}"
    ),
    "drift.table": Hazard("Model and database disagree about a table.", "{sql}"),
    "drift.nullability": Hazard(
        "Model and database disagree about NULL: one of them is wrong about what may be missing.", "{sql}"
    ),
    "drift.type": Hazard("Model and database disagree about a type.", "{sql}"),
    "drift.foreign-key": Hazard(
        "Model and database disagree about what happens to rows whose parent goes; the next generated migration swaps the key.",
        "{sql}",
    ),
    "drift.index": Hazard("Model and database disagree about an index or a unique constraint.", "{sql}"),
    "drift.enum": Hazard("Model and database disagree about the values of an enum.", "{sql}"),
    "drift.edited-migration": Hazard(
        "A migration that was applied has other bytes now; Prisma's deploy does not notice, and no new database is like the old one.",
        "-- restore the file, and put the change into a migration of its own",
    ),
    "schema.fk-without-index": Hazard(
        "Without an index on the referencing columns each DELETE or key change of a parent row reads the whole child table.",
        "CREATE INDEX CONCURRENTLY ON {table} ({columns});",
    ),
    "schema.cascade-on-nullable": Hazard(
        "The owner became optional and the key still cascades: deleting a parent erases the rows that have one, while rows without one stay.",
        "ALTER TABLE {table} ADD CONSTRAINT {name_new} FOREIGN KEY ({columns}) REFERENCES {parent} ON DELETE SET NULL NOT VALID;\n"
        "ALTER TABLE {table} VALIDATE CONSTRAINT {name_new};\nALTER TABLE {table} DROP CONSTRAINT {name};",
    ),
    "schema.empties-required": Hazard(
        "The key sets to nothing what may not be nothing: while a row points at it, a DELETE of the parent fails with 23502.",
        "ALTER TABLE {table} ALTER COLUMN {column} DROP NOT NULL;  -- or a key that says ON DELETE RESTRICT or CASCADE",
    ),
    "schema.unused-type": Hazard(
        "A type that no column uses was abandoned, or its column was forgotten.",
        "DROP TYPE {name};  -- or add the column that was meant",
    ),
    "schema.no-primary-key": Hazard(
        "Nothing tells the rows apart any more: they may repeat, keys cannot refer to them, and a publication refuses to change them.",
        "-- build the successor first, and swap in one transaction\n"
        "CREATE UNIQUE INDEX CONCURRENTLY {name_new} ON {table} ({columns});\n"
        "BEGIN;\n{statement};\nALTER TABLE {table} ADD CONSTRAINT {name} PRIMARY KEY USING INDEX {name_new};\nCOMMIT;",
    ),
    "schema.no-replica-identity": Hazard(
        "Logical replication cannot say which row an UPDATE or DELETE means: as soon as the table is published they are refused.",
        "ALTER TABLE {table} REPLICA IDENTITY DEFAULT;  -- its primary key; FULL without one",
    ),
    "schema.unpublished": Hazard(
        "A subscriber keeps the rows that it has and hears of no change to them any more: neither side says so.",
        "-- publish it again, then, on the subscriber, refresh\nALTER PUBLICATION {name} ADD TABLE {table};\n"
        "-- ALTER SUBSCRIPTION … REFRESH PUBLICATION",
    ),
    "schema.autovacuum-off": Hazard(
        "Dead rows stay, statistics grow old, and the table is only frozen in an emergency.",
        "ALTER TABLE {table} RESET (autovacuum_enabled);  -- at the latest when the bulk work is done",
    ),
    "schema.trigger-off": Hazard(
        "What the trigger did for each row is done for none any more, or for fewer, and nothing says so.",
        "ALTER TABLE {table} ENABLE TRIGGER {name};  -- at the latest when the bulk work is done",
    ),
    "schema.invalid-constraint": Hazard(
        "A NOT VALID constraint guards new rows only, and proves nothing until it is validated.",
        "ALTER TABLE {table} VALIDATE CONSTRAINT {name};",
    ),
    "schema.not-enforced": Hazard(
        "A NOT ENFORCED constraint is a remark: no row is held against it, old or new, a foreign key refuses no DELETE and passes none on, "
        "and to enforce it later reads every row under ACCESS EXCLUSIVE.",
        "-- one that guards from now on, validated without blocking anybody, instead\n"
        "ALTER TABLE {table} ADD CONSTRAINT {name_new} {definition} NOT VALID;\n"
        "ALTER TABLE {table} VALIDATE CONSTRAINT {name_new};\nALTER TABLE {table} DROP CONSTRAINT {name};",
    ),
    "schema.refused": Hazard(
        "The statement is refused whatever the rows hold: the schema on which it was written is not this one.",
        "-- {message}\n-- run the check against the real schema (--baseline), and mend the statement",
    ),
    "schema.open-to-all": Hazard(
        "PUBLIC is every role of the server, reporting logins and those that are made later among them: nothing that is revoked from one of them keeps it out.",
        "REVOKE {privileges} ON {object} FROM PUBLIC;\nGRANT {privileges} ON {object} TO …;  -- the roles that need it",
    ),
    "schema.not-restorable": Hazard(
        "What is there goes on working, and a dump of it cannot be restored: PostgreSQL makes an index or a stored column of immutable functions alone.",
        "ALTER FUNCTION {function} IMMUTABLE;  -- if it is; else drop what rests on it first",
    ),
    "schema.definer-path": Hazard(
        "A SECURITY DEFINER function finds names on the caller's search_path: who may create a table or function anywhere on it, "
        "pg_temp included, has code run with the owner's rights.",
        "ALTER FUNCTION {function} SET search_path = pg_catalog, {schema}, pg_temp;",
    ),
    "check.empty": Hazard(
        "A migration without a statement is recorded as applied and does nothing.",
        "-- remove the file, or write what was meant",
    ),
    "check.stepped-over": Hazard(
        "IF NOT EXISTS looks at the name alone: the migration is recorded as applied, and what it says about the table is not so.",
        "ALTER TABLE {table} …;  -- what is missing, said by itself",
    ),
    "check.not-analysed": Hazard(
        "PostgreSQL's grammar does not know this statement: what is said about it is what was seen when it ran.",
        "-- check the syntax for your PostgreSQL version",
    ),
    "check.placeholder": Hazard(
        "The runner replaces a placeholder before it sends the statement: what is said here is about another text.",
        "-- check the file as the runner sends it, with the values written out",
    ),
    "check.not-applied": Hazard("The migration gave up or was ended while others worked.", _RETRY),
    "check.not-run": Hazard(
        "The statement was never reached, so nothing is known about it.", "-- mend the statement that fails before it"
    ),
    "check.suppression": Hazard(
        "A suppression needs a reason for the next reader, and something to suppress.",
        "-- harness: allow {name} because …",
    ),
}

assert all(hazard.split(".")[0] in FAMILIES for hazard in HAZARDS)
