"""Canaries: words that stand for a person everywhere he can leave one, and the search for them in everything that is kept."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.contracts.registry import TOPICS
from stack import Stack

_TABLES = """
SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')
"""
_POLL_MS = 1_000


def found_in_databases(stack: Stack, canary: str) -> list[str]:
    """Return the tables, of every service, in which a row holds the canary."""

    async def search() -> list[str]:
        connection = await asyncpg.connect(stack.admin_dsn)
        try:
            tables = [row["name"] for row in await connection.fetch(_TABLES)]
            hits = []
            for table in tables:
                # A row as text shows every column, whatever its type; bytes come as hexadecimal digits.
                query = f"SELECT EXISTS (SELECT FROM {table} AS r WHERE r::text ILIKE $1 OR r::text ILIKE $2)"  # noqa: S608
                if await connection.fetchval(query, f"%{canary}%", f"%{canary.encode().hex()}%"):
                    hits.append(table)
            return hits
        finally:
            await connection.close()

    return asyncio.run(search())


def found_in_topics(stack: Stack, canary: str) -> list[str]:
    """Return the topics of which a record holds the canary, in key, value or headers."""
    return asyncio.run(_topics_with(stack.broker.bootstrap_servers, canary.encode().lower()))


async def _topics_with(bootstrap_servers: str, canary: bytes) -> list[str]:
    hits: set[str] = set()
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap_servers, enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, number) for topic in TOPICS for number in consumer.partitions_for_topic(topic) or ()]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        while batch := await consumer.getmany(timeout_ms=_POLL_MS):
            for partition, records in batch.items():
                for record in records:
                    parts = [record.key or b"", record.value or b"", *(value for _, value in record.headers)]
                    if any(canary in part.lower() for part in parts):
                        hits.add(partition.topic)
    finally:
        await consumer.stop()
    return sorted(hits)


def found_in_files(folder: Path, canary: str) -> list[str]:
    """Return the files under a folder that hold the canary; Postgres' own files hold old versions of rows until it cleans up."""
    return [str(path) for path in _files(folder) if canary.lower().encode() in path.read_bytes().lower()]


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and "postgres" not in path.relative_to(folder).parts:
            yield path
