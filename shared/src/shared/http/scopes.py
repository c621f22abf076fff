"""Every scope there is: what a key or token may be allowed to do."""

from enum import StrEnum


class Scope(StrEnum):
    """What a caller may do, as `<subject>:<read | write>`."""

    CUSTOMERS_READ = "customers:read"
    CUSTOMERS_WRITE = "customers:write"
    # Contact data in the clear; without it names, addresses and numbers come masked.
    CONTACTS_READ = "contacts:read"
    CONSENTS_READ = "consents:read"
    CONSENTS_WRITE = "consents:write"
    IMPORTS_WRITE = "imports:write"
    # Erasure, restriction, access exports and the audit log.
    PRIVACY_WRITE = "privacy:write"
    AUDIT_READ = "audit:read"
    ORDERS_READ = "orders:read"
    ORDERS_WRITE = "orders:write"
    FEEDBACK_READ = "feedback:read"
    FEEDBACK_WRITE = "feedback:write"
    LOYALTY_READ = "loyalty:read"
    LOYALTY_WRITE = "loyalty:write"
    # Programmes, rules, tiers, rewards and voucher batches; adjustments by hand.
    LOYALTY_MANAGE = "loyalty:manage"
    # What a partner's key may do, for the partner that it is bound to.
    PARTNERS_POST = "partners:post"
    ANALYTICS_READ = "analytics:read"
    KEYS_WRITE = "keys:write"
    TOKENS_WRITE = "tokens:write"
    OPERATIONS_READ = "operations:read"
    OPERATIONS_WRITE = "operations:write"


ALL_SCOPES: tuple[str, ...] = tuple(sorted(scope.value for scope in Scope))

# What a member's token may be given: each is further bound to his own data by `requires(..., own=...)`.
MEMBER_SCOPES: tuple[str, ...] = (
    *("consents:read", "consents:write", "contacts:read", "customers:read", "feedback:write"),
    *("loyalty:read", "loyalty:write", "orders:read"),
)


def unknown_scopes(scopes: list[str]) -> list[str]:
    """Return those that are not in the catalogue, sorted."""
    return sorted(set(scopes).difference(ALL_SCOPES))
