"""What can go wrong with responses.

DomainError
├── NotFound
│   └── ResponseNotFound
├── Conflict
│   ├── ResponseDiffers   the external id belongs to another response
│   └── CustomerIsErased  nothing is recorded of him any more
├── Forbidden
│   └── NotYourself       a member answers for somebody else
└── Invalid
    └── AnsweredInFuture
"""

from shared.errors import Conflict, Forbidden, Invalid, NotFound


class ResponseNotFound(NotFound):
    code = "response_not_found"
    title = "There is no such response."


class ResponseDiffers(Conflict):
    code = "response_differs"
    title = "Another response was recorded under this external_id; responses are not changed."


class CustomerIsErased(Conflict):
    code = "customer_erased"
    title = "This customer was erased; nothing is recorded of him any more."


class NotYourself(Forbidden):
    code = "not_yourself"
    title = "A member answers for himself only."


class AnsweredInFuture(Invalid):
    code = "answered_in_future"
    title = "An answer cannot lie in the future."
