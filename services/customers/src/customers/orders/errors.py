"""What can go wrong with an order or a return.

NotFound ├── OrderNotFound
Conflict ├── OrderDiffers        the external id was used for an order with other content
         ├── ReturnDiffers       likewise for a return of the same order
         ├── ReturnExceedsOrder  more pieces or money than is left
         ├── NothingToReturn     everything came back before
         ├── RefundExceedsOrder  more money would go back than the customer pays
         ├── OrderOfNobody       its customer was erased; it stays in the books as it is
         ├── OrderIsCancelled    it counts no more: nothing comes back of it, and no step follows
         └── StepNotAllowed      no way leads from its status to the wanted one
Invalid  ├── CustomerUnknown     no customer has the id; one without an external id cannot be made up
         ├── PlacedAtRefused
         ├── ReturnedAtRefused
         ├── ChangedAtRefused
         ├── SkuNotInOrder
         └── AmountsDiffer       what was sent does not add up
"""

from shared.errors import Conflict, Invalid, NotFound


class OrderNotFound(NotFound):
    code = "order_not_found"
    title = "There is no such order."


class OrderDiffers(Conflict):
    code = "order_differs"
    title = "An order with this external id and other content exists."


class ReturnDiffers(Conflict):
    code = "return_differs"
    title = "A return of this order with this external id and other content exists."


class ReturnExceedsOrder(Conflict):
    code = "return_exceeds_order"
    title = "More would come back than is left of the order."


class NothingToReturn(Conflict):
    code = "nothing_to_return"
    title = "Everything of this order came back before."


class CustomerUnknown(Invalid):
    code = "customer_unknown"
    title = "No customer has this id."


class PlacedAtRefused(Invalid):
    code = "placed_at_refused"
    title = "An order was placed in 1970 or later, and not in the future."


class ReturnedAtRefused(Invalid):
    code = "returned_at_refused"
    title = "An order comes back after it was placed, and not in the future."


class SkuNotInOrder(Invalid):
    code = "sku_not_in_order"
    title = "The order has no such article."


class RefundExceedsOrder(Conflict):
    code = "refund_exceeds_order"
    title = "More money would go back than the customer pays for the order."


class OrderOfNobody(Conflict):
    code = "order_of_nobody"
    title = "The customer of this order was erased; it stays in the books as it is."


class OrderIsCancelled(Conflict):
    code = "order_is_cancelled"
    title = "The order is cancelled."


class StepNotAllowed(Conflict):
    code = "step_not_allowed"
    title = "An order cannot go from its present status to this one."


class ChangedAtRefused(Invalid):
    code = "changed_at_refused"
    title = "A step of an order follows the steps before it, and does not lie in the future."


class AmountsDiffer(Invalid):
    code = "amounts_differ"
    title = "The amounts do not add up."
