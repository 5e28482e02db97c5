"""Who may do what: accounts, roles and permissions, tokens, sessions, and logins.

- ``roles`` is the table, as data, and pure: which role may do which kind of deed
- ``accounts`` and ``grants``: who there is, and the roles that two people gave them; ``founding``
  makes the very first one
- ``passwords``, ``tokens``, ``sessions``, ``login`` and ``oidc``: how somebody shows who they are
- ``own_proposals``: nobody approves what they proposed themselves, whatever roles they hold
- ``rates``: how often one identity may come

Routes ask by ``api.access.allowed``, commands by ``cli.acting``; both end in ``Person.require``.
"""
