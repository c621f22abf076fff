"""Importing this module declares every table of the service."""

from loyalty.ledger import models as ledger
from loyalty.members import models as members
from loyalty.metadata import metadata
from loyalty.programmes import models as programmes

__all__ = ["ledger", "members", "metadata", "programmes"]
