"""Names and codes of service quotas, as Service Quotas has them.

An instance type has a quota for each use, with a name that is made of both. Codes are the same in all accounts and
regions, but no page of AWS lists them: those here are in several public scripts. Who uses one compares the name in the
answer.
"""

from typing import Literal

Use = Literal["endpoint", "training job", "spot training job", "processing job", "notebook instance"]

LAMBDA_CONCURRENCY = "L-B99A9384"  # "Concurrent executions" of Lambda
# Lambda keeps this many of an account's concurrent executions for functions without a reservation, and all of them if
# the quota is lower, as in a new account: "Configuring reserved concurrency", Lambda developer guide.
LAMBDA_UNRESERVED = 100
LAMBDA_EVENT_BYTES = 6 * 2**20  # of a synchronous invocation: "Lambda quotas", Lambda developer guide
CODES = {
    "ml.m5.large for endpoint usage": "L-614B09FD",
    "ml.m5.large for processing job usage": "L-8541302D",
    "ml.m5.xlarge for training job usage": "L-CCE2AFA6",
    "ml.m5.xlarge for spot training job usage": "L-4CEE6BA6",
}


def instance_quota(instance_type: str, use: Use) -> str:
    """Name of SageMaker's quota for instances of a type."""
    return f"{instance_type} for {use} usage"
