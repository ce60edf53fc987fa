"""By what a container is found: its id, its name, the beginning of its id, the name of a link to it."""

from swarmlab.engine.container.legacylinks import links_of
from swarmlab.engine.errors import bad_request, not_found
from swarmlab.objects.local import Container
from swarmlab.store import Table


def find(containers: Table[Container], reference: str) -> Container:
    """A container by id, name, or a prefix of its id that fits no other; or by that of a link, `CONTAINER/ALIAS`.

    Raises EngineError (404, 400).
    """
    name = reference.removeprefix("/")
    exact = containers.get(reference) or next(iter(containers.by("name", name)), None)
    if exact is not None:
        return exact
    if "/" in name and (linked := _linked(containers, *name.split("/", 1))) is not None:
        return linked
    matches = [c for c in containers if reference and c.id.startswith(reference)]
    if len(matches) > 1:
        raise bad_request(f"multiple IDs found with provided prefix: {reference}")
    if not matches:
        raise not_found(f"No such container: {reference}")
    return matches[0]


def _linked(containers: Table[Container], name: str, alias: str) -> Container | None:
    for owner in containers.by("name", name):
        for reference, known in links_of(owner):
            if known == alias:
                return find(containers, reference)
    return None
