"""Every role and every statement of the system.

One file for each role, named after it; `statements.py` has the statements that they share, `stack.py` creates them.

No CDK helper adds statements, and no AWS managed policy is used. Statements are inline, so that a role never exists
without them. SageMaker uses the two execution roles on behalf of a job or a model; the containers run without a
network and so cannot use them. iam/contract.yaml lists every permission a second time, with its reason.
"""

from stacks.permissions.stack import Roles

__all__ = ["Roles"]
