"""The IAM gate: proves that what the templates grant is what iam/contract.yaml says is needed, no more, no less."""
