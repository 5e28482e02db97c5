"""The whole story on one machine: ``make demo``.

``packages`` fetches the real releases, ``cast`` says who plays, ``estate`` is the house with its
keys, server and sites, ``story`` plays the chapters, ``screen`` shows them.
"""
