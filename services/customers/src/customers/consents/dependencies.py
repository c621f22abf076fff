"""Who may see and change consents."""

from typing import Annotated

from shared.http import Caller, requires

ReadsConsents = Annotated[Caller, requires("consents:read")]
ReadsOwnConsents = Annotated[Caller, requires("consents:read", own="customer_id")]
WritesConsents = Annotated[Caller, requires("consents:write")]
WritesOwnConsents = Annotated[Caller, requires("consents:write", own="customer_id")]
