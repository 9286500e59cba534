"""One call to a provider: addresses, pooled connections, the local model's process.

What must not live here: which provider is asked, and whether again; that is the journey's.
"""
