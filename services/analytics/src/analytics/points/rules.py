"""Points that were issued, taken back and are outstanding."""

from shared.figures.definitions import Definition

DEFINITION = Definition(
    name="points",
    title="Loyalty points",
    text="Points that members earned and points that were taken back, by the day in UTC on which their reason arose, in the window; "
    "outstanding is what is left of everything up to the end of the window, and members are those enrolled by then. As loyalty's events "
    "tell it; loyalty's ledger is the authority.",
    formula="outstanding = sum(issued) - sum(reversed) before the end of the window",
    version=1,
    source="Events of the loyalty service.",
)
