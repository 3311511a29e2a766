"""HTTP APIs of API Gateway: limits, throttling, authorizers and access logs, where MiniStack has none or less."""
