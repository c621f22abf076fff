"""The embedded server: keeps its data, survives kills and stale lock files, leaves nothing behind."""

import os
import subprocess
import sys
from pathlib import Path

import asyncpg
import psutil
import pytest

from shared.embedded import EmbeddedPostgres, free_port
from shared.embedded.process import EmbeddedServerFailed


async def query(server: EmbeddedPostgres, statement: str) -> object:
    connection = await asyncpg.connect(server.dsn())
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def test_sorts_by_code_point_and_speaks_utc(postgres: EmbeddedPostgres) -> None:
    order = await query(postgres, "SELECT string_agg(x, '' ORDER BY x) FROM unnest(ARRAY['b', 'A', 'a', 'ä', 'Z']) AS x")
    assert order == "AZabä"
    assert await query(postgres, "SELECT current_setting('timezone')") == "UTC"


async def test_refuses_a_wrong_password(postgres: EmbeddedPostgres) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(postgres.dsn(password="wrong"))


def test_listens_on_the_loopback_address_only(postgres: EmbeddedPostgres) -> None:
    assert postgres.process_id is not None
    addresses = {c.laddr.ip for c in psutil.Process(postgres.process_id).net_connections() if c.status == psutil.CONN_LISTEN}
    assert addresses == {"127.0.0.1"}


async def test_data_survives_stop_and_start(postgres: EmbeddedPostgres) -> None:
    await query(postgres, "CREATE TABLE kept AS SELECT 42 AS value")
    postgres.stop()
    assert not postgres.is_running()
    postgres.start()
    assert await query(postgres, "SELECT value FROM kept") == 42


async def test_starts_again_after_its_process_was_killed(postgres: EmbeddedPostgres) -> None:
    postgres.kill()
    assert not postgres.is_running()
    postgres.start()
    assert await query(postgres, "SELECT 1") == 1


def test_a_lock_file_with_the_id_of_another_process_does_not_matter(postgres: EmbeddedPostgres) -> None:
    lock = postgres.data / "postmaster.pid"
    content = lock.read_text().splitlines()
    postgres.stop()
    lock.write_text("\n".join([str(os.getpid()), *content[1:]]) + "\n")
    assert not postgres.is_running()
    postgres.start()
    assert postgres.is_running()


def test_a_running_server_is_taken_over(postgres: EmbeddedPostgres) -> None:
    other = EmbeddedPostgres(postgres.home, postgres.port, "p@ss/word", durable=False)
    other.start()
    assert other.process_id == postgres.process_id
    other.stop()
    assert not postgres.is_running()


def test_says_what_is_wrong_when_the_port_is_taken(postgres: EmbeddedPostgres, open_folder: Path) -> None:
    second = EmbeddedPostgres(open_folder / "second", postgres.port, "x", durable=False)
    with pytest.raises(EmbeddedServerFailed, match="could not bind"):
        second.start()
    assert not second.is_running()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_does_not_outlive_a_killed_parent(open_folder: Path) -> None:
    program = (
        "import sys, pathlib; from shared.embedded import EmbeddedPostgres\n"
        "server = EmbeddedPostgres(pathlib.Path(sys.argv[1]), int(sys.argv[2]), 'x', durable=False)\n"
        "server.start(); print(server.process_id, flush=True); sys.stdin.read()"
    )
    arguments = [sys.executable, "-c", program, str(open_folder / "orphan"), str(free_port())]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        server = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    server.wait(20)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to hand the work to another account")
def test_root_works_under_a_closed_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    server = EmbeddedPostgres(tmp_path / "postgres", free_port(), "x", durable=False)
    try:
        server.start()
        assert server.is_running()
        assert tmp_path.stat().st_mode & 0o777 == 0o700
    finally:
        server.destroy()


def test_binaries_in_a_closed_folder_are_copied_for_the_account(monkeypatch: pytest.MonkeyPatch, open_folder: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root has to hand the work to another account")
    monkeypatch.setattr("shared.embedded.postgres.is_reachable", lambda path: "site-packages" not in str(path))
    monkeypatch.setattr("shared.embedded.postgres._ROOT_STATE", open_folder / "state")
    server = EmbeddedPostgres(open_folder / "postgres", free_port(), "x", durable=False)
    try:
        server.start()
        assert server.process_id is not None
        assert Path(psutil.Process(server.process_id).exe()).is_relative_to(open_folder / "state")
    finally:
        server.destroy()
