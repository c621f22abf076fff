"""The demo's people: the same each time, of four languages, and reachable nowhere."""

import re
import time
from collections import Counter

import orjson
import phonenumbers

from local_runner.history import customer_batches, read_purchases

PEOPLE = [item for batch in customer_batches(read_purchases()) for item in orjson.loads(batch.body)["items"]]


def test_everybody_is_somebody_of_four_languages() -> None:
    assert len(PEOPLE) == len({person["external_id"] for person in PEOPLE}) == 23_570
    shares = Counter(person["language"] for person in PEOPLE)
    assert set(shares) == {"en", "lv", "ru", "zh"}
    assert min(shares.values()) > 4_000
    assert all(person["name"] and person["city"] and person["country"] for person in PEOPLE)


def test_they_are_the_same_each_time() -> None:
    assert PEOPLE[3] == {
        "kind": "individual",
        "external_id": "cdnow-4",
        "name": "Thomas Lewis",
        "email": "thomas.lewis.4@example.org",
        "language": "en",
        "country": "US",
        "city": "Austin",
        "birth_date": "1943-12-20",
        "sex": "male",
        "phone": "+12125550104",
    }
    again = [item for batch in customer_batches(read_purchases()) for item in orjson.loads(batch.body)["items"]]
    assert again == PEOPLE


def test_addresses_are_of_the_domains_for_examples_and_of_one_person_each() -> None:
    addresses = [person["email"] for person in PEOPLE]
    assert all(re.fullmatch(r"[a-z.]+[0-9]+@example\.(com|org)", address) for address in addresses)
    assert len(set(addresses)) == len(addresses)


def test_numbers_are_those_of_fiction_and_of_one_person_each() -> None:
    numbers = [person["phone"] for person in PEOPLE if "phone" in person]
    assert len(numbers) > 300
    assert len(set(numbers)) == len(numbers)
    assert all(re.fullmatch(r"\+1[0-9]{3}55501[0-9]{2}|\+447700900[0-9]{3}", number) for number in numbers)
    assert all(phonenumbers.is_possible_number(phonenumbers.parse(number)) for number in numbers)


def test_making_them_takes_no_time() -> None:
    began = time.process_time()
    list(customer_batches(read_purchases()))
    assert time.process_time() - began < 3
