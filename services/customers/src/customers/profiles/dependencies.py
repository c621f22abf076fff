"""The filter of a list of customers, as query parameters."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Depends, Query

from customers.attributes.dependencies import AskedAttributes
from customers.fields import Country
from customers.profiles.rules import Kind
from customers.search.rules import Search, search_for
from customers.stages.rules import Journey, Lifecycle
from shared.http.schemas import MomentInput

Sort = Literal["created_at", "-created_at", "name"]
_Text = Annotated[str | None, Query(min_length=1, max_length=254)]


@dataclass(frozen=True, slots=True)
class CustomerFilter:
    """Which customers are wanted, and in which order.

    Attributes:
        values: by the names of the repository's filters.
        search: what is searched for, or None: then all are wanted.
        sort: the order.
        attributes: texts by attribute.
    """

    values: dict[str, Any]
    search: Search | None
    sort: Sort
    attributes: Mapping[str, str]

    @property
    def asked(self) -> set[str]:
        """The names of the filters that are used; `q` for words."""
        return {*self.values, *(() if self.search is None else ("q",))}

    @property
    def key_kinds(self) -> tuple[type, ...]:
        """The types of the sort key's parts."""
        within = (str if self.sort == "name" else datetime, str)
        return within if self.search is None else (int, *within)


async def _customer_filter(
    attributes: AskedAttributes,
    kind: Annotated[Kind | None, Query(description="Persons or companies only.")] = None,
    country: Annotated[Country | None, Query(description="ISO 3166-1 alpha-2 code.")] = None,
    language: Annotated[str | None, Query(min_length=2, max_length=15, description="BCP 47 tag, exactly.")] = None,
    city: _Text = None,
    external_id: _Text = None,
    email: _Text = None,
    phone: Annotated[str | None, Query(min_length=3, max_length=40, description="E.164.", examples=["+37126123456"])] = None,
    owner: _Text = None,
    tag: Annotated[str | None, Query(min_length=1, max_length=200, description="Has this tag.", examples=["vip"])] = None,
    interest: Annotated[str | None, Query(min_length=1, max_length=200, description="Has this interest.", examples=["running"])] = None,
    lifecycle: Annotated[Lifecycle | None, Query(alias="stage.lifecycle", description="Is in this stage of the lifecycle.")] = None,
    journey: Annotated[Journey | None, Query(alias="stage.journey", description="Is in this stage of the journey.")] = None,
    segment: Annotated[str | None, Query(min_length=1, max_length=40, description="Belongs to this segment.", examples=["vip"])] = None,
    created_from: Annotated[MomentInput | None, Query(description="Made at this moment or later.")] = None,
    created_to: Annotated[MomentInput | None, Query(description="Made before this moment.")] = None,
    q: Annotated[
        str | None,
        Query(
            min_length=1,
            max_length=100,
            description="Words of a name in any script, their beginnings, or with typing errors; an e-mail address; digits of a phone "
            "number; an external id. Exact matches come first, then beginnings, then what merely resembles; each in the order of `sort`.",
            examples=["berzina il"],
        ),
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
        "owner": owner,
        "tag": tag,
        "interest": interest,
        "lifecycle": lifecycle,
        "journey": journey,
        "segment": segment,
        "created_from": created_from,
        "created_to": created_to,
    }
    values = {name: value for name, value in given.items() if value is not None}
    return CustomerFilter(values, None if q is None else search_for(q), sort, attributes)


CustomerQuery = Annotated[CustomerFilter, Depends(_customer_filter)]
