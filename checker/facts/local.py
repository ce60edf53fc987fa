"""Facts about containers that were run by hand, outside of the swarm's services."""

from checker.facts.base import Clause, Fact, Reading
from checker.values import same_image
from checker.world import Fields, Swarm


class Container(Fact, frozen=True, tag="container"):
    """A container that was run by hand exists, of an `image`, with a folder of the machine at `bind`."""

    image: str | None = None
    bind: str | None = None

    def phrase(self) -> str:
        """See `Fact.phrase`."""
        image = f" of image {self.image}" if self.image is not None else ""
        bind = f" with a folder of the machine at {self.bind}" if self.bind is not None else ""
        return f"a container run by hand{image}{bind}"

    def clauses(self) -> tuple[Clause, ...]:
        """See `Fact.clauses`."""
        found = [Clause(self._exists, self._missing)]
        if self.bind is not None:
            found.append(Clause(self._bound, self._elsewhere))
        return tuple(found)

    def interests(self) -> frozenset[str]:
        """See `Fact.interests`."""
        return frozenset({"container"})

    def _found(self, swarm: Swarm) -> list[Fields]:
        return [
            container
            for container in swarm.tables["container"].values()
            if not container.get("TaskID")
            and (self.image is None or same_image(str(container.get("Image") or ""), self.image))
        ]

    def _exists(self, swarm: Swarm) -> Reading:
        return Reading(float(bool(self._found(swarm))), None)

    def _missing(self, _: None) -> str:
        return f"there was no container run by hand{f' of image {self.image}' if self.image is not None else ''}"

    def _bound(self, swarm: Swarm) -> Reading:
        mounts = [mount for container in self._found(swarm) for mount in container.get("Mounts") or ()]
        bound = [mount for mount in mounts if mount.get("Type") == "bind"]
        held = any(str(mount.get("Destination")).rstrip("/") == self.bind for mount in bound)
        places = ", ".join(sorted(f"a {mount.get('Type')} at {mount.get('Destination')}" for mount in mounts))
        return Reading(float(held) or 0.5 * bool(bound), places)

    def _elsewhere(self, places: str) -> str:
        return f"it had no folder of the machine at {self.bind}{f' (but {places})' if places else ''}"
