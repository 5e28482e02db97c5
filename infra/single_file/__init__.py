"""The agent as one file: ``pack`` makes it, ``loader`` is what it does when it is started.

Compiled modules cannot be imported from a zip. So the file unpacks itself once, into a private
folder that is named by its contents, and from then on the interpreter runs from there, isolated
from whatever else the machine has. Nothing of this is left in the agent's own process.
"""
