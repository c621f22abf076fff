"""Importing this module declares every table of the service."""

from loyalty.abuse import models as abuse
from loyalty.adjustments import models as adjustments
from loyalty.badges import models as badges
from loyalty.cards import models as cards
from loyalty.challenges import models as challenges
from loyalty.earning import models as earning
from loyalty.expiry import models as expiry
from loyalty.holds import models as holds
from loyalty.households import models as households
from loyalty.ledger import models as ledger
from loyalty.liability import models as liability
from loyalty.members import models as members
from loyalty.metadata import metadata
from loyalty.offers import models as offers
from loyalty.participations import models as participations
from loyalty.partners import models as partners
from loyalty.payments import models as payments
from loyalty.programmes import models as programmes
from loyalty.redemptions import models as redemptions
from loyalty.referrals import models as referrals
from loyalty.relations import models as relations
from loyalty.rewards import models as rewards
from loyalty.rules import models as rules
from loyalty.segments import models as segments
from loyalty.tiers import models as tiers
from loyalty.verification import models as verification
from loyalty.vouchers import models as vouchers
from shared.following.tables import describe_following

describe_following(metadata)

__all__ = [
    "abuse",
    "adjustments",
    "badges",
    "cards",
    "challenges",
    "earning",
    "expiry",
    "holds",
    "households",
    "ledger",
    "liability",
    "members",
    "metadata",
    "offers",
    "participations",
    "partners",
    "payments",
    "programmes",
    "redemptions",
    "referrals",
    "relations",
    "rewards",
    "rules",
    "segments",
    "tiers",
    "verification",
    "vouchers",
]
