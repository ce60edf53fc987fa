"""Which units of a node's generic resources are free (SK: api/genericresource/resource_management.go)."""

from collections.abc import Iterable

from swarmlab.objects.generic import discrete, named
from swarmlab.objects.node import GenericResource


class GenericPool:
    """Hands out units and takes them back. A kind is named or counted; units of a kind are alike."""

    def __init__(self, total: Iterable[GenericResource]) -> None:
        self._counted: dict[str, int] = {}
        self._named: dict[str, dict[str, None]] = {}
        for resource in total:
            if resource.discrete_resource_spec is not None:
                self._counted[resource.discrete_resource_spec.kind] = resource.discrete_resource_spec.value
            if resource.named_resource_spec is not None:
                self._named.setdefault(resource.named_resource_spec.kind, {})[resource.named_resource_spec.value] = None
        self._limits = dict(self._counted)
        self._names = {kind: frozenset(names) for kind, names in self._named.items()}

    def free(self, kind: str) -> int:
        """How many units of a kind are free."""
        return max(self._counted.get(kind, 0), 0) + len(self._named.get(kind, ()))

    def has(self, wanted: Iterable[GenericResource]) -> bool:
        """Whether each of these reservations could be met. One that names its unit cannot: tasks ask for numbers."""
        return all(
            spec is not None and self.known(spec.kind) and self.free(spec.kind) >= spec.value
            for spec in (resource.discrete_resource_spec for resource in wanted)
        )

    def known(self, kind: str) -> bool:
        """Whether any unit is left of a kind: nothing at all is more than that, too."""
        return bool(self.free(kind))

    def choose(self, wanted: Iterable[GenericResource]) -> tuple[GenericResource, ...]:
        """The units that reservations for which there `has` been enough get; `take` takes them."""
        chosen: list[GenericResource] = []
        for spec in (resource.discrete_resource_spec for resource in wanted):
            if spec is None:
                continue
            if spec.kind in self._named:
                # Who asks for none gets all of them: upstream counts up to the number, and never meets it.
                last = spec.value if spec.value > 0 else None
                chosen += [named(spec.kind, name) for name in list(self._named[spec.kind])[:last]]
            elif spec.value > 0:
                chosen.append(discrete(spec.kind, spec.value))
        return tuple(chosen)

    def take(self, units: Iterable[GenericResource]) -> None:
        """These units are in use, whether or not the node still has them."""
        for unit in units:
            if unit.discrete_resource_spec is not None and unit.discrete_resource_spec.kind in self._counted:
                self._counted[unit.discrete_resource_spec.kind] -= unit.discrete_resource_spec.value
            if unit.named_resource_spec is not None:
                self._named.get(unit.named_resource_spec.kind, {}).pop(unit.named_resource_spec.value, None)

    def give_back(self, units: Iterable[GenericResource]) -> None:
        """These units are free again, as far as the node still has them."""
        for unit in units:
            if unit.discrete_resource_spec is not None and unit.discrete_resource_spec.kind in self._counted:
                kind = unit.discrete_resource_spec.kind
                self._counted[kind] = min(self._counted[kind] + unit.discrete_resource_spec.value, self._limits[kind])
            if unit.named_resource_spec is not None:
                kind, name = unit.named_resource_spec.kind, unit.named_resource_spec.value
                if name in self._names.get(kind, ()):
                    self._named[kind][name] = None
