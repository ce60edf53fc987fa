"""JupyterLab's process, as `python -m swarmlab.lab.jupyter_process`."""

import sys

if __name__ == "__main__":
    # Where it is there, jsonschema makes a grammar of addresses in any script of it. That is half of the time in which
    # JupyterLab starts, for a format that none of its schemas has.
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]
    from jupyterlab.labapp import main  # type: ignore[import-untyped]

    sys.exit(main())
