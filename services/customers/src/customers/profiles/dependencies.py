"""The filter of a list of customers, as query parameters."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Depends, Query

from customers.fields import Country
from customers.profiles.rules import Kind
from customers.profiles.search import search_term
from shared.http.schemas import MomentInput

Sort = Literal["created_at", "-created_at", "name"]
_Text = Annotated[str | None, Query(min_length=1, max_length=254)]


@dataclass(frozen=True, slots=True)
class CustomerFilter:
    """Which customers are wanted, and in which order.

    Attributes:
        values: by the names of the repository's filters.
        similar: searchable text that a name may resemble, or None.
        matches_nothing: the search holds nothing that a name could hold.
        sort: the order.
    """

    values: dict[str, Any]
    similar: str | None
    matches_nothing: bool
    sort: Sort

    @property
    def key_kinds(self) -> tuple[type, ...]:
        """The types of the sort key's parts."""
        return (str if self.sort == "name" else datetime, str)


async def _customer_filter(
    kind: Annotated[Kind | None, Query(description="Persons or companies only.")] = None,
    country: Annotated[Country | None, Query(description="ISO 3166-1 alpha-2 code.")] = None,
    language: Annotated[str | None, Query(min_length=2, max_length=15, description="BCP 47 tag, exactly.")] = None,
    city: _Text = None,
    external_id: _Text = None,
    email: _Text = None,
    phone: Annotated[str | None, Query(min_length=3, max_length=40, description="E.164.", examples=["+37126123456"])] = None,
    created_from: Annotated[MomentInput | None, Query(description="Made at this moment or later.")] = None,
    created_to: Annotated[MomentInput | None, Query(description="Made before this moment.")] = None,
    q: Annotated[
        str | None, Query(min_length=1, max_length=100, description="Part of a name in any script, or one that resembles it.")
    ] = None,
    sort: Annotated[Sort, Query(description="Order; `-` turns it round.")] = "created_at",
) -> CustomerFilter:
    given = {
        "kind": kind,
        "country": country,
        "language": language,
        "city": city,
        "external_id": external_id,
        "email": email,
        "phone": phone,
        "created_from": created_from,
        "created_to": created_to,
    }
    values = {name: value for name, value in given.items() if value is not None}
    term = search_term(q) if q is not None else None
    if term is not None:
        values["pattern"] = term.pattern
    return CustomerFilter(values, term.similar if term else None, q is not None and term is None, sort)


CustomerQuery = Annotated[CustomerFilter, Depends(_customer_filter)]
