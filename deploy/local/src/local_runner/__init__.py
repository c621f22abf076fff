"""The whole suite on one machine, with nothing installed but Python."""
