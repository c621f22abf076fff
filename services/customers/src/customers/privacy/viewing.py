"""How a caller sees customers: contact data in the clear, which is written into the audit log, or masked."""

from collections.abc import Callable
from dataclasses import replace

from customers.attributes import service as attributes
from customers.audit.reads import ReadLog
from customers.audit.service import Entry
from customers.privacy.masking import CONTACT_FIELDS, contact_fields, masked
from customers.profiles.repository import Stored
from customers.profiles.schemas import Customer
from shared.database.pool import Connection
from shared.http import Caller

SCOPE = "contacts:read"

# Returns what is shown of a customer.
Show = Callable[[Stored], Customer]


async def view(connection: Connection, caller: Caller, readings: ReadLog | None = None) -> Show:
    """Return how a caller sees customers.

    Args:
        connection: to look up which attributes are contact data.
        caller: who will see them; a member sees himself.
        readings: takes note of what is seen in the clear; None where the caller told it himself just now.
    """
    if caller.kind == "member":
        return Customer.of
    if SCOPE not in caller.scopes:
        known = await attributes.catalogue(connection)
        return lambda stored: _masked(stored, known)
    if readings is None:
        return Customer.of

    def show(stored: Stored) -> Customer:
        fields = contact_fields((name, getattr(stored.profile, name)) for name in CONTACT_FIELDS)
        if fields:
            readings.note(Entry(caller.principal, "contact_read", stored.id, fields=fields))
        return Customer.of(stored)

    return show


def _masked(stored: Stored, known: attributes.Catalogue) -> Customer:
    hidden = {name: masked(name, getattr(stored.profile, name)) for name in CONTACT_FIELDS}
    hidden["attributes"] = attributes.masked(known, stored.profile.attributes)
    return Customer.of(stored._replace(profile=replace(stored.profile, **hidden)))
