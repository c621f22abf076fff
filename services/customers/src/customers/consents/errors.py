"""What can go wrong with consents.

NotFound ├── PurposeNotFound
         ├── DecisionNotFound
         └── PreferenceLinkInvalid
Conflict ├── TextFixed
         └── ConfirmationSuperseded
Invalid  ├── TextVersionUnknown
         ├── ObservedInFuture
         └── ConfirmationInvalid
"""

from shared.errors import Conflict, Invalid, NotFound


class PurposeNotFound(NotFound):
    code = "purpose_not_found"
    title = "There is no such purpose."


class DecisionNotFound(NotFound):
    code = "decision_not_found"
    title = "There is no such decision."


class PreferenceLinkInvalid(NotFound):
    code = "preference_link_invalid"
    title = "This link is not valid or no longer valid."


class TextFixed(Conflict):
    code = "text_fixed"
    title = "Consents refer to this version of the text: give the new text a new version."


class ConfirmationSuperseded(Conflict):
    code = "confirmation_superseded"
    title = "The customer has decided otherwise since."


class TextVersionUnknown(Invalid):
    code = "text_version_unknown"
    title = "Send the texts with a new version."


class ObservedInFuture(Invalid):
    code = "observed_in_future"
    title = "A decision was observed in the past."


class ConfirmationInvalid(Invalid):
    code = "confirmation_invalid"
    title = "This confirmation is not valid or has expired."
