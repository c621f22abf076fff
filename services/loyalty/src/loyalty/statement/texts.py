"""The words of a printed statement, in the languages that the product speaks."""

from typing import Literal, NamedTuple

Language = Literal["en", "ru", "zh", "lv"]


class Words(NamedTuple):
    """All that is printed; `kinds` names the kinds of lines."""

    title: str
    member: str
    wallet: str
    period: str
    opening: str
    closing: str
    date: str
    what: str
    points: str
    balance: str
    page: str
    kinds: dict[str, str]


_KINDS = (
    *("accrual", "reversal", "redemption", "restoration", "expiry", "reinstatement"),
    *("adjustment", "transfer_in", "transfer_out", "forfeiture"),
)


def _kinds(*names: str) -> dict[str, str]:
    return dict(zip(_KINDS, names, strict=True))


_EN = Words(
    *("Statement", "Member", "Wallet", "Period", "Opening balance", "Closing balance", "Date", "What", "Points", "Balance"),
    page="Page {page} of {pages}",
    kinds=_kinds(
        *("Earned", "Taken back for a return", "Spent", "Given back", "Expired", "Not expired after all"),
        *("By hand", "Received from a member", "Given to a member", "Lost at the end of the membership"),
    ),
)
_RU = Words(
    *("Выписка", "Участник", "Кошелёк", "Период", "На начало", "На конец", "Дата", "Операция", "Баллы", "Остаток"),
    page="Страница {page} из {pages}",
    kinds=_kinds(
        *("Начислено", "Снято из-за возврата", "Потрачено", "Возвращено", "Сгорело", "Срок продлён"),
        *("Вручную", "Получено от участника", "Передано участнику", "Списано при выходе из программы"),
    ),
)
_ZH = Words(
    *("积分对账单", "会员", "账户", "期间", "期初余额", "期末余额", "日期", "事项", "积分", "余额"),
    page="第 {page} 页，共 {pages} 页",
    kinds=_kinds("获得", "退货扣回", "使用", "退还", "过期", "恢复有效", "人工调整", "会员转入", "转给会员", "退会作废"),
)
_LV = Words(
    *("Izraksts", "Dalībnieks", "Maks", "Periods", "Sākuma atlikums", "Beigu atlikums", "Datums", "Darbība", "Punkti", "Atlikums"),
    page="{page}. lapa no {pages}",
    kinds=_kinds(
        *("Nopelnīts", "Atņemts par atgriešanu", "Iztērēts", "Atdots", "Beidzies termiņš", "Termiņš pagarināts"),
        *("Ar roku", "Saņemts no dalībnieka", "Nodots dalībniekam", "Zaudēts, izstājoties no programmas"),
    ),
)
WORDS: dict[Language, Words] = {"en": _EN, "ru": _RU, "zh": _ZH, "lv": _LV}
