"""The IAM gate: checks that templates grant exactly what iam/contract.yaml lists, and keep our own security rules."""
