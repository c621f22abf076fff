"""What identifies a customer, how it is written, and what is worth nothing as an identity."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, get_args

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from customers.fields import Phone, check_email
from customers.identities.errors import CustomerAmbiguous, IdentitiesDisagree, IdentityRefused, NobodyResolved

IdentityKind = Literal["email", "phone", "external_id", "device", "card", "account"]
KINDS: tuple[IdentityKind, ...] = get_args(IdentityKind)
# What a profile's own fields hold.
PROFILE_KINDS: tuple[IdentityKind, ...] = ("email", "phone", "external_id")
MAX_VALUE_LENGTH = 254
# No rule lets more customers share a value.
MAX_SHARED = 100
# Kinds that strangers do not share, and how many may have a value for that to be a sign of anything between two of them.
SHARED_KINDS: frozenset[IdentityKind] = frozenset({"account", "card", "device"})
MAX_SHARERS = 20

_PHONE = TypeAdapter(Phone)
_SEPARATORS = re.compile(r"[\s\-]+")
_GMAIL = frozenset({"gmail.com", "googlemail.com"})


@dataclass(frozen=True, slots=True)
class Identity:
    """One identifier, in its normal form."""

    kind: IdentityKind
    value: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """Whom an identity leads to.

    Attributes:
        identity: what was asked for.
        roots: the customers who have it; none when it is ignored.
        ignored: why it leads to nobody whoever has it; None when it is trusted.
    """

    identity: Identity
    roots: frozenset[str]
    ignored: Literal["blocked", "shared"] | None = None


@dataclass(frozen=True, slots=True)
class Limit:
    """How far a kind of identifier is trusted.

    Attributes:
        max_customers: one value that more customers have identifies none of them.
        max_values: values that one customer may be given within a period; None for any number.
        period_days: length of that period; None for ever.
    """

    max_customers: int = 1
    max_values: int | None = None
    period_days: int | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """Values that identify nobody: a pattern with `*` for any characters, for one kind or for all."""

    pattern: str
    kind: IdentityKind | None = None


@dataclass(frozen=True, slots=True)
class IdentityRules:
    """The limits by kind, and the blocked values."""

    limits: Mapping[str, Limit]
    blocked: tuple[Block, ...]

    def limit(self, kind: str) -> Limit:
        """Return the limit of a kind."""
        return self.limits.get(kind, _NO_LIMIT)


_NO_LIMIT = Limit(max_customers=MAX_SHARED)
_MEANINGLESS = ("null", "none", "nil", "undefined", "unknown", "n/a", "na", "nan", "test", "anonymous", "guest", "0", "-", "00000000*")
_MAILBOXES = ("null", "none", "unknown", "undefined", "anonymous", "noreply", "no-reply", "donotreply", "info", "test", "noemail", "nomail")

DEFAULT_RULES = IdentityRules(
    limits={
        "email": Limit(max_customers=3, max_values=10, period_days=365),
        "phone": Limit(max_customers=5, max_values=10, period_days=365),
        "external_id": Limit(max_customers=1),
        "device": Limit(max_customers=3, max_values=50, period_days=365),
        "card": Limit(max_customers=2, max_values=20),
        "account": Limit(max_customers=2, max_values=20),
    },
    blocked=(*(Block(each) for each in _MEANINGLESS), *(Block(f"{each}@*", "email") for each in _MAILBOXES)),
)


def normal(kind: IdentityKind, value: str, source: str | None = None) -> Identity:
    """Return an identifier in its normal form, so that two spellings of it are equal.

    Raises:
        IdentityRefused: the value is none of its kind.
    """
    text = value.strip()
    try:
        match kind:
            case "email":
                text = check_email(text).lower()
            case "phone":
                text = _PHONE.validate_python(text)
            case "card" | "device":
                text = _settled(_SEPARATORS.sub("", text))
            case _:
                # Exactly as its giver writes it, as in a profile.
                text = value
    except (PydanticCustomError, ValidationError):
        raise IdentityRefused(pointer="/value") from None
    if not 0 < len(text) <= MAX_VALUE_LENGTH:
        raise IdentityRefused(pointer="/value")
    return Identity(kind, text, "" if kind in ("email", "phone") else source or "")


def is_blocked(rules: IdentityRules, kind: str, value: str) -> bool:
    """Tell whether a value identifies nobody, such as `null` or a mailbox that many read."""
    text = value.lower()
    return any(block.kind in (None, kind) and _pattern(block.pattern).fullmatch(text) is not None for block in rules.blocked)


def is_over_shared(rules: IdentityRules, kind: str, customers: int) -> bool:
    """Tell whether too many customers have a value for it to identify one of them."""
    return customers > rules.limit(kind).max_customers


def agreed(found: Sequence[Found]) -> str:
    """Return the one customer whom identities lead to.

    An identity that nobody has says nothing, as one that is ignored; those that somebody has must agree.

    Raises:
        NobodyResolved: nobody has any of them.
        IdentitiesDisagree: no customer has all that somebody has.
        CustomerAmbiguous: several customers have them all.
    """
    known = [each.roots for each in found if each.roots]
    if not known:
        raise NobodyResolved(ignored=[{"kind": each.identity.kind, "reason": each.ignored} for each in found if each.ignored])
    return common(known)


def common(known: Sequence[frozenset[str]]) -> str:
    """Return the one customer who is among the holders of each of some identities.

    Raises:
        IdentitiesDisagree: no customer has them all.
        CustomerAmbiguous: several customers have them all.
    """
    roots = frozenset.intersection(*known)
    if not roots:
        raise IdentitiesDisagree(customer_ids=sorted(frozenset.union(*known))[:MAX_SHARED])
    if len(roots) > 1:
        raise CustomerAmbiguous(customer_ids=sorted(roots))
    return next(iter(roots))


def read_rules(document: Mapping[str, Any]) -> IdentityRules:
    """Return the rules that a stored document holds."""
    limits = {kind: Limit(**limit) for kind, limit in document["limits"].items()}
    return IdentityRules(limits, tuple(Block(each["pattern"], each["kind"]) for each in document["blocked"]))


def written_rules(rules: IdentityRules) -> dict[str, Any]:
    """Return the document that keeps rules."""
    return {
        "limits": {
            kind: {"max_customers": limit.max_customers, "max_values": limit.max_values, "period_days": limit.period_days}
            for kind, limit in rules.limits.items()
        },
        "blocked": [{"pattern": block.pattern, "kind": block.kind} for block in rules.blocked],
    }


def email_key(email: str) -> str:
    """Return what two addresses of one mailbox share: lower case, no tag after `+`, and for Gmail no dots."""
    lower = email.lower()
    local, _, domain = lower.rpartition("@")
    if domain in _GMAIL:
        return f"{local.split('+')[0].replace('.', '')}@gmail.com"
    if "+" in local[1:] and not local.startswith('"'):
        return f"{local.split('+')[0]}@{domain}"
    return lower


def _settled(text: str) -> str:
    # Lower case can bring forth characters that normalise further.
    after = _SEPARATORS.sub("", unicodedata.normalize("NFKC", text).lower())
    return after if after == text else _settled(after)


@lru_cache(maxsize=4_096)
def _pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, pattern.lower().split("*"))), re.DOTALL)
