"""What a response is, and who may give one for whom. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from feedback.responses.errors import AnsweredInFuture, NotYourself

# Clocks of callers run a little ahead of ours.
CLOCK_TOLERANCE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Scale:
    """The whole numbers that a question can be answered with.

    Attributes:
        low: lowest, included.
        high: highest, included.
    """

    low: int
    high: int


# Question -> its scale today; what was answered keeps the scale it was answered on.
SCALES = MappingProxyType({"nps": Scale(0, 10)})


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody said.

    Attributes:
        external_id: the caller's own id of the response.
        customer_id: who said it, when known.
        question: which question was asked.
        score: on the question's scale.
        channel: where it was asked.
        comment: in his words.
        answered_at: UTC; None means now.
    """

    external_id: str | None
    customer_id: str | None
    question: str
    score: int
    channel: str | None
    comment: str | None
    answered_at: datetime | None

    @property
    def scale(self) -> Scale:
        """The scale that it is answered on."""
        return SCALES[self.question]


def speaks_for(customer_id: str | None, member_id: str | None) -> str | None:
    """Return the customer whom a response is recorded for.

    Args:
        customer_id: whom the request names.
        member_id: who calls, when it is a member; None for a server or staff.

    Raises:
        NotYourself: a member names somebody else.
    """
    if member_id is None:
        return customer_id
    if customer_id not in {None, member_id}:
        raise NotYourself(pointer="/customer_id")
    return member_id


def check_moment(answer: Answer, now: datetime) -> None:
    """Refuse an answer from the future.

    Raises:
        AnsweredInFuture: it lies further ahead than clocks differ.
    """
    if answer.answered_at is not None and answer.answered_at > now + CLOCK_TOLERANCE:
        raise AnsweredInFuture(pointer="/answered_at")


def same_answer(stored: Answer, sent: Answer) -> bool:
    """Whether a response that was sent again is the one that is stored; an unsaid moment is no contradiction."""
    said = (sent.customer_id, sent.question, sent.score, sent.channel, sent.comment, sent.answered_at or stored.answered_at)
    return said == (stored.customer_id, stored.question, stored.score, stored.channel, stored.comment, stored.answered_at)
