"""Lambda beyond MiniStack: provisioned and reserved concurrency, metrics, roles."""
