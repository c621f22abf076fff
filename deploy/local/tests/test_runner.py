"""The runner as a whole: what starts, what is started again, and that nothing is left behind."""

import os
import shlex
import signal
import socket
import sys
from pathlib import Path

import psutil
import pytest
from fake_suite import Suite, eventually, make_suite

from local_runner.state import Child

SERVICES = ("customers", "feedback", "loyalty", "analytics")


def children(suite: Suite) -> dict[str, Child]:
    return dict(suite.state.children)


def all_dead(before: dict[str, Child]) -> bool:
    return not any(child.is_alive() for child in before.values())


def test_up_starts_all_in_order_and_prints_where_they_are(suite: Suite) -> None:
    done = suite.command("up")
    assert done.returncode == 0, done.stdout + done.stderr
    for place, service in enumerate(SERVICES, start=1):
        assert f"http://127.0.0.1:{suite.port_base + place}" in done.stdout
        assert suite.journal.index(f"{service} migrate") < suite.journal.index(f"{service} all")
    assert "curl -s" in done.stdout
    assert set(children(suite)) == {*SERVICES, "postgres", "broker"}
    assert suite.command("status").returncode == 0


def test_env_can_be_evaluated_by_a_shell(lasting: Suite) -> None:
    words = shlex.split(lasting.command("env").stdout)
    variables = dict(word.split("=", 1) for word in words)
    assert set(variables) == {*(f"{name.upper()}_URL" for name in SERVICES), "SERVER_KEY", "DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS"}
    assert variables["SERVER_KEY"].startswith("rk_")


def test_a_restart_keeps_the_keys_and_sends_lost_events_again(running: Suite) -> None:
    before = running.command("env").stdout
    assert not any("replay" in line for line in running.journal)
    assert running.command("down").returncode == 0
    assert running.command("status").returncode == 3
    assert running.command("up").returncode == 0
    assert running.command("env").stdout == before
    assert running.journal.index("customers replay --missing") < len(running.journal) - 1 - running.journal[::-1].index("customers all")


def test_down_stops_services_first_and_leaves_nothing(running: Suite) -> None:
    before = children(running)
    running.command("down")
    assert all_dead(before)
    assert {f"{service} stopped" for service in SERVICES} <= set(running.journal)


def test_a_dead_service_is_started_again(lasting: Suite) -> None:
    before = children(lasting)["loyalty"]
    os.kill(before.process_id, signal.SIGKILL)
    eventually(lambda: lasting.state.restarts.get("loyalty") == 1)
    eventually(lambda: lasting.command("status").returncode == 0)
    assert children(lasting)["loyalty"] != before


def test_a_dead_postgres_is_started_again(lasting: Suite) -> None:
    os.kill(children(lasting)["postgres"].process_id, signal.SIGKILL)
    eventually(lambda: lasting.state.restarts.get("postgres") == 1)
    assert lasting.command("status").returncode == 0


def test_a_broker_that_forgot_everything_is_filled_before_the_services_go_on(lasting: Suite) -> None:
    before = children(lasting)
    os.kill(before["broker"].process_id, signal.SIGKILL)
    eventually(lambda: lasting.state.restarts.get("broker") == 1)
    assert lasting.command("status").returncode == 0
    assert lasting.state.children["customers"] != before["customers"]
    journal = lasting.journal
    last_start = len(journal) - 1 - journal[::-1].index("analytics all")
    assert journal.index("analytics stopped") < journal.index("analytics replay --missing") < last_start


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_a_killed_runner_takes_everything_with_it(running: Suite) -> None:
    before = children(running)
    os.kill(running.state.runner.process_id, signal.SIGKILL)
    eventually(lambda: all_dead(before))
    assert running.command("up").returncode == 0


def test_ctrl_c_stops_the_foreground(suite: Suite) -> None:
    with suite.foreground() as runner:
        assert runner.stdout is not None
        line = ""
        while "Ctrl-C" not in line:
            line = runner.stdout.readline()
            assert line, "it ended before it was ready"
        before = children(suite)
        runner.send_signal(signal.SIGINT)
        rest = runner.stdout.read()
    assert runner.returncode == 0, rest
    assert all_dead(before)


def test_a_failure_is_told_with_the_end_of_the_log(suite: Suite) -> None:
    done = suite.command("up", FAKE_FAILURE="feedback migrate")
    assert done.returncode == 1
    assert "the disk is on fire" in done.stdout
    assert all_dead(children(suite))


def test_a_service_that_ends_at_once_is_a_failure(suite: Suite) -> None:
    done = suite.command("up", FAKE_FAILURE="analytics all")
    assert done.returncode == 1
    assert "the disk is on fire" in done.stdout


def test_a_taken_port_is_named(suite: Suite) -> None:
    with socket.create_server(("127.0.0.1", suite.port_base + 3)):
        done = suite.command("up")
    assert done.returncode == 1
    assert f"Port {suite.port_base + 3}, meant for loyalty, is taken" in done.stdout


def test_a_second_runner_in_one_home_is_refused(lasting: Suite) -> None:
    done = lasting.command("run")
    assert done.returncode == 1
    assert "runs already" in done.stderr


def test_two_suites_run_side_by_side(lasting: Suite, tmp_path: Path) -> None:
    other = make_suite(tmp_path / "other")
    try:
        assert other.command("up").returncode == 0
        assert lasting.command("status").returncode == 0
        assert lasting.command("env").stdout != other.command("env").stdout
    finally:
        other.command("reset")
    assert lasting.command("status").returncode == 0


def test_reset_deletes_everything(running: Suite) -> None:
    postgres = Path(psutil.Process(children(running)["postgres"].process_id).cwd())
    assert running.command("reset").returncode == 0
    assert not running.home.exists()
    assert not postgres.exists()
