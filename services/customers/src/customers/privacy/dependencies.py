"""Who may restrict, erase and export."""

from typing import Annotated

from shared.http import Caller, requires

WritesPrivacy = Annotated[Caller, requires("privacy:write")]
