"""Go's templates (text/template), as far as they can be written on what SwarmKit gives them."""

from swarmlab.objects.gotemplate.execute import execute
from swarmlab.objects.gotemplate.nodes import Source, TemplateError
from swarmlab.objects.gotemplate.parse import parse
from swarmlab.objects.gotemplate.values import FUNCTIONS, Function, Map, Struct, Value

__all__ = ["FUNCTIONS", "Function", "Map", "Source", "Struct", "TemplateError", "Value", "execute", "parse"]
