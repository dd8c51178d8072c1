"""The real Prisma client, on the schema before and after the update (R20, MIGRATIONS.md 4)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.postgres import Database, Server
from harness.scenario.fixtures import catalogue, history, populate
from tests.migrations.places import FIXTURES
from tests.support.npm import npm_tools

pytestmark = [pytest.mark.npm, pytest.mark.long]

SOURCE = FIXTURES / "prisma"
CLIENT, BUILDER, SESSION = (
    "10000000-0000-4000-8000-000000000003",
    "20000000-0000-4000-8000-000000000001",
    "30000000-0000-4000-8000-000000000001",
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fixture with its packages and both generated clients."""
    wanted = json.loads((SOURCE / "package.json").read_text())["dependencies"]
    tools = npm_tools("prisma", [f"{name}@{version}" for name, version in sorted(wanted.items())])
    place = tmp_path_factory.mktemp("prisma") / "project"
    shutil.copytree(SOURCE, place)
    (place / "node_modules").symlink_to(tools / "node_modules")
    scratch = place.with_name("scratch")
    scratch.mkdir()
    offline = {
        "PRISMA_SCHEMA_ENGINE_BINARY": shutil.which("true") or "/bin/true",
        "CHECKPOINT_DISABLE": "1",
        "TMPDIR": str(scratch),  # it leaves an empty folder there
    }
    for model in ("required", "optional"):
        command = ["node_modules/.bin/prisma", "generate", "--schema", f"{model}/schema.prisma"]
        subprocess.run(command, cwd=place, env={**os.environ, **offline}, check=True, capture_output=True, timeout=120)
    return place


@pytest.fixture(params=["before", "after"])
def database(request: pytest.FixtureRequest, server: Server) -> Iterator[Database]:
    sections = ("before", "update") if request.param == "after" else ("before",)
    template = server.template(
        f"prisma {request.param}", lambda c: populate(c, history(FIXTURES, sections), catalogue(FIXTURES, "production"))
    )
    made = template.clone()
    yield made
    made.drop()


def act(project: Path, database: Database, model: str, *action: str) -> dict[str, Any]:
    url = database.sqlalchemy_url.replace("postgresql+psycopg", "postgresql")
    env = {**os.environ, "DATABASE_URL": url, "BUILDER_ID": BUILDER, "SESSION_TYPE_ID": SESSION}
    done = subprocess.run(
        ["node", "try.mjs", model, *action],
        cwd=project,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout, done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def test_a_required_client_is_refused_before_any_query(project: Path, database: Database) -> None:
    """The original error, whatever the database."""
    told = act(project, database, "required", "create-anonymous")
    assert (told["name"], told["message"]) == ("PrismaClientValidationError", "Argument `clientId` is missing.")


@pytest.mark.parametrize("database", ["before"], indirect=True)
def test_new_code_on_the_old_schema_is_p2011(project: Path, database: Database) -> None:
    told = act(project, database, "optional", "create-anonymous")
    assert (told["name"], told["code"]) == ("PrismaClientKnownRequestError", "P2011")


@pytest.mark.parametrize("database", ["after"], indirect=True)
def test_after_the_update_it_works_and_old_code_gets_null_in_silence(project: Path, database: Database) -> None:
    assert act(project, database, "optional", "create-anonymous")["ok"]
    assert act(project, database, "required", "create-for", CLIENT)["ok"]
    read = act(project, database, "required", "read")
    assert read["ok"]
    assert sorted(str(row["clientId"]) for row in read["value"]) == [CLIENT, "None"]
