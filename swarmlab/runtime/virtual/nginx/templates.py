"""What the official nginx image's entrypoint does with templates (its `20-envsubst-on-templates.sh`)."""

import posixpath
import re
from collections.abc import Mapping

from swarmlab.runtime.virtual.files.files import RootFs

_TEMPLATES, _CONFIGS, _SUFFIX = "/etc/nginx/templates", "/etc/nginx/conf.d", ".template"
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


def fill_templates(root: RootFs, env: Mapping[str, str]) -> list[str]:
    """Write a configuration for each template, with the variables that there are; what the entrypoint says of it."""
    said = []
    for template in root.glob(f"{_TEMPLATES}/*{_SUFFIX}"):
        target = posixpath.join(_CONFIGS, posixpath.basename(template).removesuffix(_SUFFIX))
        text = root.read(template).decode("utf-8", "surrogateescape")
        filled = _VARIABLE.sub(lambda found: env.get(found[1] or found[2], found[0]), text)
        said.append(f"20-envsubst-on-templates.sh: Running envsubst on {template} to {target}\n")
        try:
            root.write(target, filled.encode("utf-8", "surrogateescape"))
        except OSError:
            said[-1] = f"20-envsubst-on-templates.sh: ERROR: {_TEMPLATES} exists, but {_CONFIGS} is not writable\n"
            break
    return said
