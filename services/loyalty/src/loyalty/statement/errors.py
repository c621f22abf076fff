"""What can be wrong with a wish for a statement.

Invalid
├── StatementBackwards     it ends before it begins
└── StatementTooLong       it covers more time, or has more lines, than one statement holds
"""

from shared.errors import Invalid


class StatementBackwards(Invalid):
    code = "statement_backwards"
    title = "A statement ends after it begins."


class StatementTooLong(Invalid):
    code = "statement_too_long"
    title = "This is too much for one statement; ask for a shorter time."
