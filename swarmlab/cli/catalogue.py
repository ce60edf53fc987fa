"""The images that come with swarmlab, as `swarmlab images` shows them."""

from typing import Any

from swarmlab.images import Catalogue


def listed(repository: str | None = None) -> list[dict[str, Any]]:
    """Every repository (or only one): what it is for, its tags, ports and volumes, and the variables it looks at."""
    catalogue = Catalogue()
    found: dict[str, dict[str, Any]] = {}
    for image in catalogue.images():
        names = [name.partition(":") for name in image.tags]
        about = catalogue.about(image)
        row = found.setdefault(
            names[0][0],
            {
                "repository": names[0][0],
                "about": about.text,
                "settings": dict(about.settings),
                "earlier_releases": about.has_releases,
                "ports": list(image.config.exposed_ports),
                "volumes": list(image.config.volumes),
                "images": [],
            },
        )
        row["images"].append(
            {
                "id": image.id,
                "tags": [tag for _, _, tag in names],
                "size": image.size,
                "on_demand": image.id in catalogue.on_demand,
            }
        )
    return [found[name] for name in sorted(found, key=lambda name: ("/" in name, name)) if repository in (None, name)]
