"""The condition on customers that segments make, for the list of customers; `{n}` becomes the number of the parameter."""

from collections.abc import Mapping

# Whoever was merged stands for his family.
FILTERS: Mapping[str, str] = {
    "segment": """id IN (
        SELECT record.root_id FROM segment_memberships AS m JOIN customers AS record ON record.id = m.customer_id
        WHERE m.segment = ${n} AND m.is_member
    )""",
}
