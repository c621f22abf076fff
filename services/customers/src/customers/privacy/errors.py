"""What can go wrong where contact data is concerned.

Forbidden └── ContactsNotSearchable
"""

from shared.errors import Forbidden


class ContactsNotSearchable(Forbidden):
    code = "contacts_not_searchable"
    title = "Only with `contacts:read` are customers searched, filtered or sorted by contact data."
