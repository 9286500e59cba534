"""What is known of vendors before an operator says anything: addresses, key variables, dated prices, context lengths.

Read at plan time only. What must not live here: anything of one's own plan; network access.
"""
