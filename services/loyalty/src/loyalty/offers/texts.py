"""Why somebody has an offer, in the languages that the product speaks."""

from collections.abc import Mapping
from typing import Any

# Written so that no number has to agree with its noun.
_AFFINITY = {
    "en": "You like {target}: bought on {purchases} days, last on {last_on}.",
    "ru": "Вам нравится «{target}»: дней с покупкой — {purchases}, в последний раз {last_on}.",
    "zh": "您喜欢{target}：购买过{purchases}天，上次是{last_on}。",
    "lv": "Jums patīk “{target}”: pirkumu dienas — {purchases}, pēdējo reizi {last_on}.",
}
_REPLENISHMENT = {
    "en": "You buy {target} about every {every_days} days; last on {last_on}.",
    "ru": "Вы покупаете «{target}» примерно раз в {every_days} дн.; в последний раз {last_on}.",
    "zh": "您大约每{every_days}天购买一次{target}；上次是{last_on}。",
    "lv": "Jūs pērkat “{target}” apmēram ik pēc {every_days} d.; pēdējo reizi {last_on}.",
}
_LAPSED = {
    "en": "You used to buy {target} about every {every_days} days; last on {last_on}.",
    "ru": "Раньше вы покупали «{target}» примерно раз в {every_days} дн.; в последний раз {last_on}.",
    "zh": "您以前大约每{every_days}天购买一次{target}；上次是{last_on}。",
    "lv": "Agrāk jūs pirkāt “{target}” apmēram ik pēc {every_days} d.; pēdējo reizi {last_on}.",
}
_REASONS: Mapping[str, Mapping[str, str]] = {
    "affinity": _AFFINITY,
    "replenishment": _REPLENISHMENT,
    "lapsed_favourite": _LAPSED,
}


def reason_texts(reason: Mapping[str, Any]) -> dict[str, str]:
    """Return why somebody has an offer, by language tag.

    Args:
        reason: `strategy`, `target`, `purchases`, `every_days` and `last_on`.
    """
    return {language: text.format_map(reason) for language, text in _REASONS[reason["strategy"]].items()}
