"""Go's templates (text/template), as far as they can be written on what SwarmKit gives them."""

from swarmlab.objects.gotemplate.execute import execute
from swarmlab.objects.gotemplate.nodes import TemplateError
from swarmlab.objects.gotemplate.parse import parse
from swarmlab.objects.gotemplate.values import Function, Map, Struct, Value

__all__ = ["Function", "Map", "Struct", "TemplateError", "Value", "execute", "parse"]
