"""Routes of definitions of attributes."""

from typing import Annotated

from fastapi import Query, Response

from customers.attributes import repository, service
from customers.attributes.errors import (
    AttributeDefinitionExists,
    AttributeDefinitionInvalid,
    AttributeDefinitionNotFound,
    AttributeValuesNotUnique,
)
from customers.attributes.schemas import (
    AttributeDefinition,
    AttributeDefinitionDraft,
    AttributeDefinitionPatch,
    AttributeDefinitions,
    AttributeNameInPath,
    AttributeSettings,
    columns_of,
)
from customers.dependencies import ReadsCustomers, WritesCustomers
from shared.errors import PreconditionFailed, PreconditionRequired
from shared.http import APIRouter, Reads, Uow, problems
from shared.http.etags import IfMatch, set_etag

router = APIRouter(prefix="/v1", tags=["attributes"])

_Archived = Annotated[bool, Query(description="Also those out of force.")]


@router.get("/attribute-definitions", operation_id="attribute_definitions_list")
async def list_definitions(connection: Reads, _: ReadsCustomers, archived: _Archived = False) -> AttributeDefinitions:
    """List the definitions of attributes, by name."""
    rows = await repository.every(connection, archived=archived)
    return AttributeDefinitions(data=[AttributeDefinition.of(row) for row in rows])


@router.post(
    "/attribute-definitions",
    operation_id="attribute_definitions_create",
    status_code=201,
    responses=problems(AttributeDefinitionExists, AttributeDefinitionInvalid, AttributeValuesNotUnique),
)
async def define(draft: AttributeDefinitionDraft, response: Response, uow: Uow, _: WritesCustomers) -> AttributeDefinition:
    """Define an attribute: its values are checked and brought to one form from now on; present values stay as they are."""
    row = await service.define(uow, columns_of(draft))
    set_etag(response, row["version"])
    response.headers["location"] = f"/v1/attribute-definitions/{row['name']}"
    return AttributeDefinition.of(row)


@router.get("/attribute-definitions/{name}", operation_id="attribute_definitions_get", responses=problems(AttributeDefinitionNotFound))
async def get_definition(name: AttributeNameInPath, response: Response, connection: Reads, _: ReadsCustomers) -> AttributeDefinition:
    """Return the definition of an attribute."""
    row = await service.found(connection, name)
    set_etag(response, row["version"])
    return AttributeDefinition.of(row)


@router.patch(
    "/attribute-definitions/{name}",
    operation_id="attribute_definitions_update",
    responses=problems(
        AttributeDefinitionNotFound, AttributeDefinitionInvalid, AttributeValuesNotUnique, PreconditionFailed, PreconditionRequired
    ),
)
async def amend(
    name: AttributeNameInPath, patch: AttributeDefinitionPatch, match: IfMatch, response: Response, uow: Uow, _: WritesCustomers
) -> AttributeDefinition:
    """Change a definition by a merge patch; its name and type stay."""
    row = await service.amend(uow, name, columns_of(patch), match, unarchive=patch.archived is False)
    set_etag(response, row["version"])
    return AttributeDefinition.of(row)


@router.delete(
    "/attribute-definitions/{name}",
    operation_id="attribute_definitions_archive",
    status_code=204,
    responses=problems(AttributeDefinitionNotFound, PreconditionFailed, PreconditionRequired),
)
async def archive(name: AttributeNameInPath, match: IfMatch, uow: Uow, _: WritesCustomers) -> None:
    """Put a definition out of force; values that customers have stay."""
    await service.archive(uow, name, match)


@router.get("/attribute-settings", operation_id="attribute_settings_get")
async def get_settings(connection: Reads, _: ReadsCustomers) -> AttributeSettings:
    """Return how attributes are held as a whole."""
    return AttributeSettings(strict=(await repository.version(connection))[1])


@router.put("/attribute-settings", operation_id="attribute_settings_set")
async def set_settings(settings: AttributeSettings, uow: Uow, _: WritesCustomers) -> AttributeSettings:
    """Set how attributes are held as a whole."""
    await service.set_strict(uow, strict=settings.strict)
    return settings
