"""User-defined resources of nodes: GPUs and the like (SK: api/genericresource/{parse,string,helpers}.go)."""

import re
from collections import Counter
from collections.abc import Iterable

from swarmlab.objects.node import DiscreteGenericResource, GenericResource, NamedGenericResource

#: What strconv.ParseInt takes for a decimal number; the only thing that tells `gpu=2` from `gpu=uuid2`.
_NUMBER = re.compile(r"[+-]?[0-9]+", re.ASCII)
_PREFIX = "DOCKER_RESOURCE"


def parse(terms: Iterable[str]) -> tuple[GenericResource, ...]:
    """What `gpu=2` (so many), or `gpu=uuid1` and `gpu=uuid2` (those), stand for.

    Raises ValueError with the daemon's text.
    """
    values: dict[str, list[str]] = {}
    for term in terms:
        kind, *rest = term.split("=")
        if len(rest) != 1:
            raise _error(f"incorrect term {term}, missing '=' or malformed expression")
        values.setdefault(kind.strip(), []).append(rest[0].strip())
    return tuple(resource for kind, found in values.items() for resource in _resources(kind, found))


def _resources(kind: str, values: list[str]) -> list[GenericResource]:
    numbers = [value for value in values if _NUMBER.fullmatch(value)]
    if not numbers:
        return [named(kind, value) for value in values]
    if len(values) > 1:
        raise _error(f"mixed discrete and named resources in expression '{kind}=[{' '.join(values)}]'")
    amount = int(numbers[0])
    if amount < 0:
        raise _error(f"cannot ask for negative resource {kind}")
    return [discrete(kind, amount)]


def _error(text: str) -> ValueError:
    return ValueError(f"could not parse GenericResource: {text}")


def named(kind: str, value: str) -> GenericResource:
    """A unit with a name of its own."""
    return GenericResource(named_resource_spec=NamedGenericResource(kind=kind, value=value))


def discrete(kind: str, value: int) -> GenericResource:
    """So many units."""
    return GenericResource(discrete_resource_spec=DiscreteGenericResource(kind=kind, value=value))


def amounts(resources: Iterable[GenericResource]) -> Counter[str]:
    """How many units of each kind; a named unit counts one."""
    found: Counter[str] = Counter()
    for resource in resources:
        if resource.discrete_resource_spec is not None:
            found[resource.discrete_resource_spec.kind] += resource.discrete_resource_spec.value
        if resource.named_resource_spec is not None:
            found[resource.named_resource_spec.kind] += 1
    return found


def holds_all(unit: GenericResource, left: Iterable[GenericResource]) -> bool:
    """Whether a unit is among those that are left or, when they are counted, is not less than them."""
    for other in left:
        if unit.named_resource_spec is not None and unit.named_resource_spec == other.named_resource_spec:
            return True
        counted, rest = unit.discrete_resource_spec, other.discrete_resource_spec
        if counted is not None and rest is not None and counted.kind == rest.kind:
            return counted.value >= rest.value
    return False


def without(left: Iterable[GenericResource], units: Iterable[GenericResource]) -> tuple[GenericResource, ...]:
    """What is left when these units are taken, too."""
    taken = tuple(units)
    counted = amounts(unit for unit in taken if unit.discrete_resource_spec is not None)
    rest = []
    for resource in left:
        spec = resource.discrete_resource_spec
        if spec is not None and spec.value > counted[spec.kind]:
            rest.append(discrete(spec.kind, spec.value - counted[spec.kind]))
        elif spec is None and resource not in taken:
            rest.append(resource)
    return tuple(rest)


def environment(resources: Iterable[GenericResource]) -> tuple[str, ...]:
    """How a container is told what it was given: `DOCKER_RESOURCE_GPU=uuid1,uuid2`."""
    values: dict[str, list[str]] = {}
    for resource in resources:
        if resource.discrete_resource_spec is not None:
            values.setdefault(resource.discrete_resource_spec.kind, []).append(
                str(resource.discrete_resource_spec.value)
            )
        if resource.named_resource_spec is not None:
            values.setdefault(resource.named_resource_spec.kind, []).append(resource.named_resource_spec.value)
    return tuple(f"{_PREFIX}_{kind}".upper() + "=" + ",".join(found) for kind, found in values.items())
