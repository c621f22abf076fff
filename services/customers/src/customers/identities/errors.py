"""What can go wrong with identities.

NotFound ├── IdentityNotFound
         └── NobodyResolved
Conflict ├── IdentitiesDisagree
         ├── CustomerAmbiguous
         ├── IdentityLimitReached
         └── IdentityOfProfile
Invalid  ├── IdentityRefused
         ├── IdentityBlocked
         └── NothingToResolve
"""

from shared.errors import Conflict, Invalid, NotFound


class IdentityNotFound(NotFound):
    code = "identity_not_found"
    title = "The customer has no such identity."


class NobodyResolved(NotFound):
    code = "customer_not_resolved"
    title = "These identifiers lead to no customer."


class IdentitiesDisagree(Conflict):
    code = "identities_disagree"
    title = "These identifiers lead to different customers."


class CustomerAmbiguous(Conflict):
    code = "customer_ambiguous"
    title = "These identifiers lead to several customers."


class IdentityLimitReached(Conflict):
    code = "identity_limit_reached"
    title = "The customer was given as many identifiers of this kind as the rules allow."


class IdentityOfProfile(Conflict):
    code = "identity_of_profile"
    title = "This identity is a field of the profile; change it there."


class IdentityRefused(Invalid):
    code = "identity_refused"
    title = "The value is no identifier of its kind."


class IdentityBlocked(Invalid):
    code = "identity_blocked"
    title = "The rules say that this value identifies nobody."


class NothingToResolve(Invalid):
    code = "nothing_to_resolve"
    title = "Send at least one identifier."
