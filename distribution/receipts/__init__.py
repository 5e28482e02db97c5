"""Receipts for third parties: what sites have signed of their installs, to be verified offline.

``statements`` says what the file looks like and what follows from a signed report; ``export``
writes it out of the database, ``verify`` reads it anywhere. Neither ``statements`` nor ``verify``
knows of a database, a server or a home: they need the file and the site's public key.
"""
