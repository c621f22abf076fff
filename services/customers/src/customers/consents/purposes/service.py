"""The catalogue of purposes: what customers are asked for, and in which words."""

import hashlib

import orjson
from asyncpg import Record

from customers.consents.errors import PurposeNotFound, TextFixed, TextVersionUnknown
from customers.consents.purposes import repository
from customers.consents.schemas import PurposeDraft
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork


async def save(uow: UnitOfWork, purpose: str, draft: PurposeDraft) -> Record:
    """Describe a purpose, new or known; what customers answered so far stays.

    Raises:
        TextFixed: another text has this version.
        TextVersionUnknown: the version is new and comes without texts.
    """
    connection = uow.connection
    await repository.save(connection, purpose, draft.legal_basis, draft.channels, double_opt_in=draft.double_opt_in)
    if draft.text_version is not None:
        await _save_texts(connection, purpose, draft.text_version, draft)
        await repository.show_texts(connection, purpose, draft.text_version)
    elif draft.texts is not None:
        raise TextVersionUnknown(pointer="/text_version")
    return await found(connection, purpose)


async def _save_texts(connection: Connection, purpose: str, version: str, draft: PurposeDraft) -> None:
    if draft.texts is None:
        if await repository.hash_of_texts(connection, purpose, version) is None:
            raise TextVersionUnknown(pointer="/texts")
        return
    texts = {language: text.model_dump() for language, text in draft.texts.items()}
    sha256 = hashlib.sha256(orjson.dumps(texts, option=orjson.OPT_SORT_KEYS)).hexdigest()
    await repository.save_texts(connection, purpose, version, texts, sha256)
    if await repository.hash_of_texts(connection, purpose, version) != sha256:
        raise TextFixed(pointer="/texts")


async def found(connection: Connection, purpose: str) -> Record:
    """Return a purpose.

    Raises:
        PurposeNotFound: there is none.
    """
    row = await repository.get(connection, purpose)
    if row is None:
        raise PurposeNotFound
    return row


async def catalogue(connection: Connection) -> list[Record]:
    """Return all purposes by name."""
    return await repository.all_of_them(connection)
