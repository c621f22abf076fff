"""The conditions on customers that their stages make, for the list of customers; `{n}` becomes the number of the parameter."""

from collections.abc import Mapping

_IN_STAGE = "EXISTS (SELECT FROM customer_stages AS s WHERE s.customer_id = customers.id AND s.shown_{track} = ${{n}})"

FILTERS: Mapping[str, str] = {track: _IN_STAGE.format(track=track) for track in ("lifecycle", "journey")}
