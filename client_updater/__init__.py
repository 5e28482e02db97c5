"""The agent on a client's site: it fetches, verifies, decides, installs, watches and reports.

Entry points: ``cli`` (the program ``hsp-updater``) and ``agent.Agent.poll`` (one poll, the whole
way). A poll reads like the product's promise: flush the outbox, refresh what is trusted, choose,
download, stage, activate, check its health, keep or revert, report, check in.

What to know before changing anything here:

- ``durable`` is the only module that writes, renames, syncs or unlinks. Tests put their own disk
  in its place to kill, fail or record at every single step.
- ``run`` is two processes: ``watch`` with ``light_poll`` between updates, which knows nothing but
  whether all is as the last full poll has left it (``quiet``, written by ``aftermath``), and
  ``loop`` with ``poll`` in a child while there is work. What the first imports stays in memory for
  months: no pydantic and no models.
- ``journal`` notes each step before it begins; after a crash the same functions go on from the
  note. There is no recovery code beside them.
- ``floor`` is what the site has ever trusted, kept twice on the disk; python-tuf's own folder is a
  cache that may vanish. ``trusted`` is the only way to anything that was signed.
- ``installation`` carries an attempt from step to step; ``placing`` does what a link cannot (dpkg,
  a vendor's installer), ``confirmation`` watches (restart, start, checks, soak), ``snapshots`` and
  ``restoring`` keep a client's data and put it back; ``ourselves`` is the agent as a product.
- ``decide`` (in ``manifests``) says what may be installed; nothing that the server answers can do
  more than slow the agent down, hold it, or pass on a yes for which the site's policy waits.

May import: the standard library, manifests, click, pydantic, tuf, urllib3, zstandard,
cryptography and securesystemslib. Never signing, distribution, boto3, fastapi or sqlmodel.
"""

AGENT_VERSION = "0.2.0"
"""The distribution's version, said in check-ins; a test holds it to pyproject.toml."""
