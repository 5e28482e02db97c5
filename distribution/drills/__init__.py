"""Drills: what to do when keys change hands, step by step, on a quiet day or in the worst night.

A drill is a value: what a thief could and could not have done, and the steps, of which the first
that is not done is the next one. Where it has come to is read off the repository and the sites each
time, so a drill that was begun weeks ago, on another machine or before a crash, goes on by the same
command. What the repository cannot tell is kept in one row: which keys must be gone, since when,
and what the sites noticed meanwhile.

``steps`` is what all drills are made of, ``records`` the row, and each other module one situation.
"""
