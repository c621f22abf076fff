"""What can go wrong with keys and tokens, beside `KeyNotFound`, `KeyAlreadyRevoked` and `UnknownScopes` of the chassis.

Forbidden └── ScopesExceeded
Invalid   ├── ExpiresInPast
          └── TokenCustomerUnknown
"""

from shared.errors import Forbidden, Invalid


class ScopesExceeded(Forbidden):
    code = "scopes_exceeded"
    title = "You cannot give scopes that you lack."


class ExpiresInPast(Invalid):
    code = "expires_in_past"
    title = "A key expires in the future."


class TokenCustomerUnknown(Invalid):
    code = "customer_unknown"
    title = "No customer has this id."
