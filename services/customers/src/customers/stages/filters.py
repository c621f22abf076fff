"""The conditions on customers that their stages make, for the list of customers; `{n}` becomes the number of the parameter."""

from collections.abc import Mapping

from customers.stages.rules import LIFECYCLE

_RANK = "array_position(ARRAY[{}], {{}})".format(", ".join(f"'{stage}'" for stage in LIFECYCLE))
_FURTHER = f"{_RANK.format('f.lifecycle')} > {_RANK.format('${n}::text')}"
# A record of the customer is in the stage, and no other record of his is further; on the journey the record that moved last counts.
_IN_STAGE = """id IN (
    SELECT s.customer_id FROM customer_stages AS s WHERE s.{track} = ${{n}}
    UNION ALL
    SELECT m.root_id FROM customer_stages AS s JOIN customers AS m ON m.id = s.customer_id
    WHERE s.{track} = ${{n}} AND m.merged_into IS NOT NULL
) AND NOT EXISTS (
    SELECT FROM customer_stages AS f WHERE f.customer_id = customers.id AND {beyond}
) AND NOT EXISTS (
    SELECT FROM customers AS m JOIN customer_stages AS f ON f.customer_id = m.id
    WHERE m.root_id = customers.id AND m.merged_into IS NOT NULL AND {beyond}
)"""
_LATER = """f.journey <> ${n} AND f.journey_entered_at > (
    SELECT max(o.journey_entered_at) FROM customer_stages AS o JOIN customers AS own ON own.id = o.customer_id
    WHERE own.root_id = customers.id AND o.journey = ${n}
)"""

FILTERS: Mapping[str, str] = {
    "lifecycle": _IN_STAGE.format(track="lifecycle", beyond=_FURTHER),
    "journey": _IN_STAGE.format(track="journey", beyond=_LATER),
}
