"""What may be asked of contact data by who may not see it: nothing that many questions could piece together to what is masked.

An exact identifier may be resolved, for the till that scans a card must know whose it is: who asks has to know it as a whole, and
it is written down.
"""

from collections.abc import Collection, Iterable

from customers.attributes import service as attributes
from customers.privacy.errors import ContactsNotSearchable
from customers.privacy.viewing import SCOPE
from shared.database.pool import Connection
from shared.http import Caller

# Filters of lists, and orders, that tell of what is masked.
_TELLING = frozenset({"email", "phone", "q"})
_TELLING_SORTS = frozenset({"name"})


async def check_question(
    connection: Connection, caller: Caller, filters: Collection[str], asked_attributes: Iterable[str] = (), sort: str | None = None
) -> None:
    """Refuse a question about contact data from who may not see it.

    Args:
        connection: to look up which attributes are contact data.
        caller: who asks.
        filters: names of the filters that he uses; `q` for words.
        asked_attributes: names of attributes, which may end in `.from` or `.to`.
        sort: the order that he wants.

    Raises:
        ContactsNotSearchable: it is one.
    """
    if SCOPE in caller.scopes:
        return
    refused = sorted(_TELLING.intersection(filters))
    if sort in _TELLING_SORTS:
        refused.append("sort")
    names = {name.partition(".")[0] for name in asked_attributes}
    if names:
        personal = (await attributes.catalogue(connection)).personal
        refused += [f"attributes.{name}" for name in sorted(names & personal)]
    if refused:
        raise ContactsNotSearchable(scope=SCOPE, parameters=refused)
