"""A plugin whose import fails."""

raise RuntimeError("cannot even be imported")
