"""People in four languages, their doubles as shops really keep them, and others who only look like doubles; from a fixed seed."""

import random
import string
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

SEED = 20_260_302

# Given names by sex and surnames (masculine, feminine), each in the forms that other languages give it.
RUSSIAN = {
    "male": [("Александр", "Aleksandrs", "Alexander"), ("Дмитрий", "Dmitrijs", "Dmitry"), ("Михаил", "Mihails", "Mikhail"),
             ("Сергей", "Sergejs", "Sergey"), ("Иван", "Ivans", "Ivan"), ("Андрей", "Andrejs", "Andrey"), ("Юрий", "Jurijs", "Yuriy"),
             ("Никита", "Ņikita", "Nikita"), ("Павел", "Pāvels", "Pavel"), ("Григорий", "Grigorijs", "Grigory")],
    "female": [("Елена", "Jeļena", "Yelena"), ("Наталья", "Natālija", "Natalia"), ("Ольга", "Olga", "Olga"),
               ("Татьяна", "Tatjana", "Tatyana"),
               ("Светлана", "Svetlana", "Svetlana"), ("Екатерина", "Jekaterina", "Ekaterina"), ("Ирина", "Irina", "Irina"),
               ("Людмила", "Ludmila", "Lyudmila"), ("Марина", "Marina", "Marina"), ("Вера", "Vera", "Vera")],
    "surnames": [(("Кузнецов", "Kuzņecovs", "Kuznetsov"), ("Кузнецова", "Kuzņecova", "Kuznetsova")),
                 (("Иванов", "Ivanovs", "Ivanov"), ("Иванова", "Ivanova", "Ivanova")),
                 (("Морозов", "Morozovs", "Morozov"), ("Морозова", "Morozova", "Morozova")),
                 (("Щербаков", "Ščerbakovs", "Shcherbakov"), ("Щербакова", "Ščerbakova", "Shcherbakova")),
                 (("Жуков", "Žukovs", "Zhukov"), ("Жукова", "Žukova", "Zhukova")),
                 (("Васильев", "Vasiļjevs", "Vasiliev"), ("Васильева", "Vasiļjeva", "Vasilieva")),
                 (("Чернов", "Černovs", "Chernov"), ("Чернова", "Černova", "Chernova")),
                 (("Соколов", "Sokolovs", "Sokolov"), ("Соколова", "Sokolova", "Sokolova")),
                 (("Лебедев", "Ļebedevs", "Lebedev"), ("Лебедева", "Ļebedeva", "Lebedeva")),
                 (("Цветков", "Cvetkovs", "Tsvetkov"), ("Цветкова", "Cvetkova", "Tsvetkova"))],
}  # fmt: skip
LATVIAN = {
    "male": [("Jānis", "Янис", "Janis"), ("Andris", "Андрис", "Andris"), ("Juris", "Юрис", "Juris"), ("Edgars", "Эдгарс", "Edgars"),
             ("Mārtiņš", "Мартиньш", "Martins"), ("Kaspars", "Каспарс", "Kaspars"), ("Guntis", "Гунтис", "Guntis"),
             ("Raivis", "Райвис", "Raivis")],
    "female": [("Ilze", "Илзе", "Ilze"), ("Anna", "Анна", "Anna"), ("Kristīne", "Кристине", "Kristine"), ("Inese", "Инесе", "Inese"),
               ("Līga", "Лига", "Liga"), ("Sanita", "Санита", "Sanita"), ("Dace", "Даце", "Dace"), ("Zane", "Зане", "Zane")],
    "surnames": [(("Bērziņš", "Берзиньш", "Berzins"), ("Bērziņa", "Берзиня", "Berzina")),
                 (("Kalniņš", "Калниньш", "Kalnins"), ("Kalniņa", "Калниня", "Kalnina")),
                 (("Ozoliņš", "Озолиньш", "Ozolins"), ("Ozoliņa", "Озолиня", "Ozolina")),
                 (("Liepiņš", "Лиепиньш", "Liepins"), ("Liepiņa", "Лиепиня", "Liepina")),
                 (("Krūmiņš", "Круминьш", "Krumins"), ("Krūmiņa", "Круминя", "Krumina")),
                 (("Vītols", "Витолс", "Vitols"), ("Vītola", "Витола", "Vitola")),
                 (("Zariņš", "Зариньш", "Zarins"), ("Zariņa", "Зариня", "Zarina")),
                 (("Dimants", "Димантс", "Dimants"), ("Dimante", "Диманте", "Dimante"))],
}  # fmt: skip
ENGLISH = {
    "male": [("John",), ("William",), ("Robert",), ("Thomas",), ("Stephen",), ("George",), ("Edward",), ("Kenneth",)],
    "female": [("Margaret",), ("Elizabeth",), ("Susan",), ("Katherine",), ("Emily",), ("Charlotte",), ("Rebecca",), ("Victoria",)],
    "surnames": [((each,), (each,)) for each in ("Smith", "Johnson", "Robertson", "Hutchinson", "Thompson", "Walker", "Harrison")],
}  # fmt: skip
CHINESE = {
    "male": [("小明", "Сяомин", "Xiaoming"), ("建国", "Цзяньго", "Jianguo"), ("志强", "Чжицян", "Zhiqiang"), ("文博", "Вэньбо", "Wenbo"),
             ("浩然", "Хаожань", "Haoran"), ("俊杰", "Цзюньцзе", "Junjie")],
    "female": [("丽华", "Лихуа", "Lihua"), ("晓红", "Сяохун", "Xiaohong"), ("美玲", "Мэйлин", "Meiling"), ("雨婷", "Юйтин", "Yuting"),
               ("淑芬", "Шуфэнь", "Shufen"), ("佳怡", "Цзяи", "Jiayi")],
    "surnames": [(each, each) for each in (("王", "Ван", "Wang"), ("李", "Ли", "Li"), ("张", "Чжан", "Zhang"), ("陈", "Чэнь", "Chen"),
                                           ("刘", "Лю", "Liu"), ("赵", "Чжао", "Zhao"), ("单", "Шань", "Shan"))],
}  # fmt: skip
CITIES = {"ru": ["Москва", "Казань"], "lv": ["Rīga", "Cēsis", "Daugavpils"], "en": ["London", "Leeds"], "zh": ["上海", "北京"]}
PREFIXES = {"ru": "+7926", "lv": "+3712", "en": "+447911", "zh": "+86139"}
LENGTHS = {"ru": 7, "lv": 7, "en": 6, "zh": 8}
LANGUAGES = {"ru": RUSSIAN, "lv": LATVIAN, "en": ENGLISH, "zh": CHINESE}
PROVIDERS = ["gmail.com", "inbox.lv", "mail.ru", "outlook.com", "qq.com", "example.com"]


@dataclass
class People:
    """Records as a client sends them, and which of them are of one person, by their places."""

    records: list[dict[str, Any]] = field(default_factory=list)
    doubles: set[tuple[int, int]] = field(default_factory=set)

    def add(self, record: dict[str, Any], same_as: list[int] | None = None) -> int:
        """Add a record; return its place."""
        self.records.append({name: value for name, value in record.items() if value is not None and not name.startswith("_")})
        place = len(self.records) - 1
        self.doubles |= {(other, place) for other in same_as or []}
        return place


def synthetic_people(persons: int = 500, seed: int = SEED) -> People:
    """Return about twice as many records as persons."""
    draw, people = random.Random(seed), People()
    for _ in range(persons):
        person = _person(draw)
        places = [people.add(person)]
        for _ in range(draw.choices([0, 1, 2], [50, 40, 10])[0]):
            places.append(people.add(_double(draw, person), same_as=list(places)))
        lookalike = draw.choices([None, _namesake, _child, _twin, _spouse, _colleague, _sibling], [40, 15, 12, 8, 12, 8, 5])[0]
        if lookalike is not None:
            people.add(lookalike(draw, person))
    for _ in range(persons // 20):
        people.add(_person(draw) | {"email": "null@example.com"})
    return people


def _person(draw: random.Random) -> dict[str, Any]:
    language = draw.choice(list(LANGUAGES))
    names = LANGUAGES[language]
    sex = draw.choice(["male", "female"])
    given, surname = draw.choice(names[sex]), draw.choice(names["surnames"])[sex == "female"]
    person = {"_language": language, "_given": given, "_surname": surname, "sex": sex, "city": draw.choice(CITIES[language])}
    person["name"] = _named(person, 0)
    person["birth_date"] = str(date(1945, 1, 1) + timedelta(days=draw.randrange(60 * 365)))
    person["email"], person["phone"] = _email(draw, person), _phone(draw, language)
    return person


def _named(person: dict[str, Any], form: int, *, turned: bool = False) -> str:
    given, surname = (each[min(form, len(each) - 1)] for each in (person["_given"], person["_surname"]))
    parts = [surname, given] if turned != (person["_language"] == "zh") else [given, surname]
    return ("" if not parts[0].isascii() and person["_language"] == "zh" and form == 0 else " ").join(parts)


def _email(draw: random.Random, person: dict[str, Any]) -> str:
    latin = [each[-1].lower() for each in (person["_given"], person["_surname"])]
    letters = "".join(letter for letter in draw.choice([".", "", "_"]).join(latin) if letter.isascii())
    return f"{letters}{draw.randrange(1, 999)}@{draw.choice(PROVIDERS)}"


def _phone(draw: random.Random, language: str) -> str:
    return PREFIXES[language] + "".join(draw.choice(string.digits) for _ in range(LENGTHS[language]))


def _double(draw: random.Random, person: dict[str, Any]) -> dict[str, Any]:
    """The same person again: written otherwise, with a new address or number, something forgotten, something mistyped."""
    double = dict(person)
    form = draw.randrange(len(person["_given"]))
    double["name"] = _named(person, form, turned=draw.random() < 0.3)
    if draw.random() < 0.3:
        double["name"] = _mistyped(draw, double["name"])
    if draw.random() < 0.1:
        double["name"] = double["name"].upper()
    kept = draw.choice(["email", "phone", "birth_date"])
    for name, chance in (("email", 0.45), ("phone", 0.4), ("birth_date", 0.25)):
        if name != kept and draw.random() < chance:
            double[name] = None
    if kept != "email" and double["email"] and draw.random() < 0.6:
        double["email"] = _email(draw, person)
    elif double["email"] and draw.random() < 0.2:
        double["email"] = double["email"].replace("@", "+shop@").upper()
    if kept != "phone" and double["phone"] and draw.random() < 0.5:
        double["phone"] = _phone(draw, person["_language"])
    if kept != "birth_date" and double["birth_date"] and draw.random() < 0.15:
        year, month, day = double["birth_date"].split("-")
        double["birth_date"] = f"{year}-{day}-{month}" if int(day) <= 12 else None
    double["city"] = draw.choice([person["city"], None])
    double["sex"] = draw.choice([person["sex"], None])
    return double


def _mistyped(draw: random.Random, name: str) -> str:
    words = name.split(" ")
    place = draw.randrange(len(words))
    word = words[place]
    if len(word) < 5:
        return name
    at = draw.randrange(1, len(word) - 1)
    words[place] = draw.choice(
        [word[:at] + word[at + 1] + word[at] + word[at + 2 :], word[:at] + word[at + 1 :], word[:at] + word[at] + word[at:]]
    )
    return " ".join(words)


def _namesake(draw: random.Random, person: dict[str, Any]) -> dict[str, Any]:
    """Another person of the same name and town."""
    other = _person(draw)
    form = draw.randrange(len(person["_given"]))
    told = draw.random() < 0.7
    return other | {
        "name": _named(person, form),
        "sex": person["sex"],
        "city": person["city"],
        "birth_date": other["birth_date"] if told else None,
    }


def _relative(draw: random.Random, person: dict[str, Any], sex: str) -> dict[str, Any]:
    names = LANGUAGES[person["_language"]]
    given = draw.choice([each for each in names[sex] if each != person["_given"]])
    pair = next(each for each in names["surnames"] if person["_surname"] in each)
    relative = person | {"_given": given, "_surname": pair[sex == "female"], "sex": sex}
    return relative | {"name": _named(relative, 0), "email": _email(draw, relative)}


def _child(draw: random.Random, person: dict[str, Any]) -> dict[str, Any]:
    """A child with the parent's phone, sometimes with his whole name."""
    child = _relative(draw, person, draw.choice(["male", "female"]))
    if child["sex"] == person["sex"] and draw.random() < 0.3:
        child["name"] = person["name"]
    year, rest = int(person["birth_date"][:4]) + draw.randrange(20, 35), str(date(2001, 1, 1) + timedelta(days=draw.randrange(365)))[4:]
    return child | {"birth_date": f"{year}{rest}" if year < 2020 else "2019-05-05"}


def _twin(draw: random.Random, person: dict[str, Any]) -> dict[str, Any]:
    """A twin in the same household."""
    return _relative(draw, person, draw.choice(["male", "female"]))


def _spouse(draw: random.Random, person: dict[str, Any]) -> dict[str, Any]:
    """Somebody who shares address and phone."""
    spouse = _relative(draw, person, "female" if person["sex"] == "male" else "male")
    return spouse | {"email": person["email"], "birth_date": _person(draw)["birth_date"]}


def _sibling(draw: random.Random, person: dict[str, Any]) -> dict[str, Any]:
    """A sibling of whom neither birth date nor town is known."""
    return _relative(draw, person, person["sex"]) | {"birth_date": None, "city": None}


def _colleague(draw: random.Random, person: dict[str, Any]) -> dict[str, Any]:
    """Somebody who is reached through the same office."""
    return _person(draw) | {"phone": person["phone"], "city": person["city"]}
