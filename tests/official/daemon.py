"""The process of a lab with a watch over its answers. Run as a script, with the arguments of `swarmlab.lab.daemon`."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    from swarmlab.lab import daemon
    from swarmlab.lab.parts import Parts

    def _watched() -> Parts:
        from tests.official import watch

        watch.install()
        return daemon._real_parts()

    daemon.main(_watched)
