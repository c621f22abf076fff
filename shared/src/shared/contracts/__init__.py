"""Event contracts: each event is declared once, by the service that sends it, and imports nothing else of ours."""
