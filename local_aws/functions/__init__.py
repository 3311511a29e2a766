"""Additions to MiniStack's Lambda: provisioned and reserved concurrency, metrics, execution roles."""
