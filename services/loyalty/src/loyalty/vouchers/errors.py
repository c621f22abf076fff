"""What can go wrong with vouchers.

NotFound
├── VoucherNotFound, VoucherBatchNotFound, VoucherRedemptionNotFound
Invalid
└── VoucherTermsInvalid      a batch says too much or too little of what its codes are worth
Conflict
├── VoucherReferenceTaken    the code was used for this reference by another customer
├── CheckoutDiffers          some of the codes were used for this reference, and others were not
└── VoucherRefused           the code is not worth anything here and now; one class a reason
"""

from typing import ClassVar

from shared.errors import Conflict, Invalid, NotFound


class VoucherNotFound(NotFound):
    code = "voucher_not_found"
    title = "There is no voucher with this code."


class VoucherBatchNotFound(NotFound):
    code = "voucher_batch_not_found"
    title = "There is no such batch of vouchers."


class VoucherRedemptionNotFound(NotFound):
    code = "voucher_redemption_not_found"
    title = "There is no such use of a voucher."


class VoucherTermsInvalid(Invalid):
    code = "voucher_terms_invalid"
    title = "A batch names what its codes are worth by the fields of its kind, and no others."


class VoucherReferenceTaken(Conflict):
    code = "voucher_reference_taken"
    title = "This voucher was used for this reference by another customer."


class CheckoutDiffers(Conflict):
    code = "checkout_differs"
    title = "Other codes were used for this reference before; take that back first."


class VoucherRefused(Conflict):
    """The code is not worth anything here and now."""

    REASONS: ClassVar[dict[str, type["VoucherRefused"]]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        VoucherRefused.REASONS[cls.code] = cls


class VoucherInactive(VoucherRefused):
    code = "voucher_inactive"
    title = "This voucher or its campaign has been stopped."


class VoucherNotYetValid(VoucherRefused):
    code = "voucher_not_yet_valid"
    title = "This voucher is not valid yet."


class VoucherExpired(VoucherRefused):
    code = "voucher_expired"
    title = "This voucher is not valid any more."


class VoucherNotAtThisTime(VoucherRefused):
    code = "voucher_not_at_this_time"
    title = "This voucher is not taken on this day of the week or at this hour."


class VoucherOfAnotherCustomer(VoucherRefused):
    code = "voucher_of_another_customer"
    title = "This voucher belongs to another customer."


class VoucherProgrammeLeft(VoucherRefused):
    code = "voucher_programme_left"
    title = "This customer takes no part in the programme of this voucher."


class VoucherNotCombinable(VoucherRefused):
    code = "voucher_not_combinable"
    title = "This voucher, or another one that is shown with it, is taken alone only."


class VoucherUsedUp(VoucherRefused):
    code = "voucher_used_up"
    title = "This voucher has been used as often as it may be."


class VoucherCustomerLimit(VoucherRefused):
    code = "voucher_customer_limit"
    title = "This customer has used vouchers of the campaign as often as he may."


class VoucherCampaignLimit(VoucherRefused):
    code = "voucher_campaign_limit"
    title = "All vouchers of the campaign have been used."


class VoucherMinimumNotReached(VoucherRefused):
    code = "voucher_minimum_not_reached"
    title = "The order is too small for this voucher."


class VoucherCurrencyDiffers(VoucherRefused):
    code = "voucher_currency_differs"
    title = "The order is in another currency than this voucher."


class VoucherArticleMissing(VoucherRefused):
    code = "voucher_article_missing"
    title = "The order holds nothing that this voucher is for."
