"""Searching customers: names in any script, beginnings, typing errors, numbers and addresses."""

import random
import string
from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from customers.profiles import repository as profiles
from customers.profiles.search import MAX_FOLDED_LENGTH, fold
from customers.search import narrowing, repository
from customers.search.names import sound, sound_keys, words
from customers.search.narrowing import reading
from customers.search.passes import tidy_name_words
from customers.search.repository import similar
from customers.search.rules import lexeme, prefix, search_for, without
from customers.search.spelling import is_typing_error
from shared.database.unit_of_work import UnitOfWork
from shared.testing.databases import RolledBackDatabase, rolled_back

PEOPLE = [
    {"name": "Ilze Bērziņa", "email": "ilze.b@example.com", "phone": "+37126123456", "external_id": "C-10042"},
    {"name": "Илзе Берзиня", "phone": "+79261234567"},
    {"name": "Иван Петрович Иванов", "email": "o'ivanov@example.ru"},
    {"name": "Ivans Ivanovs"},
    {"name": "王小明", "phone": "+8613912345678"},
    {"name": "Aleksandrs Kuzņecovs"},
    {"name": "Jānis Kalniņš"},
    {"name": "SIA Rīgas Maize", "kind": "organisation"},
    {"name": "John Smith"},
]
LETTERS = st.text(min_size=1, max_size=12, alphabet=string.ascii_lowercase)


class TestNames:
    @example("0𠒈𡏈")
    @given(st.text())
    def test_a_folded_name_is_ascii_words_and_short(self, name):
        folded = fold(name)
        assert folded.isascii()
        assert len(folded) <= MAX_FOLDED_LENGTH
        assert folded == "" or (folded.startswith(" ") and "  " not in folded)
        assert not set(folded) & set("%_\\'\"\x00")

    @given(st.text())
    def test_words_of_words_are_the_same(self, name):
        found = words(name)
        assert words(" ".join(found)) == found

    @given(st.text(alphabet=st.characters(max_codepoint=0x52F)))
    def test_case_does_not_matter(self, name):
        assert fold(name.upper().lower()) == fold(name.upper())

    @given(st.lists(LETTERS, max_size=4), st.randoms())
    def test_the_order_of_words_does_not_matter_to_sound_keys(self, name, shuffler):
        turned = list(name)
        shuffler.shuffle(turned)
        assert sound_keys(turned) == sound_keys(name)

    @given(LETTERS)
    def test_a_sound_is_a_few_letters(self, word):
        assert set(sound(word)) <= set("afklmnprst")
        assert len(sound(word)) <= len(word) + 1

    @pytest.mark.parametrize(
        "spellings",
        [
            ("Bērziņa", "BERZINA", "berziņa", "Берзина"),
            ("Łódź", "lodz"),
            ("Straße", "STRASSE"),
            ("Ёлкин", "Елкин", "elkin"),
            ("ﬁnn", "finn"),
            ("Ｔａｎａｋａ", "tanaka"),
            ("O'Neil", "o neil", "O’Neil"),
            ("Παπαδόπουλος", "papadopoylos"),
            ("王小明", "Wang Xiaoming", "wang xiaoming"),
            ("欧阳娜", "ouyang na"),
            ("单小龙", "Shan Xiaolong"),
        ],
    )
    def test_spellings_of_one_name_have_the_same_words(self, spellings):
        assert len({tuple(words(each)) for each in spellings}) == 1

    @pytest.mark.parametrize(
        "alike",
        [
            ("Иван Иванов", "Ivans Ivanovs", "Ivanov Ivan", "Iwan Iwanow"),
            ("Александр Кузнецов", "Aleksandrs Kuzņecovs", "Alexander Kuznetsov"),
            ("Янис Калниньш", "Jānis Kalniņš", "Kalnins Janis"),
            ("Ильзе Берзиня", "Ilze Bērziņa", "Ilze Bērziņš"),
            ("王小明", "Ван Сяомин", "Xiaoming Wang"),
            ("Елена Жукова", "Jeļena Žukova", "Yelena Zhukova"),
            ("Mihails Ščerbakovs", "Михаил Щербаков", "Mikhail Shcherbakov"),
        ],
    )
    def test_the_same_name_in_several_languages_sounds_the_same(self, alike):
        assert len({tuple(sound_keys(words(each))) for each in alike}) == 1

    @pytest.mark.parametrize("nothing", ["", None, "  ", "!?", "😀"])
    def test_nothing_to_search(self, nothing):
        assert fold(nothing) == ""
        assert search_for(nothing or "").classes == ()


class TestTyping:
    @given(st.text(min_size=4, max_size=6, alphabet=string.ascii_lowercase), st.integers(0, 5), st.sampled_from(string.ascii_lowercase))
    def test_one_slip_is_forgiven(self, word, place, letter):
        place %= len(word)
        assert is_typing_error(word[:place] + letter + word[place + 1 :], word)
        assert is_typing_error(word[:place] + letter + word[place:], word)

    def test_other_words_are_others(self):
        assert not is_typing_error("ivanov", "petrov")
        assert not is_typing_error("anna", "inga")


class TestQueries:
    @given(st.text())
    def test_any_text_makes_a_query_that_postgres_reads(self, text):
        for matches in search_for(text).classes:
            assert matches.query.replace("\\\\", "").replace("''", "").count("'") % 2 == 0

    @pytest.mark.parametrize("text", ["'", "\\", "a'b\\c", "x' | 'y", "\\'", "a@b'c", "12345'"])
    async def test_postgres_takes_lexemes_literally(self, database, text):
        async with database.acquire() as connection:
            vector = "SELECT array_to_tsvector(ARRAY[$1::text]) @@ $2::text::tsquery"
            assert await connection.fetchval(vector, text, lexeme(text))
            assert await connection.fetchval(vector, f"{text}z", prefix(text))
            assert not await connection.fetchval(vector, text, without(prefix(text), [lexeme(text)]))
            for matches in search_for(text).classes:
                await connection.fetchval("SELECT $1::text::tsquery", matches.query)

    def test_nothing_is_excluded_by_nothing(self):
        assert without("'a'", []) == "'a'"


@pytest.fixture
async def people(client):
    """The ids of PEOPLE by name."""
    ids = {}
    for person in PEOPLE:
        answer = await client.post("/v1/customers", json=person)
        assert answer.status_code == 201, answer.text
        ids[answer.json()["id"]] = person["name"]
    return ids


async def names(client, **parameters):
    answer = await client.get("/v1/customers", params=parameters)
    assert answer.status_code == 200, answer.text
    return [each["name"] for each in answer.json()["data"]]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("Bērziņa", "Ilze Bērziņa"),
        ("berzina ilze", "Ilze Bērziņa"),
        ("berz il", "Ilze Bērziņa"),
        ("Берзиня", "Илзе Берзиня"),
        ("ivanov", "Иван Петрович Иванов"),
        ("Ivnaov", "Иван Петрович Иванов"),
        ("иванов иван", "Иван Петрович Иванов"),
        ("petrovic", "Иван Петрович Иванов"),
        ("wang", "王小明"),
        ("xiaoming", "王小明"),
        ("ming wang", "王小明"),
        ("王", "王小明"),
        ("小明", "王小明"),
        ("wangxiaoming", "王小明"),
        ("Alexander Kuznetsov", "Aleksandrs Kuzņecovs"),
        ("Александр Кузнецов", "Aleksandrs Kuzņecovs"),
        ("Калниньш", "Jānis Kalniņš"),
        ("Kalninsh", "Jānis Kalniņš"),
        ("klanins janis", "Jānis Kalniņš"),
        ("jhon smith", "John Smith"),
        ("maiez sia", "SIA Rīgas Maize"),
        ("maize", "SIA Rīgas Maize"),
        ("smiht", "John Smith"),
        ("mith", "John Smith"),
        ("ilze.b@example.com", "Ilze Bērziņa"),
        ("Ilze.B@", "Ilze Bērziņa"),
        ("o'ivanov@example.ru", "Иван Петрович Иванов"),
        ("+371 26 123-456", "Ilze Bērziņa"),
        ("26123456", "Ilze Bērziņa"),
        ("123456", "Ilze Bērziņa"),
        ("8 (926) 123-45-67", "Илзе Берзиня"),
        ("c-10042", "Ilze Bērziņa"),
    ],
)
async def test_the_right_one_comes_first(client, people, query, first):
    found = await names(client, q=query)
    assert found[:1] == [first], found


@pytest.mark.parametrize("query", ["nobody", "99999999", "x@y.z", "李", "!!", "''", "\\"])
async def test_strangers_are_not_found(client, people, query):
    assert await names(client, q=query) == []


async def test_a_mistyped_name_in_other_letters_is_found(client):
    """As the guide says."""
    await client.post("/v1/customers", json={"name": "Анна Берзиня"})
    assert await names(client, q="brezina anna") == ["Анна Берзиня"]


async def test_exact_matches_come_before_beginnings_and_those_before_resemblances(client):
    for name in ("Ivana", "Ivanova Anna", "Iwan Berg", "Ivan Ozols", "Anna Ivan"):
        await client.post("/v1/customers", json={"name": name})
    assert await names(client, q="ivan") == ["Ivan Ozols", "Anna Ivan", "Ivana", "Ivanova Anna", "Iwan Berg"]
    assert await names(client, q="ivan", sort="name") == ["Anna Ivan", "Ivan Ozols", "Ivana", "Ivanova Anna", "Iwan Berg"]


async def test_pages_hold_everyone_once_across_classes(client):
    for number in range(30):
        await client.post(
            "/v1/customers", json={"name": f"{['Anna', 'Annabel', 'Ana'][number % 3]} {string.ascii_lowercase[number % 26]}x"}
        )
    every = await names(client, q="anna", limit=100)
    assert len(every) == 30
    paged, cursor = [], None
    while True:
        answer = (await client.get("/v1/customers", params={"q": "anna", "limit": 7, **({"cursor": cursor} if cursor else {})})).json()
        paged += [each["name"] for each in answer["data"]]
        cursor = answer["next_cursor"]
        if cursor is None:
            break
    assert paged == every


async def test_filters_hold_within_a_search(client):
    await client.post("/v1/customers", json={"name": "Anna Ozola", "country": "LV"})
    await client.post("/v1/customers", json={"name": "Anna Schmidt", "country": "DE"})
    assert await names(client, q="anna", country="DE") == ["Anna Schmidt"]


async def test_a_changed_name_is_found_anew(client, people):
    made = (await client.post("/v1/customers", json={"name": "Anna Ozola"})).json()
    await client.patch(f"/v1/customers/{made['id']}", json={"name": "Anna Zvaigzne"}, headers={"if-match": '"1"'})
    assert await names(client, q="ozola") == []
    assert await names(client, q="zvaigzen") == ["Anna Zvaigzne"]


async def test_slips_of_the_finger_are_forgiven(client):
    """One random slip in a surname of six letters or more still finds its bearer, nineteen times in twenty."""
    surnames = ["Kuznetsov", "Berzina", "Lisovskis", "Hutchinson", "Vasiljeva", "Morozova", "Kalnins", "Zhuravleva", "Robertson", "Dimants"]
    for surname in surnames:
        await client.post("/v1/customers", json={"name": f"{surname} Q"})
    draw, found, tried = random.Random(4), 0, 0
    for surname in surnames * 4:
        typed, place = surname.lower(), draw.randrange(1, len(surname) - 1)
        kind = draw.choice(["swap", "drop", "double", "wrong"])
        if kind == "swap":
            typed = typed[:place] + typed[place + 1] + typed[place] + typed[place + 2 :]
        elif kind == "drop":
            typed = typed[:place] + typed[place + 1 :]
        elif kind == "double":
            typed = typed[:place] + typed[place] + typed[place:]
        else:
            typed = typed[:place] + draw.choice(string.ascii_lowercase) + typed[place + 1 :]
        tried += 1
        found += (await names(client, q=typed))[:1] == [f"{surname} Q"]
    assert found / tried >= 0.95


async def known_words(database):
    async with database.acquire() as connection:
        return {row["word"] for row in await connection.fetch("SELECT word FROM name_words")}


@pytest.mark.parametrize(
    ("name", "then", "gone"),
    [
        ("Zeltspalvins Berzina R2d2", None, {"zeltspalvins", "r2d2"}),
        ("李浩明", None, {"haoming", "lihaoming", "hao"}),
        ("Anna Sudrabspalvina", "Anna Ilze", {"anna", "sudrabspalvina"}),
    ],
)
async def test_words_of_the_erased_are_forgotten(client, database, people, name, then, gone):
    """All that they were ever called, but for what somebody else is called."""
    made = (await client.post("/v1/customers", json={"name": name})).json()
    if then is not None:
        await client.patch(f"/v1/customers/{made['id']}", json={"name": then}, headers={"if-match": '"1"'})
    before = await known_words(database)
    assert (await client.post("/v1/erasures", json={"customer_id": made["id"]})).status_code == 202
    assert before - await known_words(database) == gone & before


async def test_words_that_two_forgot_at_once_go_later(client, database, clock):
    """Of two who are erased at the same time each sees the other's name still; no look at the dictionary finds a bearer then."""
    await client.post("/v1/customers", json={"name": "Anna Ozola"})
    async with database.acquire() as connection:
        await connection.execute("INSERT INTO name_words VALUES ('zeltspalvins'), ('r2d2')")
        pages = await repository.pages(connection)
    # A page a look; a round meets them all.
    for look in range(pages):
        async with UnitOfWork(database) as uow:
            assert not await tidy_name_words(uow, clock.now() + timedelta(seconds=5 * look))
            await uow.commit()
    assert await known_words(database) == {"anna", "ozola"}


async def test_the_document_s_email_key_is_that_of_the_rules(database):
    from customers.identities.rules import email_key

    addresses = ["A.B+c@Gmail.com", "a.b@googlemail.com", "ilze+shop@example.com", "Ilze@Example.com", '"a+b"@x.lv', "+x@y.lv", "a@b.c"]
    async with database.acquire() as connection:
        for address in addresses:
            assert await connection.fetchval("SELECT customer_email_key($1)", address) == email_key(address)


WORDS_OF_NAMES = "SELECT translate(md5(n::text), '0123456789', 'ghijklmnop') FROM generate_series(1, 2000) AS n"


@pytest.mark.parametrize(
    ("index", "typed", "meant"),
    [
        ("ix_name_words_keys", "brezins", "berzins"),
        ("ix_name_words_keys", "jhon", "john"),
        ("ix_name_words_trigrams", "erzin", "berzins"),
        ("ix_name_words_trigrams", "hutcchinsonn", "hutchinson"),
    ],
)
async def test_similar_words_are_found_by_index(database, index, typed, meant):
    scans = f"SELECT pg_stat_get_xact_numscans('{index}'::regclass)"
    async with database.acquire() as connection:
        await connection.execute(f"INSERT INTO name_words {WORDS_OF_NAMES} UNION ALL VALUES ('berzins'), ('john'), ('hutchinson')")
        await connection.execute("ANALYZE name_words")
        before = await connection.fetchval(scans)
        assert await similar(connection, [typed], 5) == {typed: [meant]}
        assert await connection.fetchval(scans) > before


@pytest.fixture(scope="class")
async def crowd(pools, service):
    """Three thousand people, half of them with one of two frequent names, in an analysed table."""
    async with pools.lend(service) as connection:
        await connection.execute(
            """
            INSERT INTO customers (id, kind, name, search_name, created_at, root_id)
            SELECT 'cus_' || n, 'individual', n::text, given || surname || ' *' || n % 7, now() - n * interval '1 minute', 'cus_' || n
            FROM generate_series(1, 3000) AS n
            CROSS JOIN LATERAL (SELECT CASE n % 4 WHEN 0 THEN ' anna' WHEN 1 THEN ' annabel' ELSE ' x' || md5(n::text) END AS given,
                CASE n % 500 WHEN 0 THEN ' berzina' WHEN 1 THEN ' liepina' ELSE ' s' || md5(n::text) END AS surname) AS t;
            ANALYZE customers;
            """
        )
        yield connection


class TestReading:
    """How a class of matches is read changes how long it takes, and nothing else."""

    @pytest.fixture
    async def database(self, crowd):
        async with rolled_back(crowd) as connection:
            yield RolledBackDatabase(connection)

    async def reading_of(self, database, text, number=1):
        matches = search_for(text).classes[number]
        async with database.acquire() as connection:
            return await reading(connection, matches, matches.query)

    async def test_beginnings_become_the_words_that_begin_so(self, database):
        assert (await self.reading_of(database, "berz")).narrow == "(('berz') | ('berzina'))"
        # What countless words begin with narrows nothing, unless it is all there is.
        assert (await self.reading_of(database, "berz x")).narrow == "(('berz') | ('berzina'))"
        assert (await self.reading_of(database, "x s")).narrow is None
        assert (await self.reading_of(database, "c 10042")).narrow == "(('10042':*))"

    async def test_what_many_have_is_met_on_the_way(self, database, monkeypatch):
        monkeypatch.setattr(narrowing, "_MANY_MATCHES", 100)
        assert (await self.reading_of(database, "anna")).are_many
        assert not (await self.reading_of(database, "anna berzina")).are_many
        # Beside a frequent name even a beginning of countless ones.
        assert not (await self.reading_of(database, "anna be")).are_many
        monkeypatch.setattr(narrowing, "_MANY_ROWS", 200)
        assert (await self.reading_of(database, "anna be")).are_many

    @pytest.mark.parametrize("text", ["anna", "anan", "anna berz", "berzina an", "annabl liepina", "liepina", "be a"])
    @pytest.mark.parametrize("sort", ["created_at", "-created_at", "name"])
    async def test_every_way_finds_the_same(self, client, monkeypatch, text, sort):
        found = []
        # By the index; on the way; on the way for a little, then by the index of the whole; and on the way in two parts first.
        for many, rows, *walked in ((10**9, 10**9, 0, 0), (0, 10**9, 10_000, 40_000), (0, 0, 40, 1), (0, 0, 40, 400)):
            monkeypatch.setattr(narrowing, "_MANY_MATCHES", many)
            monkeypatch.setattr(narrowing, "_MANY_ROWS", rows)
            monkeypatch.setattr(profiles, "_WALKED", walked[0])
            monkeypatch.setattr(profiles, "_WALKED_FURTHER", walked[1])
            first = (await client.get("/v1/customers", params={"q": text, "sort": sort, "limit": 15})).json()
            parameters = {"q": text, "sort": sort, "limit": 15, "cursor": first["next_cursor"]}
            second = (await client.get("/v1/customers", params=parameters)).json() if first["next_cursor"] else {"data": []}
            found.append([each["id"] for each in (*first["data"], *second["data"])])
        assert found[0] == found[1] == found[2] == found[3] != []
        assert len(set(found[0])) == len(found[0])
