"""Routes of the purchase history."""

from typing import Annotated

from fastapi import Query

from customers.dependencies import ReadsOrdersOfCustomer
from customers.fields import CustomerIdInPath
from customers.profiles.errors import CustomerNotFound
from customers.purchases import service
from customers.purchases.repository import Sort
from customers.purchases.schemas import ArticleBought, ArticlesBought, CategoriesBought, CategoryBought, PurchaseSummary
from shared.http import APIRouter, Reads, problems

router = APIRouter(prefix="/v1/customers/{customer_id}/purchases", tags=["purchases"])

_Limit = Annotated[int, Query(ge=1, le=100, description="Items at most.")]
_Sort = Annotated[Sort, Query(description="The most often bought first, or the last bought.")]
_Category = Annotated[str | None, Query(min_length=1, max_length=100, description="Articles of this category only.")]


@router.get("/summary", operation_id="customers_purchases_summary", responses=problems(CustomerNotFound))
async def summary(customer_id: CustomerIdInPath, connection: Reads, _: ReadsOrdersOfCustomer) -> PurchaseSummary:
    """Tell when and how much a customer buys; a member may ask for himself."""
    return PurchaseSummary.model_validate(await service.summary(connection, customer_id))


@router.get("/categories", operation_id="customers_purchases_categories", responses=problems(CustomerNotFound))
async def categories(
    customer_id: CustomerIdInPath, connection: Reads, _: ReadsOrdersOfCustomer, sort: _Sort = "frequency", limit: _Limit = 20
) -> CategoriesBought:
    """List the categories that a customer buys of: how often, how much, when last, and when again."""
    rows = await service.categories(connection, customer_id, sort, limit)
    return CategoriesBought(data=[CategoryBought.model_validate(row) for row in rows])


@router.get("/articles", operation_id="customers_purchases_articles", responses=problems(CustomerNotFound))
async def articles(
    customer_id: CustomerIdInPath,
    connection: Reads,
    _: ReadsOrdersOfCustomer,
    category: _Category = None,
    sort: _Sort = "frequency",
    limit: _Limit = 20,
) -> ArticlesBought:
    """List the articles that a customer buys: how often, how much, when last, and when again."""
    rows = await service.articles(connection, customer_id, category, sort, limit)
    return ArticlesBought(data=[ArticleBought.model_validate(row) for row in rows])
