from typing import Annotated, Literal, Self
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from loyalty.discounts.schemas import DiscountScale
from loyalty.fields import WalletCode
from loyalty.ledger.rules import POINTS, TIER_POINTS
from loyalty.texts import LocalisedText
from shared.http.schemas import InputModel, Moment, MomentInput, OutputModel, ShortText

RefundPolicy = Literal["only_pending", "within_balance", "allow_negative"]
Currency = Annotated[str, StringConstraints(pattern="^[A-Z]{3}$")]
_MAX_WALLETS = 20


def _known_zone(zone: str) -> str:
    if zone not in available_timezones():
        raise PydanticCustomError("zone_unknown", "There is no such time zone.")
    return zone


Zone = Annotated[ShortText, AfterValidator(_known_zone)]
ZoneField = Annotated[
    Zone, Field(description="IANA time zone; limits of rules that began by another one stay as they are.", examples=["Europe/Riga"])
]
PolicyField = Annotated[
    RefundPolicy,
    Field(
        description="What a return does about points that are gone: nothing, take what else there is, or let him owe them.",
        examples=["within_balance"],
    ),
]
Title = Annotated[LocalisedText | None, Field(description="What members see, in their languages.")]
Begin = Annotated[MomentInput | None, Field(description="From when on it runs; at once when absent.", examples=["2026-03-10T00:00:00Z"])]
End = Annotated[MomentInput | None, Field(description="Until when; for ever when absent.", examples=[None])]


class Rate(InputModel):
    """How much money earns how many points, where no rule of the programme says otherwise."""

    points: int = Field(strict=True, ge=0, le=1_000, description="So many points ...", examples=[1])
    amount_minor: int = Field(
        strict=True, ge=1, le=1_000_000_000, description="... for so many minor units of money; rounded down.", examples=[100]
    )
    currencies: list[Currency] | None = Field(
        default=None, min_length=1, max_length=50, description="Only orders in these currencies; all when absent.", examples=[["EUR"]]
    )


class NewRate(Rate):
    """A rate from a moment on."""

    effective_from: MomentInput | None = Field(
        default=None, description="Orders placed from then on earn by it; at once when absent.", examples=["2026-03-10T00:00:00Z"]
    )


class NewWallet(InputModel):
    """A wallet of a programme's own."""

    code: WalletCode
    kind: Literal["points", "tier_points", "stored_value"] = Field(default="points", description="What it holds.", examples=["points"])
    currency: Currency | None = Field(default=None, description="Of stored value, and of nothing else.", examples=[None])

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.kind == "stored_value") != (self.currency is not None):
            raise PydanticCustomError("currency_unfit", "Stored value has a currency, and nothing else has.")
        if self.code in (POINTS, TIER_POINTS):
            raise PydanticCustomError("wallet_given", "Every programme has this wallet.")
        return self


def _distinct(wallets: list[NewWallet]) -> list[NewWallet]:
    if len({wallet.code for wallet in wallets}) < len(wallets):
        raise PydanticCustomError("wallets_equal", "Each wallet has a code of its own.")
    return wallets


class ProgrammeDraft(InputModel):
    """A programme to be made, as a draft."""

    name: ShortText = Field(description="What people call it.", examples=["Tea club"])
    title: Title = None
    zone: ZoneField = "UTC"
    refund_policy: PolicyField = "allow_negative"
    rate: Rate = Field(description="What orders earn.", examples=[{"points": 1, "amount_minor": 100}])
    wallets: Annotated[list[NewWallet], AfterValidator(_distinct)] = Field(
        default=[], max_length=_MAX_WALLETS, description="Besides points and tier_points, which it has anyway."
    )
    discount: DiscountScale | None = Field(default=None, description="Its accumulating discount.")
    starts_at: Begin = None
    ends_at: End = None


class ProgrammePatch(InputModel):
    """What may be changed of a programme; its period only while it is a draft."""

    name: ShortText = Field(default="", description="What people call it.", examples=["Regulars"])
    title: Title = None
    zone: ZoneField = "UTC"
    refund_policy: PolicyField = "allow_negative"
    discount: DiscountScale | None = Field(default=None, description="The accumulating discount; null ends it.")
    starts_at: Begin = None
    ends_at: End = None


class ProgrammePublication(InputModel):
    """From when on a programme runs."""

    effective_from: MomentInput | None = Field(
        default=None,
        description="When absent as it was drafted, else at once. What was told before it was published does not count.",
        examples=["2026-03-10T00:00:00Z"],
    )


class ProgrammeEnd(InputModel):
    """Until when a programme runs."""

    effective_until: MomentInput | None = Field(
        default=None, description="Not before this moment, which it is when absent.", examples=["2026-12-31T23:00:00Z"]
    )


class EarningRate(OutputModel):
    """How much money earns how many points: an amount times numerator, divided by denominator, rounded down."""

    version: int = Field(description="1 for the first.", examples=[1])
    numerator: int = Field(description="Points …", examples=[1])
    denominator: int = Field(description="… for so many minor units of money.", examples=[100])
    currencies: list[str] | None = Field(description="Only orders in these; all when null.", examples=[None])
    effective_from: Moment = Field(description="Orders placed from then on earn by it.", examples=["2026-01-01T00:00:00Z"])


class ProgrammeWallet(OutputModel):
    """What members of a programme can hold."""

    code: str = Field(description="The wallet.", examples=["points"])
    kind: str = Field(description="points, tier_points or stored_value.", examples=["points"])
    currency: str | None = Field(description="Of stored value, whose figures are in its minor units.", examples=[None])


class Programme(OutputModel):
    """A programme and what it gives."""

    id: str = Field(description="The programme, `prg_…`.", examples=["prg_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    name: str = Field(description="What people call it.", examples=["Regulars"])
    title: dict[str, str] | None = Field(description="What members see, by language.", examples=[{"en": "Tea club", "lv": "Tējas klubs"}])
    state: Literal["draft", "published"] = Field(description="A draft gives nothing; when a published one does is its period.")
    starts_at: Moment | None = Field(description="It runs from then on; since ever when null.", examples=["2026-03-10T00:00:00Z"])
    ends_at: Moment | None = Field(description="Until then; for ever when null.", examples=[None])
    published_at: Moment | None = Field(description="When it was published.", examples=["2026-03-01T12:00:00Z"])
    zone: str = Field(description="IANA time zone by which its days, weeks and months are told apart.", examples=["Europe/Riga"])
    refund_policy: RefundPolicy = Field(description="What a return does about points that are gone.", examples=["allow_negative"])
    discount: DiscountScale | None = Field(description="Its accumulating discount.")
    rates: list[EarningRate] = Field(description="Its rates, newest first; an order keeps the rate of its day.")
    wallets: list[ProgrammeWallet] = Field(description="What its members can hold.")


class ProgrammeVersion(OutputModel):
    """What a programme was from a change until the next."""

    version: int = Field(description="1 for the first; the ETag of that time.", examples=[3])
    changed_at: Moment = Field(description="When it became so.", examples=["2026-03-01T12:00:00Z"])
    changed_by: str | None = Field(description="Who made it so; null for the one that there always was.", examples=["server:key_1"])
    terms: dict[str, object] = Field(description="Its fields at that time, without its rates, which have versions of their own.")
