"""Events between services: outbox, relay, transport, consumer, inbox, dead letters."""
