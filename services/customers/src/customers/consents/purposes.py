"""The catalogue of purposes: what customers are asked for, and in which words."""

import hashlib

import orjson
from asyncpg import Record

from customers.consents.errors import PurposeNotFound, TextFixed, TextVersionUnknown
from customers.consents.schemas import PurposeDraft
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork

_MAX_PURPOSES = 100

_SAVE = """
INSERT INTO consent_purposes AS p (purpose, legal_basis, double_opt_in, channels) VALUES ($1, $2, $3, $4)
ON CONFLICT (purpose) DO UPDATE SET legal_basis = excluded.legal_basis, double_opt_in = excluded.double_opt_in,
    channels = excluded.channels, version = p.version + 1, updated_at = now()
"""
_SAVE_TEXTS = """
INSERT INTO consent_texts (purpose, text_version, texts, sha256) VALUES ($1, $2, $3, $4) ON CONFLICT (purpose, text_version) DO NOTHING
"""
_TEXTS_HASH = "SELECT sha256 FROM consent_texts WHERE purpose = $1 AND text_version = $2"
_SHOW_TEXTS = "UPDATE consent_purposes SET text_version = $2 WHERE purpose = $1"
_PURPOSE = """
SELECT p.purpose, legal_basis, double_opt_in, channels, p.text_version, updated_at,
    coalesce((SELECT jsonb_object_agg(t.text_version, t.texts) FROM consent_texts AS t WHERE t.purpose = p.purpose), '{}') AS texts
FROM consent_purposes AS p
"""
_GET = f"{_PURPOSE} WHERE p.purpose = $1"
_LIST = f"{_PURPOSE} ORDER BY p.purpose LIMIT {_MAX_PURPOSES}"


async def save(uow: UnitOfWork, purpose: str, draft: PurposeDraft) -> Record:
    """Describe a purpose, new or known; what customers answered so far stays.

    Raises:
        TextFixed: another text has this version.
        TextVersionUnknown: the version is new and comes without texts.
    """
    connection = uow.connection
    await connection.execute(_SAVE, purpose, draft.legal_basis, draft.double_opt_in, draft.channels)
    if draft.text_version is not None:
        await _save_texts(connection, purpose, draft.text_version, draft)
        await connection.execute(_SHOW_TEXTS, purpose, draft.text_version)
    elif draft.texts is not None:
        raise TextVersionUnknown(pointer="/text_version")
    return await found(connection, purpose)


async def _save_texts(connection: Connection, purpose: str, version: str, draft: PurposeDraft) -> None:
    if draft.texts is None:
        if await connection.fetchval(_TEXTS_HASH, purpose, version) is None:
            raise TextVersionUnknown(pointer="/texts")
        return
    texts = {language: text.model_dump() for language, text in draft.texts.items()}
    sha256 = hashlib.sha256(orjson.dumps(texts, option=orjson.OPT_SORT_KEYS)).hexdigest()
    await connection.execute(_SAVE_TEXTS, purpose, version, texts, sha256)
    if await connection.fetchval(_TEXTS_HASH, purpose, version) != sha256:
        raise TextFixed(pointer="/texts")


async def found(connection: Connection, purpose: str) -> Record:
    """Return a purpose.

    Raises:
        PurposeNotFound: there is none.
    """
    row = await connection.fetchrow(_GET, purpose)
    if row is None:
        raise PurposeNotFound
    return row


async def catalogue(connection: Connection) -> list[Record]:
    """Return all purposes by name."""
    return await connection.fetch(_LIST)
