"""The rows of the proof, by theme. Importing this package declares them all."""

from tools.prove.rows import deploys as deploys
from tools.prove.rows import removal as removal
from tools.prove.rows import training as training
