"""Entry point for a job that cannot name its command, as in a tuning job: the image's own program calls it.

The image calls the function that SAGEMAKER_TRAINING_MODULE names, in its own process, and regards everything but an
exception as success. Source: trainer.py of aws/sagemaker-training-toolkit.
"""

import os
import sys

from training.__main__ import main
from training.stop import exit_on_sigterm


def train() -> None:
    """Runs a training from SageMaker's files; ends the process if it failed, which has written the reason."""
    exit_on_sigterm()
    if code := main([]):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
