"""Measurements against named alternatives (see README.md)."""

import os

# Before numpy is imported: linear algebra on one thread, here and in every process that is started from here.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")
