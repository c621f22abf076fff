"""Partial updates as JSON merge patches (RFC 7396): absent keeps, null clears."""

from typing import Any

from pydantic import BaseModel


def changes(model: BaseModel) -> dict[str, Any]:
    """Return the fields that the caller sent, with null where he clears one.

    Args:
        model: all of its fields have a default, which is never looked at.
    """
    return {name: getattr(model, name) for name in sorted(model.model_fields_set)}
