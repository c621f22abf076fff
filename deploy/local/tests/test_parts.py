"""The small parts of the runner."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from local_runner.credentials import make_credentials, read_credentials
from local_runner.doctor import examine
from local_runner.environment import admin_url, service_environment
from local_runner.log_view import LogView, read_line
from local_runner.schemas import newest
from local_runner.service_process import Backoff
from local_runner.settings import BadSetting, Settings
from local_runner.supervisor import events_to_send_again
from shared.embedded.broker import Profile


def test_defaults() -> None:
    settings = Settings.read({})
    assert settings.ports() == {"customers": 8001, "feedback": 8002, "loyalty": 8003, "analytics": 8004, "postgres": 8032, "broker": 8092}


def test_empty_variables_count_as_absent() -> None:
    assert Settings.read({"DATABASE_URL": "", "BROKER": " "}).ports() == Settings.read({}).ports()


def test_servers_that_exist_replace_the_embedded_ones() -> None:
    settings = Settings.read({"DATABASE_URL": "postgresql://a:b@db/x", "KAFKA_BOOTSTRAP_SERVERS": "k:9092"})
    assert set(settings.ports()) == set(settings.services)


@pytest.mark.parametrize(
    "variables", [{"PORT_BASE": "80"}, {"PORT_BASE": "x"}, {"PORT_BASE": "65500"}, {"BROKER": "rabbit"}, {"DEMO": "big"}]
)
def test_bad_settings_are_named(variables: dict[str, str]) -> None:
    with pytest.raises(BadSetting, match=next(iter(variables))):
        Settings.read(variables)


def test_credentials_stay_and_are_private(tmp_path: Path) -> None:
    assert read_credentials(tmp_path) is None
    made = make_credentials(tmp_path, ("customers",))
    assert make_credentials(tmp_path, ("customers",)) == made == read_credentials(tmp_path)
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600


def test_a_service_that_is_added_gets_a_password_and_the_others_keep_theirs(tmp_path: Path) -> None:
    before = make_credentials(tmp_path, ("customers",))
    after = make_credentials(tmp_path, ("customers", "loyalty"))
    assert after.service_passwords["customers"] == before.service_passwords["customers"]
    assert after.server_key == before.server_key
    assert after.service_passwords["loyalty"]


def test_a_service_is_told_its_own_secrets_only(tmp_path: Path) -> None:
    settings = Settings.read(
        {"REGULARS_HOME": str(tmp_path), "DATABASE_URL": "postgresql://boss:s3cret@db:5432", "LOYALTY_LOG_LEVEL": "debug"}
    )
    credentials = make_credentials(tmp_path, settings.services)
    environment = service_environment(settings, credentials, "loyalty")
    password = credentials.service_passwords["loyalty"]
    assert environment["LOYALTY_DATABASE_URL"] == f"postgresql://loyalty:{password}@db:5432/regulars"
    assert environment["LOYALTY_LOG_LEVEL"] == "debug"
    assert not any(secret in value for value in environment.values() for secret in ("s3cret", credentials.server_key))
    assert service_environment(settings, credentials, "customers")["CUSTOMERS_BOOTSTRAP_SERVER_KEY"] == credentials.server_key


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("postgresql://a@h", "postgresql://a@h/regulars"),
        ("postgresql://a@h/postgres", "postgresql://a@h/regulars"),
        ("postgresql://a@h/mine",) * 2,
    ],
)
def test_a_server_without_a_database_of_ours_gets_one(tmp_path: Path, given: str, used: str) -> None:
    settings = Settings.read({"DATABASE_URL": given})
    assert admin_url(settings, make_credentials(tmp_path, settings.services)) == used


@pytest.mark.parametrize(
    ("broker", "before", "which"),
    [
        ("tansu", "tansu", "missing"),
        ("tansu", "kafka", "missing"),
        ("kafka", "kafka", None),
        ("kafka", "tansu", "all"),
        ("kafka", None, "all"),
    ],
)
def test_what_a_broker_cannot_have_is_sent_again(broker: Profile, before: str | None, which: str | None) -> None:
    assert events_to_send_again(broker, before) == which


def test_pauses_double_up_to_half_a_minute_and_start_over_after_a_long_run() -> None:
    backoff = Backoff()
    assert [backoff.pause_seconds(1) for _ in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert backoff.pause_seconds(3_600) == 0.5


def test_json_lines_become_sentences() -> None:
    line = read_line(
        json.dumps({"event": "order placed", "level": "warning", "timestamp": "2026-01-02T03:04:05.678901Z", "service": "x", "n": 3})
    )
    assert (line.at, line.level, line.text) == ("03:04:05.678", "warning", "order placed n=3")
    assert read_line("{not json").text == "{not json"


def test_logs_are_followed_by_whole_lines_in_the_order_of_time(tmp_path: Path) -> None:
    early, late = tmp_path / "early.log", tmp_path / "late.log"
    early.write_text("before\n")
    output = io.StringIO()
    view = LogView(Console(file=output, width=200), [("late", late), ("early", early)])
    with early.open("a") as log:
        log.write(json.dumps({"event": "first", "timestamp": "2026-01-01T00:00:01.000000Z"}) + "\nhalf")
    late.write_text(json.dumps({"event": "second", "timestamp": "2026-01-01T00:00:02.000000Z"}) + "\n")
    view.show_new()
    with early.open("a") as log:
        log.write(" and half\n")
    view.show_new()
    words = [line.split()[-1] for line in output.getvalue().splitlines()]
    assert words == ["first", "second", "half"]


def test_the_doctor_finds_this_machine_fit_but_for_a_port(tmp_path: Path) -> None:
    verdicts = {
        finding.subject: finding.verdict for finding in examine(Settings.read({"REGULARS_HOME": str(tmp_path), "PORT_BASE": "2100"}))
    }
    assert set(verdicts) == {"Python", "Ports", "Memory", "Disk", "Postgres", "Broker", "Locale", "Open files", "Account"}
    assert verdicts["Postgres"] == verdicts["Python"] == "ok"


def test_the_newest_revision_is_the_one_that_none_follows(tmp_path: Path) -> None:
    (tmp_path / "0001_first.py").write_text('revision = "0001"\ndown_revision = None\n')
    (tmp_path / "0002_second.py").write_text('revision: str = "0002"\ndown_revision: str | None = "0001"\n')
    assert newest(tmp_path) == {"0002"}
    assert newest(None) == newest(tmp_path / "none") == set()
