"""Passwords and keys of one suite: made at the first start, kept in files that only their owner can read."""

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

_PASSWORD_BYTES = 24
_SIGNING_KEY = "signing-key.pem"


@dataclass(frozen=True)
class Credentials:
    """What the suite knows and nobody else.

    Attributes:
        superuser_password: of the embedded Postgres.
        service_passwords: of each service's role.
        server_key: accepted by every service, with all scopes.
        signing_key_file: PEM of the Ed25519 key that signs tokens; the customers service makes it.
    """

    superuser_password: str
    service_passwords: dict[str, str]
    server_key: str
    signing_key_file: Path


def read_credentials(home: Path) -> Credentials | None:
    """Return the suite's credentials, None before its first start."""
    path = home / "secrets.json"
    if not path.exists():
        return None
    return Credentials(**json.loads(path.read_text()), signing_key_file=home / _SIGNING_KEY)


def make_credentials(home: Path, services: tuple[str, ...]) -> Credentials:
    """Return the suite's credentials; what is missing is made and written down."""
    home.mkdir(parents=True, exist_ok=True)
    known = read_credentials(home)
    passwords = {service: secrets.token_urlsafe(_PASSWORD_BYTES) for service in services} | (known.service_passwords if known else {})
    if known and known.service_passwords == passwords:
        return known
    made = Credentials(
        superuser_password=known.superuser_password if known else secrets.token_urlsafe(_PASSWORD_BYTES),
        service_passwords=passwords,
        server_key=known.server_key if known else _new_server_key(),
        signing_key_file=home / _SIGNING_KEY,
    )
    kept = {name: value for name, value in asdict(made).items() if name != "signing_key_file"}
    write_privately(home / "secrets.json", json.dumps(kept, indent=2).encode())
    return made


def _new_server_key() -> str:
    # Imported here: it brings the web framework along, seconds that the other commands need not wait for.
    from shared.http.api_keys import generate_key  # noqa: PLC0415

    return generate_key().key


def write_privately(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, complete or not at all."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    draft.replace(path)
