"""What can be said of an answer from its text: pure functions on texts and verdicts, each with what it can and cannot see.

No verdict is *unverified*, never good. What must not live here: clocks, I/O, asking a model, and tables of the ledger (`analysis`).
"""
