"""Every role and every statement of the system: the one folder to read to know who may do what.

One file for each role, named after it; `statements.py` has what they share, `stack.py` makes them.

Nothing here is attached by a helper, and no AWS managed policy is used. Statements live in the role itself
(inline), so that a role never exists without them. SageMaker uses the two execution roles on a job's or a
model's behalf; the containers themselves run without a network, and so cannot use them.
"""

from stacks.permissions.stack import Permissions

__all__ = ["Permissions"]
