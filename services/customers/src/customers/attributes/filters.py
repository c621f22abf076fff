"""The conditions on customers that attributes make, for the list of customers; `{n}` becomes the number of the parameter."""

from collections.abc import Mapping

# More comparisons in one request are refused.
MAX_COMPARISONS = 3

_COMPARED = """id IN (
    SELECT v.customer_id FROM attribute_values AS v
    WHERE v.name = (${n}::jsonb ->> 'name') AND v.value >= (${n}::jsonb -> 'low') AND v.value < (${n}::jsonb -> 'high')
)"""

FILTERS: Mapping[str, str] = {
    # The second condition is that of the index.
    "attributes": "attributes @> ${n}::jsonb AND attributes <> '{{}}'",
    **{f"compared_{number}": _COMPARED for number in range(1, MAX_COMPARISONS + 1)},
}
