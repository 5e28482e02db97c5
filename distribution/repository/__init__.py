"""THE REPOSITORY of signed files, in a directory or a bucket.

- a release: ``artifacts`` builds it out of what ``collected``, ``unpacking`` and ``decompression``
  let in
- it becomes visible: ``publish``, then ``commit``, whose timestamp is the one commit point;
  ``requirements`` and ``release_changes`` look at it before
- what is there: ``catalogue``; ``retention`` removes what nothing leads to; ``recovery`` knows what
  people signed last
- what the server signs by itself: ``online_roles`` by ``online_keys``
- deltas: ``deltas`` makes them, of ``shared_runs``, ``delta_coding`` and ``sparse_coding``
- where it is: ``bucket`` (boto3), ``store_errors``

Knows no site, no rollout's state and no person.
"""
