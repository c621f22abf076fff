"""What can go wrong with attributes and their definitions.

NotFound └── AttributeDefinitionNotFound
Conflict ├── AttributeDefinitionExists
         ├── AttributeValuesNotUnique
         └── AttributeTaken
Invalid  ├── AttributeInvalid
         ├── AttributeRequired
         ├── AttributeUnknown
         ├── AttributeNotFilterable
         └── AttributeDefinitionInvalid
"""

from asyncpg import UniqueViolationError

from shared.errors import Conflict, Invalid, NotFound

_CONSTRAINT = "uq_attribute_values_name_value"


class AttributeDefinitionNotFound(NotFound):
    code = "attribute_definition_not_found"
    title = "There is no such definition."


class AttributeDefinitionExists(Conflict):
    code = "attribute_definition_exists"
    title = "An attribute of this name is defined already."


class AttributeValuesNotUnique(Conflict):
    code = "attribute_values_not_unique"
    title = "Several customers have the same value; the attribute cannot become unique."


class AttributeTaken(Conflict):
    code = "attribute_taken"
    title = "Another customer has this value, which must be unique."


class AttributeInvalid(Invalid):
    code = "attribute_invalid"
    title = "The value is not as the attribute is defined."


class AttributeRequired(Invalid):
    code = "attribute_required"
    title = "The attribute must have a value."


class AttributeUnknown(Invalid):
    code = "attribute_unknown"
    title = "There is no attribute of this name."


class AttributeNotFilterable(Invalid):
    code = "attribute_not_filterable"
    title = "No attribute of this name is defined to be filtered by, or not in this way."


class AttributeDefinitionInvalid(Invalid):
    code = "attribute_definition_invalid"
    title = "The parts of the definition do not fit together."


def taken(error: UniqueViolationError) -> AttributeTaken | None:
    """Return the refusal behind a unique violation, or None when it is of something else."""
    # The driver sets what the server told as attributes that it does not declare.
    if getattr(error, "constraint_name", None) != _CONSTRAINT:
        return None
    column = getattr(error, "column_name", None)
    return AttributeTaken(pointer=f"/attributes/{column}" if column else "/attributes")
