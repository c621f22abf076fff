"""What the preference page says, in the languages of the product."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """The page in one language.

    Attributes:
        title: heading.
        introduction: what can be done here.
        channels: names of the usual channels; others are shown as they are.
        pending: beside an answer that waits for its confirmation.
        save: the button.
        saved: after saving.
        nothing: when nothing is asked for.
        restricted: when the processing of the data is restricted.
        invalid: when the link is not valid or no longer valid.
    """

    title: str
    introduction: str
    channels: Mapping[str, str]
    pending: str
    save: str
    saved: str
    nothing: str
    restricted: str
    invalid: str


DEFAULT = "en"
WORDS: Mapping[str, Words] = {
    "en": Words(
        "Your preferences",
        "Choose what we may contact you about, and how. You can change this at any time.",
        {"email": "E-mail", "sms": "Text message", "phone": "Phone", "post": "Post", "push": "App notification"},
        "waiting for your confirmation",
        "Save",
        "Your preferences are saved.",
        "There is nothing to choose at present.",
        "The use of your data is restricted at present: we do not contact you, whatever is chosen here.",
        "This link is not valid or no longer valid. Please ask for a new one.",
    ),
    "ru": Words(
        "Ваши предпочтения",
        "Выберите, о чём и как мы можем с вами связываться. Выбор можно изменить в любое время.",
        {"email": "Эл. почта", "sms": "SMS", "phone": "Телефон", "post": "Почта", "push": "Уведомление в приложении"},
        "ожидает вашего подтверждения",
        "Сохранить",
        "Ваши предпочтения сохранены.",
        "Сейчас выбирать нечего.",
        "Использование ваших данных сейчас ограничено: мы не связываемся с вами, что бы здесь ни было выбрано.",
        "Эта ссылка недействительна или устарела. Пожалуйста, запросите новую.",
    ),
    "zh": Words(
        "您的偏好设置",
        "请选择我们可以就哪些事项、以何种方式联系您。您可以随时更改。",
        {"email": "电子邮件", "sms": "短信", "phone": "电话", "post": "邮寄", "push": "应用通知"},
        "等待您的确认",
        "保存",
        "您的偏好设置已保存。",
        "目前没有可供选择的项目。",
        "目前您的数据使用受到限制：无论此处如何选择，我们都不会联系您。",
        "此链接无效或已失效，请重新获取。",
    ),
    "lv": Words(
        "Jūsu izvēles",
        "Izvēlieties, par ko un kā mēs drīkstam ar jums sazināties. Izvēli var mainīt jebkurā laikā.",
        {"email": "E-pasts", "sms": "Īsziņa", "phone": "Tālrunis", "post": "Pasts", "push": "Lietotnes paziņojums"},
        "gaida jūsu apstiprinājumu",
        "Saglabāt",
        "Jūsu izvēles ir saglabātas.",
        "Pašlaik nav ko izvēlēties.",
        "Jūsu datu izmantošana pašlaik ir ierobežota: mēs ar jums nesazināmies, lai ko šeit izvēlētos.",
        "Šī saite nav derīga vai vairs nav derīga. Lūdzu, pieprasiet jaunu.",
    ),
}


def language_of(tag: str | None) -> str:
    """Return the language of the page for a BCP 47 tag or an Accept-Language header, whose order is taken as the wish."""
    for wanted in (tag or "").lower().replace(";", ",").split(","):
        language = wanted.strip().split("-")[0]
        if language in WORDS:
            return language
    return DEFAULT
