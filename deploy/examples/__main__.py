"""Runs the example programme over the histories of real shops, or sets it up in a running suite.

python deploy/examples                        reports on both shops, in docs/examples
python deploy/examples run cdnow              one of them
python deploy/examples apply --url http://127.0.0.1:8003 --key rk_…   the same programme for a loyalty service of yours, from now on
"""

import argparse
import asyncio
import sys
from datetime import timedelta
from pathlib import Path

import httpx2
from pydantic import SecretStr

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "bench"))

from bench_database import migrated, server
from histories import History, cdnow, online_retail
from loyalty.app import SERVICE
from loyalty.settings import LoyaltySettings
from played_shop import Shop, moment_of
from programme import Programme, apply, read_programme
from report import Findings, write
from shared.database.pool import Database, PoolDatabase
from shared.database.unit_of_work import UnitOfWork
from shared.http import create_app
from shared.http.access_events import issue_key

_HERE = Path(__file__).resolve().parent
_REPORTS = _HERE.parents[1] / "docs" / "examples"
HISTORIES = {"cdnow": cdnow, "online_retail": online_retail}
_TIERS_AT = """
SELECT coalesce(tier, 'none') AS tier, count(*)::integer AS members FROM (
    SELECT DISTINCT ON (customer_id) customer_id, tier FROM tier_changes
    WHERE superseded_at IS NULL AND changed_at < $1 ORDER BY customer_id, changed_at DESC
) AS standing GROUP BY 1
"""


def main() -> None:
    """Read the command line and do what it says."""
    parser = argparse.ArgumentParser(
        prog="python deploy/examples", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command")
    run = commands.add_parser("run", help="report on a shop")
    run.add_argument("history", choices=HISTORIES)
    setting_up = commands.add_parser("apply", help="set the programme up in a loyalty service")
    setting_up.add_argument("--url", required=True)
    setting_up.add_argument("--key", required=True)
    parser.add_argument("--programme", type=Path, default=_HERE / "starbucks_2026.json")
    arguments = parser.parse_args()
    programme = read_programme(arguments.programme)
    if arguments.command == "apply":
        asyncio.run(_set_up(programme, arguments.url, arguments.key))
        return
    for name in [arguments.history] if arguments.command == "run" else HISTORIES:
        findings = asyncio.run(_run(programme, HISTORIES[name]()))
        print(write(findings, _REPORTS, f"{arguments.programme.stem}_{name}").relative_to(Path.cwd()))


async def _set_up(programme: Programme, url: str, key: str) -> None:
    async with httpx2.AsyncClient(base_url=url, headers={"authorization": f"Bearer {key}"}, timeout=30) as client:
        await apply(client, programme)


async def _run(programme: Programme, history: History) -> Findings:
    with server(durable=False) as postgres:
        dsn = await migrated(postgres, SERVICE)
        database = await PoolDatabase.connect(dsn)
        try:
            return await _play(database, programme, history)
        finally:
            await database.close()


async def _play(database: Database, programme: Programme, history: History) -> Findings:
    async with UnitOfWork(database) as uow:
        key = await issue_key(uow, name="example", scopes=["loyalty:manage", "loyalty:read"])
        await uow.commit()
    settings = LoyaltySettings(database_url=SecretStr("postgresql://unused"), rate_limit_per_minute=10**9)
    app = create_app(SERVICE, settings, database=database)
    async with app.router.lifespan_context(app):
        headers = {"authorization": f"Bearer {key.key}"}
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://example", headers=headers, timeout=30) as client:
            await apply(client, programme, since=moment_of(history.events[0]) - timedelta(days=1))
            return await _observe(client, database, programme, history)


async def _observe(client: httpx2.AsyncClient, database: Database, programme: Programme, history: History) -> Findings:
    shop, findings = Shop(database, history), Findings(programme, history)
    async for end in shop.months():
        findings.months.append(end)
        async with database.acquire() as connection:
            findings.tiers.append({row["tier"]: row["members"] for row in await connection.fetch(_TIERS_AT, end)})
        print(f"  {end:%Y-%m-%d} {findings.tiers[-1]}", file=sys.stderr)
    first, last = findings.months[0] - timedelta(days=1), findings.months[-1]
    window = {"from": first.replace(day=1).isoformat(), "until": last.isoformat()}
    told = (await _get(client, "/v1/liability/roll-forward", **window))["data"]
    findings.roll_forward = [line for line in told if line["wallet"] == "points"]
    findings.liability = await _get(client, "/v1/liability", as_of=(last - timedelta(microseconds=1)).isoformat())
    findings.proof = await _get(client, "/v1/ledger/verify")
    findings.redeemed, findings.seconds = shop.redeemed, shop.seconds
    return findings


async def _get(client: httpx2.AsyncClient, path: str, **params: str) -> dict:
    answer = await client.get(path, params=params)
    if not answer.is_success:
        raise RuntimeError(f"{path}: {answer.text}")
    return answer.json()


if __name__ == "__main__":
    main()
