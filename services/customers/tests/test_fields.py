"""The vocabulary of fields."""

from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from customers.fields import check_email

_PART = st.text(alphabet="abZ09._+-@ é李", max_size=12)
_DOMAINS = st.sampled_from(
    ["example.com", "EXAMPLE.lv", "b\u00fccher.de", "localhost", "a.test", "x.invalid", "-a.com", "a..com", "[127.0.0.1]", "ex_ample.com"]
)


def thorough(address: str) -> str | None:
    try:
        return validate_email(address, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError:
        return None


def quick(address: str) -> str | None:
    try:
        return check_email(address)
    except PydanticCustomError:
        return None


@given(st.one_of(st.emails(), st.tuples(_PART, _DOMAINS | _PART).map("@".join), st.text(max_size=20)))
@example("ilze.berzina+shop@Example.COM")
@example("a" * 64 + "@example.com")
@example("a" * 65 + "@example.com")
@example("a@" + "b" * 60 + ".com")
@example("a@" + ".".join(["b" * 60] * 4))
@example("-@example.com")
@example("@example.com")
@example("postmaster@example.com")
def test_the_quick_way_finds_what_the_thorough_one_finds(address):
    assert quick(address) == thorough(address)
