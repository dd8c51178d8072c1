"""The offline image answers to the environment variables of the official one."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from harness.postgres.engine import OFFLINE_IMAGE, docker_client
from tests.postgres.processes import ROOT

pytestmark = pytest.mark.docker


@contextmanager
def running(image: str, environment: dict[str, str], files: dict[str, str] | None = None, **more: Any) -> Iterator[Any]:
    """A container; `files` are put where the entrypoint looks for scripts."""
    with docker_client() as client:
        container = client.containers.create(image, environment=environment, tmpfs={"/var/lib/postgresql": ""}, **more)
        try:
            for name, text in (files or {}).items():
                container.put_archive("/docker-entrypoint-initdb.d", _archive(name, text))
            container.start()
            yield container
        finally:
            container.remove(force=True, v=True)


def _archive(name: str, text: str) -> bytes:
    import io
    import tarfile

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = len(text.encode()), 0o755
        archive.addfile(entry, io.BytesIO(text.encode()))
    return buffer.getvalue()


def ask(container: Any, question: str, user: str = "postgres", database: str = "postgres") -> str:
    """The answer of psql over TCP, which only the final server listens to."""
    command = ["psql", "-h", "127.0.0.1", "-U", user, "-d", database, "-Atc", question]
    deadline = time.monotonic() + 60
    while True:
        code, output = container.exec_run(command, environment={"PGPASSWORD": "secret"})
        if code == 0 or time.monotonic() > deadline:
            return str(output.decode().strip())
        time.sleep(0.1)


def test_user_password_database_arguments_and_scripts(image: str) -> None:
    environment = {
        "POSTGRES_USER": "boss",
        "POSTGRES_PASSWORD": "secret",
        "POSTGRES_DB": "shop",
        "POSTGRES_INITDB_ARGS": "--data-checksums --wal-segsize=1",
    }
    scripts = {
        "1.sql": "CREATE TABLE first (i int);",
        "2.sh": 'psql -U "$POSTGRES_USER" -d "$POSTGRES_DB" -c \'CREATE TABLE second (i int)\'',
        "3.txt": "ignored",
    }
    with running(
        image, environment, scripts, command=["postgres", "-c", "work_mem=7MB", "-c", "datestyle=ISO, DMY"]
    ) as one:
        tables = "SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        assert ask(one, tables, "boss", "shop") == "first second"
        assert ask(one, "SHOW data_checksums", "boss", "shop") == "on"
        assert ask(one, "SHOW wal_segment_size", "boss", "shop") == "1MB"
        assert ask(one, "SHOW work_mem", "boss", "shop") == "7MB"
        assert ask(one, "SHOW datestyle", "boss", "shop") == "ISO, DMY"
        assert ask(one, "SHOW data_directory", "boss", "shop") == "/var/lib/postgresql/data"
        assert one.exec_run(["stat", "-c", "%U", "/proc/1"])[1].strip() == b"postgres"
        outside = ["psql", "-h", one.short_id, "-U", "boss", "-d", "shop", "-Atc", "SELECT 1"]  # as others come
        assert one.exec_run(outside, environment={"PGPASSWORD": "secret"})[1] == b"1\n"
        assert b"password authentication failed" in one.exec_run(outside, environment={"PGPASSWORD": "no"})[1]


def test_trust_needs_no_password_and_another_data_directory_is_used(image: str) -> None:
    environment = {"POSTGRES_HOST_AUTH_METHOD": "trust", "PGDATA": "/var/lib/postgresql/elsewhere"}
    with running(image, environment) as container:
        assert ask(container, "SHOW data_directory") == "/var/lib/postgresql/elsewhere"


def test_without_a_password_it_refuses(image: str) -> None:
    with running(image, {}) as container:
        assert container.wait(timeout=60)["StatusCode"] == 1
        assert b"set POSTGRES_PASSWORD, or POSTGRES_HOST_AUTH_METHOD=trust" in container.logs()


def test_another_command_is_run_as_it_is(image: str) -> None:
    with running(image, {}, command=["echo", "hello"]) as container:
        container.wait(timeout=60)
        assert container.logs() == b"hello\n"


def test_the_script_of_ci_does_nothing_the_second_time() -> None:
    done = subprocess.run(["bash", ROOT / ".ci" / "docker.sh"], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "installing" not in done.stdout
    assert "starting" not in done.stdout
    assert f"image {OFFLINE_IMAGE}:" in done.stdout or not done.stdout
