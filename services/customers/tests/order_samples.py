"""An order as a shop sends it; tests change what they are about."""

LINE = {"sku": "CD-1", "quantity": 2, "amount_minor": 2_000, "category": "music"}
ORDER = {
    "external_id": "O-1",
    "customer_external_id": "C-1",
    "placed_at": "2026-02-01T10:00:00Z",
    "currency": "EUR",
    "channel": "web",
    "lines": [LINE],
}
