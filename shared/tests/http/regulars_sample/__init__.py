"""A tiny service that uses every part of the HTTP chassis."""
