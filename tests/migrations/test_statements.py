"""SQL taken apart: statements with positions, COPY rows, psql lines, suppressions."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.migrations.statements import split


def test_each_statement_knows_its_line_and_column() -> None:
    source = split("-- é first\nSELECT 'a;b';  ALTER TABLE \"é\" ADD x int;\n\n  DROP TABLE t\n", "m.sql")
    assert [(str(s.position), s.kind) for s in source.statements] == [
        ("m.sql:2:1", "SelectStmt"),
        ("m.sql:2:16", "AlterTableStmt"),
        ("m.sql:4:3", "DropStmt"),
    ]


def test_a_statement_that_is_not_understood_hides_no_other() -> None:
    source = split("SELECT 1;\nALTER TABEL t ADD x int;\nSELECT 2;", "m.sql")
    assert [s.tree is None for s in source.statements] == [False, True, False]
    assert "TABEL" in source.statements[1].error


def test_an_unclosed_quote_is_one_statement_with_a_reason() -> None:
    (statement,) = split("SELECT 'open;\nSELECT 2;", "m.sql").statements
    assert "unterminated" in statement.error


def test_rows_of_copy_belong_to_their_statement_and_move_no_line() -> None:
    source = split("COPY t (a) FROM stdin;\n1;\n2\n\\.\n\nSELECT 1;", "dump.sql")
    assert source.statements[0].copy_data == "1;\n2\n"
    assert source.statements[1].position.line == 6


def test_psql_lines_are_taken_out_but_not_from_a_body() -> None:
    source = split("\\restrict abc\nDO $$ BEGIN\n\\inside\nEND $$;\n", "m.sql")
    assert [meta.command for meta in source.meta_commands] == ["restrict"]
    assert "\\inside" in source.statements[0].text


def test_variables_of_psql_are_written_out_where_psql_does_it() -> None:
    sql = (
        "\\set tab orders\n\\set size 30\n\\set word 'it''s'\n"
        "ALTER TABLE :tab ADD k varchar(:size) DEFAULT :'word'; -- :tab\n"
        "SELECT ':tab', 1::int, :\"tab\".k, :unset, $$:tab$$ FROM :tab;\nCOPY :tab (id) FROM stdin;\n1\n\\.\n\\set tab item\nDROP TABLE :tab;"
    )
    source = split(sql, "m.sql")
    assert [s.text for s in source.statements] == [
        "ALTER TABLE orders ADD k varchar(30) DEFAULT 'it''s'",
        "SELECT ':tab', 1::int, \"orders\".k, :unset, $$:tab$$ FROM orders",
        "COPY orders (id) FROM stdin",
        "DROP TABLE item",
    ]
    assert [s.position.line for s in source.statements] == [4, 5, 6, 10]
    assert source.statements[2].copy_data == "1\n"


def test_begin_atomic_is_one_statement() -> None:
    sql = "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END;"
    assert len(split(sql, "m.sql").statements) == 1


@pytest.mark.parametrize(
    ("comment", "ids", "reason"),
    [
        ("-- harness: allow rewrite because it is empty", ("rewrite",), "it is empty"),
        ("-- harness: allow lock.*, data.loss: agreed", ("lock.*", "data.loss"), "agreed"),
        ("-- harness: allow rewrite", ("rewrite",), ""),
        ("-- HARNESS: ALLOW Lock.* because it is loud", ("lock.*",), "it is loud"),
        ("/* harness: allow rewrite, because it is empty */", ("rewrite",), "it is empty"),
    ],
)
def test_a_suppression_names_ids_and_a_reason(comment: str, ids: tuple[str, ...], reason: str) -> None:
    (statement,) = split(f"{comment}\nSELECT 1;", "m.sql").statements
    assert [(a.ids, a.reason) for a in statement.allowances] == [(ids, reason)]


@pytest.mark.parametrize(
    "comment",
    [
        "-- harness:allow(rewrite) because x",
        "-- harness: ignore rewrite because x",
        "-- harness allow rewrite because x",
        "-- harness: allow\n-- rewrite because x",
        "-- @harness-disable rewrite",
    ],
)
def test_a_comment_that_reads_like_a_suppression_is_no_secret(comment: str) -> None:
    source = split(f"{comment}\nSELECT 1;", "m.sql")
    assert source.allowances == ()
    assert [position.line for _, position in source.misread] == [1]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT '-- harness: allow rewrite because it is a text';",
        "DO $$ BEGIN -- harness: allow rewrite because it is inside\nEND $$;",
        "-- we let the harness allow it\nSELECT 1;",
    ],
)
def test_a_text_is_no_suppression(sql: str) -> None:
    source = split(sql, "m.sql")
    assert (source.allowances, source.misread) == ((), ())


def test_a_suppression_at_the_end_of_a_line_belongs_to_that_line() -> None:
    first, second = split("SELECT 1; -- harness: allow rewrite because x\nSELECT 2;", "m.sql").statements
    assert len(first.allowances) == 1
    assert second.allowances == ()


@given(st.text(alphabet="aé;'\"$-/*\\\n ()", max_size=60))
def test_no_text_makes_it_raise(text: str) -> None:
    for statement in split(text, "m.sql").statements:
        assert statement.position.line >= 1
        assert statement.text.strip()


@pytest.mark.parametrize(
    ("sql", "texts"),
    [
        ("DROP\u00a0TABLE a;\nSELECT 1;", ["DROP\u00a0TABLE a", "SELECT 1"]),  # one word to PostgreSQL
        ("SELECT 1 1;\nx;\n-- y;\nSELECT 2;\nz;", ["SELECT 1 1", "x", "SELECT 2", "z"]),
        ("SELECT 1 1;-- c\rDROP TABLE a;", ["SELECT 1 1", "DROP TABLE a"]),  # a carriage return ends a comment
        ("SELECT 1 1; /* ; */ ;\n--z", ["SELECT 1 1"]),
    ],
)
def test_what_the_server_is_sent_is_never_passed_over(sql: str, texts: list[str]) -> None:
    assert [s.text for s in split(sql, "m.sql").statements] == texts


def test_rows_of_copy_may_have_lines_and_delimiters_of_their_own() -> None:
    source = split("COPY t FROM stdin WITH (DELIMITER ';');\r\n1;a\r\n\\.\r\nSELECT 1;\r\n", "m.sql")
    assert [(s.kind, s.copy_data) for s in source.statements] == [("CopyStmt", "1;a\r\n"), ("SelectStmt", None)]


def test_time_to_take_a_file_apart_grows_with_its_length() -> None:
    def seconds(rows: int) -> float:
        text = "".join(f"INSERT INTO t VALUES ({row}, 'é');\n" for row in range(rows))
        start = time.process_time()
        assert len(split(text, "m.sql").statements) == rows
        return time.process_time() - start

    assert seconds(16_000) < 12 * max(seconds(4_000), 0.05)  # 16 times if it were the square
