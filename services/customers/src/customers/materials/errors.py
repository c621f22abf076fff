"""What can go wrong with learning material.

NotFound └── MaterialNotFound
"""

from shared.errors import NotFound


class MaterialNotFound(NotFound):
    code = "material_not_found"
    title = "There is no such material."
