"""Before any test imports aws_cdk."""

from deploy.node import use_locked_node

use_locked_node()
