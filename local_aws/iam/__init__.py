"""Who may do what: each request and resource asked of its caller's policies."""
