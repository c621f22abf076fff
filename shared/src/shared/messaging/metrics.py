"""The metrics of the messaging half; none has a label that names a customer or a key."""

from shared.telemetry import counter, gauge, histogram

outbox_pending = gauge("outbox_pending", "Events that the broker has not acknowledged yet.")
outbox_held = gauge("outbox_held", "Events held because the broker refuses them or an earlier one of their key.")
outbox_oldest_age_seconds = gauge("outbox_oldest_age_seconds", "Age of the oldest event that waits in the outbox.")
relay_published_total = counter("relay_published_total", "Events that the broker acknowledged.")
relay_buckets = gauge("relay_buckets", "Buckets of the outbox that this relay owns.")
broker_losses_total = counter("broker_losses_total", "Times that the broker was found to have lost events, and all were sent again.")

consumer_lag = gauge("consumer_lag", "Records that wait in the partitions assigned to this process.", ["topic"])
event_end_to_end_seconds = histogram(
    "event_end_to_end_seconds",
    "From the recording of an event to its application here; one event of each handler call is measured.",
    buckets=(0.005, 0.01, 0.015, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 300.0),
)
events_applied_total = counter("events_applied_total", "Events applied by handlers.", ["type"])
inbox_duplicates_total = counter("inbox_duplicates_total", "Events refused because they had been received before.")
inbox_stale_total = counter("inbox_stale_total", "Events refused because a later one of their aggregate had been applied.")
dead_letters = gauge("dead_letters", "Events that a handler refuses and nobody has settled.")
parked_keys = gauge("parked_keys", "Keys whose events wait for a dead letter.")
early_events = gauge("early_events", "Events that wait for an earlier one of their aggregate.")
rebuilds_total = counter("rebuilds_total", "Times that a client of the broker was built anew.", ["client"])
