"""The composition of the loyalty service."""

from pathlib import Path

from loyalty.abuse.router import router as abuse
from loyalty.adjustments.router import router as adjustments
from loyalty.badges.router import member_router as member_badges
from loyalty.badges.router import router as badges
from loyalty.cards.router import router as cards
from loyalty.cards.router import till_router as card_numbers
from loyalty.challenges.router import member_router as member_challenges
from loyalty.challenges.router import router as challenges
from loyalty.discounts.router import router as discounts
from loyalty.due import PASSES
from loyalty.expiry.router import router as expiry
from loyalty.handlers import HANDLERS
from loyalty.holds.router import router as holds
from loyalty.home.router import router as home
from loyalty.households.router import router as households
from loyalty.ledger.router import entry_router as entries
from loyalty.ledger.router import router as ledger
from loyalty.liability.router import router as liability
from loyalty.liability.router import value_router as point_values
from loyalty.members.router import router as members
from loyalty.offers import generating as making_offers
from loyalty.offers.router import router as offers
from loyalty.participations.router import router as participations
from loyalty.partners.router import router as partners
from loyalty.programmes.router import router as programmes
from loyalty.quotes.router import router as quotes
from loyalty.redemptions.router import router as redemptions
from loyalty.referrals.router import router as referrals
from loyalty.rewards.router import router as rewards
from loyalty.rules.router import router as rules
from loyalty.settings import LoyaltySettings
from loyalty.simulations import service as simulating
from loyalty.simulations.router import router as simulations
from loyalty.statement.router import router as statements
from loyalty.tiers.router import member_router as member_tiers
from loyalty.tiers.router import router as tiers
from loyalty.transfers.router import router as transfers
from loyalty.verification.router import router as verification
from loyalty.vouchers import service as voucher_codes
from loyalty.vouchers.router import router as vouchers
from shared.service import Service

SERVICE = Service(
    name="loyalty",
    title="Regulars loyalty: members and their points",
    settings=LoyaltySettings,
    routers=(
        members,
        home,
        statements,
        cards,
        card_numbers,
        ledger,
        entries,
        holds,
        adjustments,
        transfers,
        households,
        programmes,
        expiry,
        liability,
        point_values,
        rules,
        simulations,
        discounts,
        verification,
        vouchers,
        tiers,
        member_tiers,
        challenges,
        member_challenges,
        badges,
        member_badges,
        participations,
        abuse,
        partners,
        referrals,
        quotes,
        rewards,
        redemptions,
        offers,
    ),
    handlers=HANDLERS,
    passes=PASSES,
    migrations=Path(__file__).parent / "migrations",
    # The ledger is a source of events, not a projection: see the service's README on `rebuild`.
    reset_projection=None,
    jobs={
        voucher_codes.GENERATE: voucher_codes.generate,
        simulating.HISTORY: simulating.over_history,
        making_offers.GENERATE: making_offers.generate,
    },
)
