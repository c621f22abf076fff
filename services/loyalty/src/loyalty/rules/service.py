"""How rules come to be: drafted, published from a moment on, ended; what is published never changes."""

from typing import Any

from loyalty.programmes.service import require, require_wallet
from loyalty.rules import repository
from loyalty.rules.conditions import check
from loyalty.rules.errors import NothingToPublish, PeriodInvalid, RuleNotFound
from loyalty.rules.schemas import Publication, RuleDraft, RuleTerms
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork
from shared.http.etags import check_version
from shared.ids import new_id


async def found(connection: Connection, rule_id: str) -> dict[str, Any]:
    """Return a rule.

    Raises:
        RuleNotFound: there is none.
    """
    row = await repository.find(connection, rule_id)
    if row is None:
        raise RuleNotFound
    return row


async def make(uow: UnitOfWork, wanted: RuleDraft) -> dict[str, Any]:
    """Keep a new rule as a draft.

    Raises:
        ProgrammeNotFound: there is no such programme.
        ConditionInvalid: its condition cannot be used.
        WalletNotFound: there is no such wallet.
    """
    programme_id = await require(uow.connection, wanted.programme_id)
    terms = RuleTerms.model_validate(wanted.model_dump(exclude={"name", "programme_id"}))
    await _check(uow, terms, programme_id)
    rule_id = new_id("rul")
    await repository.insert(uow.connection, rule_id, programme_id, wanted.name, terms.model_dump(mode="json"))
    return await found(uow.connection, rule_id)


async def amend(uow: UnitOfWork, rule_id: str, patch: dict[str, Any], expected: int) -> dict[str, Any]:
    """Change a rule's name, its draft, or the end of what is published.

    Raises:
        RuleNotFound: there is none.
        PreconditionFailed: it was changed meanwhile.
        ConditionInvalid: its condition cannot be used.
        PeriodInvalid: nothing is published that could end then.
    """
    await _lock(uow, rule_id, expected)
    terms = patch.get("terms")
    if terms is not None:
        await _check(uow, terms, (await found(uow.connection, rule_id))["programme_id"])
        await repository.draft(uow.connection, rule_id, terms.model_dump(mode="json"))
    if "effective_until" in patch and not await repository.end(uow.connection, rule_id, patch["effective_until"]):
        raise PeriodInvalid(pointer="/effective_until")
    await repository.touch(uow.connection, rule_id, patch.get("name") or None)
    return await found(uow.connection, rule_id)


async def publish(uow: UnitOfWork, rule_id: str, wanted: Publication, expected: int | None = None) -> dict[str, Any]:
    """Publish the draft of a rule: it counts for what happens from a moment on.

    Raises:
        RuleNotFound: there is none.
        PreconditionFailed: it was changed meanwhile.
        NothingToPublish: it has no draft.
        PublishedEarlier: a version begins then or later already.
        PeriodInvalid: it would end before it begins.
    """
    await _lock(uow, rule_id, expected)
    if not await repository.publish(uow.connection, rule_id, wanted.effective_from, wanted.effective_until):
        raise NothingToPublish
    await repository.touch(uow.connection, rule_id, None)
    return await found(uow.connection, rule_id)


async def _lock(uow: UnitOfWork, rule_id: str, expected: int | None) -> None:
    version = await repository.lock(uow.connection, rule_id)
    if version is None:
        raise RuleNotFound
    if expected is not None:
        check_version(expected, version)


async def _check(uow: UnitOfWork, terms: RuleTerms, programme_id: str) -> None:
    if terms.condition is not None:
        check(terms.condition)
    await require_wallet(uow.connection, terms.wallet, programme_id)
