"""`make preflight`: whether a deploy could work, before anything is created.

A check is one function; checks that are related share a file.
"""
