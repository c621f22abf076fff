"""Common given names, family names and towns of four languages, from which the demo's people are put together."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Naming:
    """How people are called who speak a language.

    Attributes:
        language: BCP 47 tag.
        women: given names.
        men: given names.
        families: family names of men and of women.
        towns: with their countries.
        pattern: how a name is written.
    """

    language: str
    women: tuple[str, ...]
    men: tuple[str, ...]
    families: tuple[tuple[str, str], ...]
    towns: tuple[tuple[str, str], ...]
    pattern: str = "{given} {family}"


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _alike(names: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, name) for name in names.split())


def _feminine(names: str, endings: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Return each masculine name with its feminine form."""
    forms = []
    for name in names.split():
        ending, other = next(pair for pair in endings if name.endswith(pair[0]))
        forms.append((name, name.removesuffix(ending) + other))
    return tuple(forms)


def _towns(country: str, names: str) -> tuple[tuple[str, str], ...]:
    return tuple((name.replace("_", " "), country) for name in names.split())


ENGLISH = Naming(
    "en",
    _words("Mary Patricia Linda Barbara Susan Karen Nancy Betty Helen Sandra Donna Carol Ruth Sharon Michelle Laura Sarah Emily"),
    _words("James John Robert Michael William David Richard Joseph Thomas Charles Daniel Matthew Mark Paul Steven Andrew Peter"),
    _alike("Smith Johnson Williams Brown Jones Davis Miller Wilson Moore Taylor Anderson Thomas Jackson White Harris Martin Clark Lewis"),
    (*_towns("US", "Chicago Boston Seattle Denver Portland Austin Atlanta"), *_towns("GB", "London Leeds Bristol Glasgow Cardiff")),
)
LATVIAN = Naming(
    "lv",
    _words("Anna Ilze Inese Līga Kristīne Zane Inga Ieva Dace Sandra Elīna Laura Agnese Ināra Baiba Rasma Vija Aija Māra Gunta"),
    _words("Jānis Andris Juris Edgars Mārtiņš Aivars Pēteris Artūrs Kārlis Raimonds Guntis Normunds Uldis Ģirts Valdis Imants"),
    _feminine(
        "Bērziņš Kalniņš Ozoliņš Jansons Liepiņš Krūmiņš Balodis Eglītis Zariņš Pētersons Vītols Kļaviņš Kārkliņš Vanags Siliņš Grīnbergs",
        (("iņš", "iņa"), ("ītis", "īte"), ("odis", "ode"), ("s", "a")),
    ),
    _towns("LV", "Rīga Daugavpils Liepāja Jelgava Jūrmala Ventspils Rēzekne Valmiera Ogre Cēsis Kuldīga Sigulda"),
)
RUSSIAN = Naming(
    "ru",
    _words("Анна Елена Ольга Наталья Татьяна Ирина Светлана Мария Галина Людмила Екатерина Юлия Марина Вера Надежда Ксения"),
    _words("Александр Сергей Дмитрий Андрей Алексей Иван Владимир Михаил Николай Пётр Юрий Павел Виктор Игорь Константин"),
    _feminine(
        "Иванов Смирнов Кузнецов Попов Васильев Петров Соколов Михайлов Новиков Фёдоров Морозов Волков Алексеев Лебедев Семёнов Егоров",
        (("в", "ва"),),
    ),
    (
        *_towns("RU", "Москва Казань Самара Томск Пермь Тверь Псков Калуга"),
        *_towns("LV", "Рига Даугавпилс"),
        *_towns("EE", "Нарва Таллинн"),
    ),
)
CHINESE = Naming(
    "zh",
    _words("芳 娜 敏 静 丽 艳 娟 霞 秀英 桂英 玉兰 红梅 雪梅 婷婷 晓燕 海燕"),
    _words("伟 强 磊 军 勇 杰 涛 明 超 刚 建国 志强 建华 文彬 海涛 晓东"),
    _alike("王 李 张 刘 陈 杨 赵 黄 周 吴 徐 孙 胡 朱 高 林 何 郭"),
    _towns("CN", "北京 上海 广州 深圳 成都 杭州 南京 武汉 西安 重庆 天津 苏州"),
    "{family}{given}",
)
NAMINGS = (ENGLISH, LATVIAN, RUSSIAN, CHINESE)
