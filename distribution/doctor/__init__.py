"""``hsp doctor``: what is wrong with a deployment, and how each thing is mended.

A check is one function from the ``Context`` to findings; nothing found means that it is well. What
could not be looked at is a finding of its own, so that silence always means health.
"""
