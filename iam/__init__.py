"""The IAM gate: what the templates grant is what iam/contract.yaml says is needed, and our own security rules hold."""
