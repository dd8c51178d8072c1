"""schema.prisma and SQLAlchemy's models against a database."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import InputError
from harness.migrations.drifting import compare_prisma
from harness.migrations.prismaschema import read_prisma_schema
from harness.migrations.schema import snapshot
from harness.postgres import Server
from tests.migrations.conftest import Rehearse

TABLES = """
CREATE TYPE "Kind" AS ENUM ('A', 'B');
CREATE TABLE people (id text PRIMARY KEY, "fullName" varchar(80) NOT NULL, kind "Kind" NOT NULL);
CREATE TABLE "Note" (id integer PRIMARY KEY, "personId" text REFERENCES people (id) ON DELETE SET NULL ON UPDATE CASCADE, body text);
"""
MODEL = """
enum Kind {
  A
  B
}
model Person {
  id    String @id
  name  String @map("fullName") @db.VarChar(80)   // a comment
  kind  Kind
  notes Note[]
  @@map("people")
}
model Note {
  id       Int     @id
  personId String?
  body     String?
  person   Person? @relation(fields: [personId], references: [id])
}
"""


def drift(server: Server, tmp_path: Path, model: str, tables: str = TABLES) -> list[tuple[str, str]]:
    file = tmp_path / "schema.prisma"
    file.write_text(model)
    database = server.create_database()
    with database.connect() as connection:
        connection.execute(tables)
        found = compare_prisma(read_prisma_schema(file), snapshot(connection))
    database.drop()
    return [(f.id, f.evidence) for f in found]


def test_a_model_that_agrees_has_no_drift(server: Server, tmp_path: Path) -> None:
    assert drift(server, tmp_path, MODEL) == []


@pytest.mark.parametrize(
    ("old", "new", "hazard", "words"),
    [
        (
            "body     String?",
            "body     String",
            "drift.nullability",
            "Note.body is required and the column may be NULL",
        ),
        ("body     String?", "body     Int?", "drift.type", "Note.body is Int (integer) and the column is text"),
        (
            "body     String?",
            "text     String?",
            "drift.column",
            "Note.text reads and writes column text, which no migration made",
        ),
        ("  B\n}", "  B\n  C\n}", "drift.enum", "enum Kind: C only in the model, nothing only in the database"),
        (
            "references: [id])",
            "references: [id], onDelete: Cascade)",
            "drift.foreign-key",
            "the model means ON DELETE CASCADE",
        ),
        (
            '@map("fullName")',
            '@map("fullName") @unique',
            "drift.index",
            "(fullName) is unique and no index makes it so",
        ),
        ('@@map("people")', "", "drift.table", "model Person reads table Person, which no migration made"),
    ],
)
def test_each_kind_of_drift_is_found(
    server: Server, tmp_path: Path, old: str, new: str, hazard: str, words: str
) -> None:
    assert old in MODEL
    found = drift(server, tmp_path, MODEL.replace(old, new, 1))
    assert any(name == hazard and words in evidence for name, evidence in found), found


def test_a_model_without_models_is_an_error_and_not_a_pass(server: Server, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no model"):
        drift(server, tmp_path, "enum A {\n  B\n}\n")


def test_an_unknown_type_is_told_with_its_line(server: Server, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"schema\.prisma:3:.*type Strin is not known"):
        drift(server, tmp_path, "model A {\n  id Int @id\n  b Strin\n}\n")


def test_without_models_drift_is_not_checked(rehearse: Rehearse) -> None:
    report = rehearse("ANALYZE orders;", phases=("observe", "drift"))
    (phase,) = [phase for phase in report.phases if phase.name == "drift"]
    assert phase.status == "not checked"
    assert "--prisma-schema" in phase.reason


@pytest.mark.parametrize("reference", ["no.such.module:x", "harness.booking.models:nothing"])
def test_models_that_cannot_be_imported_are_a_mistake(rehearse: Rehearse, reference: str) -> None:
    with pytest.raises(InputError, match="Give module:attribute"):
        rehearse("ANALYZE orders;", phases=("observe", "drift"), models=reference)
