"""`make preflight`: whether a deploy could work, before anything is created. A check is one function in one file."""
