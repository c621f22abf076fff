"""The base of all events and the registry of their types."""

import re
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict

_TYPE = re.compile(r"^regulars\.(?P<service>[a-z]+)\.[a-z]+(_[a-z]+)*\.v[1-9][0-9]*$")


class Event(BaseModel):
    """Something that happened, in the past tense; frozen, and with no personal data.

    A subclass declares, as class arguments, its `type` (`regulars.<service>.<thing>_<past participle>.v1`), the kind of
    `aggregate` whose story it belongs to, the field with that aggregate's id and the field with the partition key.

    Attributes:
        type: CloudEvents type.
        topic: Kafka topic, one a producing service.
        aggregate: kind of aggregate, such as `order`.
        aggregate_field: name of the field with the aggregate's id.
        key_field: name of the field with the partition key: the customer's id, else the aggregate's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: ClassVar[str]
    topic: ClassVar[str]
    aggregate: ClassVar[str]
    aggregate_field: ClassVar[str]
    key_field: ClassVar[str]

    def __init_subclass__(cls, **_: Any) -> None:
        # The class arguments are for `__pydantic_init_subclass__`, which runs once the fields are known.
        super().__init_subclass__()

    @classmethod
    def __pydantic_init_subclass__(cls, *, type: str, aggregate: str, aggregate_id: str, key: str | None = None, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        matched = _TYPE.match(type)
        if matched is None:
            raise TypeError(f"{cls.__name__}: {type!r} is not regulars.<service>.<thing>_<past participle>.v<n>")
        if type in _REGISTRY:
            raise TypeError(f"{cls.__name__}: {type} is declared already by {_REGISTRY[type].__name__}")
        cls.type = type
        cls.topic = f"regulars.{matched['service']}"
        cls.aggregate = aggregate
        cls.aggregate_field = aggregate_id
        cls.key_field = key or aggregate_id
        for field in (cls.aggregate_field, cls.key_field):
            if field not in cls.model_fields:
                raise TypeError(f"{cls.__name__} has no field {field!r}")
        _REGISTRY[type] = cls

    @property
    def aggregate_id(self) -> str:
        """The id of the aggregate that the event tells of."""
        return getattr(self, self.aggregate_field)

    @property
    def key(self) -> str:
        """The partition key: all events with one key keep their order."""
        return getattr(self, self.key_field)

    @classmethod
    def read(cls, payload: bytes | str) -> Self:
        """Return the event that a producer of this or a later additive version wrote.

        Raises:
            pydantic.ValidationError: the payload is not of this type.
        """
        return cls.model_validate_json(payload, extra="ignore")


_REGISTRY: dict[str, type[Event]] = {}


def event_type(name: str) -> type[Event] | None:
    """Return the class of a CloudEvents type, or None when this release does not know it."""
    return _REGISTRY.get(name)


def all_event_types() -> tuple[type[Event], ...]:
    """Return every declared event class, by type name."""
    return tuple(_REGISTRY[name] for name in sorted(_REGISTRY))
