"""Production's own history: the ways in which it is known to have gone wrong (DOMAIN.md 8, G)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.migrations.checking import PHASES, Report, check
from harness.migrations.findings import Severity
from harness.migrations.reading import plan
from harness.migrations.rehearsal import Options
from harness.postgres import Server
from tests.migrations.places import FIXTURES, PRODUCTION, UPDATE, ids, of

PRISMA = PRODUCTION / "prisma"
CATALOGUE = FIXTURES / "catalogues" / "production.yaml"


def checked(server: Server, path: Path, *, without: tuple[str, ...] = ("traffic",), **options: Any) -> Report:
    phases = tuple(phase for phase in PHASES if phase not in without)
    return check(server, plan(path), Options(rows=500, production_rows=500, phases=phases, **options))


@pytest.fixture(scope="module")
def update(server: Server) -> Report:
    return checked(server, UPDATE, data=CATALOGUE, prisma_schema=FIXTURES / "prisma" / "optional" / "schema.prisma")


def test_the_update_rewrites_scans_and_loses_nothing(update: Report) -> None:
    assert not ids(update) & {
        "rewrite",
        "scan.blocks-reads",
        "data.loss",
        "data.changed",
        "rerun.fails",
        "tx.not-atomic",
    }
    (seen,) = update.observations
    assert str(next(iter(seen.locks))) == "ACCESS EXCLUSIVE on Booking"


def test_g8_the_update_cannot_be_undone_once_an_anonymous_row_exists(update: Report) -> None:
    found = of(update, "down.impossible-after-new-rows")
    assert found.severity is Severity.HIGH
    assert 'SELECT count(*) FROM "Booking" WHERE "clientId" IS NULL' in found.remedy
    assert update.way_back == ['ALTER TABLE "Booking" ALTER COLUMN "clientId" SET NOT NULL']


def test_g9_the_cascade_stays_on_the_optional_owner(update: Report) -> None:
    assert "Booking_clientId_fkey is still ON DELETE CASCADE" in of(update, "schema.cascade-on-nullable").evidence


def test_g1_the_model_means_another_foreign_key(update: Report) -> None:
    assert (
        "the model means ON DELETE SET NULL, Booking_clientId_fkey says CASCADE"
        in of(update, "drift.foreign-key").evidence
    )


def test_g1_the_model_has_columns_that_no_migration_made(server: Server) -> None:
    """`currentState` and its kin were in the model before any migration created them."""
    dated = PRISMA / "20250506093000_add_session_type_order"
    report = checked(server, dated, prisma_schema=FIXTURES / "prisma" / "required" / "schema.prisma")
    missing = {f.evidence.split()[0] for f in report.findings if f.id == "drift.column" and f.severity is Severity.HIGH}
    assert {"Booking.currentState", "Booking.stateData", "Booking.lastTransition"} <= missing


def test_g2_the_backfill_touches_no_row(server: Server) -> None:
    found = of(checked(server, PRISMA / "20250402083000_add_requires_auth"), "data.touches-nothing")
    assert "requiresAuth was added with a default" in found.evidence
    assert found.severity is Severity.MEDIUM


def test_g4_a_migration_that_fails_when_run_again(server: Server) -> None:
    report = checked(server, PRISMA / "20250506093000_add_session_type_order")
    assert "already exists" in of(report, "rerun.fails").evidence


def test_g5_a_migration_that_fails_over_a_hand_made_history(server: Server) -> None:
    """The hand-made file brought `displayOrder`; the folder that brings it again cannot be applied after it."""
    dated = PRISMA / "20250506093000_add_session_type_order"
    before = [folder for folder in sorted(PRISMA.glob("2025*")) if folder.name < dated.name]
    planned = plan(dated, [*before, PRISMA / "add_session_type_category.sql"])
    report = check(server, planned, Options(rows=50, phases=("lint", "observe")))
    assert 'column "displayOrder" of relation "SessionType" already exists' in of(report, "schema.refused").evidence


def test_g6_an_abandoned_enum_type(server: Server) -> None:
    assert (
        "type BookingState is used by no column"
        in of(checked(server, PRISMA / "20250425120000_add_booking_state_enum"), "schema.unused-type").evidence
    )


def test_the_model_of_the_reference_agrees_with_its_migrations(server: Server) -> None:
    last = PRODUCTION / "reference" / "06_mend_states.sql"
    baseline = [PRODUCTION, UPDATE, *sorted((PRODUCTION / "reference").glob("0[1-5]*.sql"))]
    report = check(
        server,
        plan(last, baseline),
        Options(rows=50, models="harness.booking.models:METADATA", phases=("observe", "drift")),
    )
    assert [f.evidence for f in report.findings if f.id.startswith("drift.")] == []
