"""The functions' modules, importable as they are inside Lambda, and the AWS they talk to."""

import sys
from pathlib import Path

# Inside Lambda a function's folder is the root of its imports ("lambda" cannot name a package in Python).
for name in ("classify", "trained_model"):
    sys.path.append(str(Path(__file__).parents[2] / "lambda" / name))
