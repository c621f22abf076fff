"""What an import wants of its rows, and what became of them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from customers.imports.validation import Draft, Refusal
from customers.provenance.rules import Provenance

SAMPLE_SIZE = 5
OUTCOMES = ("created", "updated", "unchanged", "merged", "refused")


@dataclass(frozen=True, slots=True)
class Order:
    """What an import wants of its rows.

    Attributes:
        import_id: the import, which is the cause of every change.
        match: the identities that rows are matched by.
        mode: create, update or upsert.
        source: whose word the rows are.
        actor: principal who sent the file.
        dry_run: whether nothing is written.
        required: attributes that a new customer must have.
        columns: the columns of customers that the rows fill.
        notes: whether rows tell further identities.
    """

    import_id: str
    match: tuple[str, ...]
    mode: str
    source: str
    actor: str
    dry_run: bool
    required: tuple[str, ...]
    columns: tuple[str, ...]
    notes: bool

    @property
    def provenance(self) -> Provenance:
        """Who tells what the rows tell."""
        return Provenance(self.source, self.actor, self.import_id)


@dataclass(slots=True)
class Outcome:
    """What became of the rows of a piece.

    Attributes:
        counts: rows by outcome; each row has one.
        matched: rows by the identities that they were recognised by.
        refusals: why rows were refused that were good by themselves.
        samples: the first rows of each outcome.
    """

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))
    matched: dict[str, int] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)
    samples: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {outcome: [] for outcome in OUTCOMES})

    def count(
        self,
        outcome: str,
        row: int,
        customer_id: str | None = None,
        changed: Callable[[], Iterable[str]] = tuple,
        led: Sequence[str] = (),
    ) -> None:
        """Count a row; what it changed is asked for the first ones only."""
        self.counts[outcome] += 1
        for target in led:
            self.matched[target] = self.matched.get(target, 0) + 1
        if len(self.samples[outcome]) < SAMPLE_SIZE:
            shown = {"row": row, "customer_id": customer_id, "fields": sorted(changed()), "matched_by": list(led)}
            self.samples[outcome].append(shown)

    def add(self, other: "Outcome") -> None:
        """Take over what became of other rows."""
        self.refusals += other.refusals
        for target, rows in other.matched.items():
            self.matched[target] = self.matched.get(target, 0) + rows
        for outcome in OUTCOMES:
            self.counts[outcome] += other.counts[outcome]
            self.samples[outcome] = [*self.samples[outcome], *other.samples[outcome]][:SAMPLE_SIZE]

    def refuse(self, drafts: Sequence[Draft], pointer: str, code: str, detail: str) -> None:
        """Refuse the rows of a customer."""
        for draft in drafts:
            self.refuse_row(Refusal(draft.row, pointer, code, detail))

    def refuse_row(self, refusal: Refusal) -> None:
        """Refuse a row."""
        self.refusals.append(refusal)
        self.count("refused", refusal.row)
