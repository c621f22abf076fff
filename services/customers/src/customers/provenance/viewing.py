"""How a caller sees single fields: contact data in the clear, which is written into the audit log, or masked."""

from collections.abc import Iterable
from typing import Any

from customers.attributes import service as attributes
from customers.audit.reads import ReadLog
from customers.audit.service import Entry
from customers.privacy.masking import MASK, contact_fields, masked
from customers.privacy.viewing import SCOPE
from customers.profiles.facts import PREFIX
from shared.database.pool import Connection
from shared.http import Caller


class FieldView:
    """Shows fields as one caller may see them."""

    def __init__(self, caller: Caller, personal: frozenset[str] | None) -> None:
        self._caller = caller
        # Attributes that are contact data; None where all is shown.
        self._personal = personal

    def show(self, name: str, value: Any) -> Any:
        """Return what is shown of a value."""
        if self._personal is None or value is None:
            return value
        if name.removeprefix(PREFIX) in self._personal and name.startswith(PREFIX):
            return MASK
        return masked(name, value)

    def note(self, readings: ReadLog, customer_id: str, fields: Iterable[tuple[str, Any]]) -> None:
        """Take note of contact data that was shown in the clear; a member sees himself."""
        names = sorted(set(contact_fields(fields)))
        if names and self._personal is None and self._caller.kind != "member":
            readings.note(Entry(self._caller.principal, "contact_read", customer_id, fields=names))


async def field_view(connection: Connection, caller: Caller) -> FieldView:
    """Return how a caller sees fields."""
    if caller.kind == "member" or SCOPE in caller.scopes:
        return FieldView(caller, None)
    return FieldView(caller, (await attributes.catalogue(connection)).personal)
