"""Words and maximum of a SageMaker tuning job, which a tuning on a laptop takes too.

Source: "HyperParameterTuningJobConfig" and "ResourceLimits", SageMaker API reference.
"""

from typing import Literal

Strategy = Literal["Bayesian", "Random"]
EarlyStopping = Literal["Off", "Auto"]
MAX_TRIALS = 750
