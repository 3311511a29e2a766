"""The program that an endpoint's container runs; training shares its `preprocessing`."""

import os

# ONNX Runtime would write an identifier into the home folder, and send how it is used to Microsoft (docs/Privacy.md in
# its repository). It reads this when it is imported.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
