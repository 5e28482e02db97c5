"""The store: whether it keeps the promises that publishing relies on, and how it is guarded.

What is tried is tried on a name of its own, which no site ever comes to.
"""

import json
import secrets
from collections.abc import Iterator
from typing import Any

from distribution.doctor.findings import Context, Finding, broken, warning
from distribution.repository.bucket import S3Store
from distribution.repository.store_errors import in_server_words
from signing.errors import AlreadyStored, Conflict
from signing.store import Store

SCRATCH = "metadata/doctor-"
PREFIXES = ("metadata/", "targets/", "audit/")


def conditional_writes(context: Context) -> Iterator[Finding]:
    """Two writers at once: one must win, and the other must hear of it."""
    if context.settings.api_only:
        return  # it publishes nothing, and should not be able to
    check, store, key = "bucket.conditional_writes", context.store, SCRATCH + secrets.token_hex(8)
    mend = "use a store that honours If-None-Match and If-Match: publishing relies on it"
    with in_server_words():
        store.create(key, b"one")
        try:
            if _takes_another(store, key):
                yield broken(check, "the store writes over a file that is there already", mend)
            if _swaps_blindly(store, key):
                yield broken(
                    check, "the store replaces a file that somebody else has changed", mend
                )
        finally:
            store.remove(key)


def _takes_another(store: Store, key: str) -> bool:
    try:
        store.create(key, b"two")
    except AlreadyStored:
        return False
    return True


def _swaps_blindly(store: Store, key: str) -> bool:
    _, tag = store.read_tagged(key)
    try:
        store.replace(key, b"three", tag)
        store.replace(key, b"four", tag)
    except Conflict:
        return False
    return True


def versioning(context: Context) -> Iterator[Finding]:
    """Old versions are what a bucket has instead of a backup."""
    for name, store in _buckets(context):
        found = store.asked("get_bucket_versioning") or {}
        if found.get("Status") != "Enabled":
            says = f"{name} keeps no old versions: what is removed or written over is gone"
            yield warning("bucket.versioning", says, f"switch versioning on for {name}")


def public_access(context: Context) -> Iterator[Finding]:
    """Everybody may read the repository, through the CDN; nobody may list or write it."""
    for name, store in _buckets(context):
        found = store.asked("get_public_access_block", "NoSuchPublicAccessBlockConfiguration")
        blocked = (found or {}).get("PublicAccessBlockConfiguration", {})
        names = (
            *("BlockPublicAcls", "IgnorePublicAcls"),
            *("BlockPublicPolicy", "RestrictPublicBuckets"),
        )
        open_ = [each for each in names if not blocked.get(each)]
        if open_:
            says = f"{name} can be made public: {', '.join(open_)} is off"
            mend = "block all public access; sites read through a CDN with origin access control"
            yield warning("bucket.public_access", says, mend)


def tls_only(context: Context) -> Iterator[Finding]:
    """A policy that refuses whoever comes without TLS."""
    for name, store in _buckets(context):
        found = store.asked("get_bucket_policy", "NoSuchBucketPolicy")
        statements = json.loads((found or {}).get("Policy", "{}")).get("Statement", [])
        if not any(map(_refuses_plain, statements if isinstance(statements, list) else [])):
            yield warning(
                "bucket.tls_only",
                f"{name} takes requests without TLS",
                "add a statement to its policy: Deny s3:* where aws:SecureTransport is false",
            )


def _refuses_plain(statement: dict[str, Any]) -> bool:
    condition = statement.get("Condition", {}).get("Bool", {}).get("aws:SecureTransport")
    return statement.get("Effect") == "Deny" and str(condition).lower() == "false"


def object_lock(context: Context) -> Iterator[Finding]:
    """Checkpoints of the audit log that are to be locked need a bucket that can."""
    if not context.settings.audit_lock_days:
        return
    store, found = context.audit_store, None
    if isinstance(store, S3Store):
        found = store.asked("get_object_lock_configuration", "ObjectLockConfigurationNotFoundError")
    enabled = (found or {}).get("ObjectLockConfiguration", {}).get("ObjectLockEnabled")
    if enabled != "Enabled":
        says = "audit_lock_days is set, and where checkpoints lie nothing can be locked"
        mend = "place them in a bucket that was made with object lock (audit_store_url)"
        yield broken("bucket.object_lock", says, mend)


def cors(context: Context) -> Iterator[Finding]:
    """No page of anybody's needs to read this bucket."""
    for name, store in _buckets(context):
        if store.asked("get_bucket_cors", "NoSuchCORSConfiguration"):
            says = f"{name} lets web pages of other origins read it"
            yield warning("bucket.cors", says, f"remove the CORS rules of {name}")


def lifecycle(context: Context) -> Iterator[Finding]:
    """Retention is the server's business: only it knows what sites may still come to."""
    for name, store in _buckets(context):
        found = store.asked("get_bucket_lifecycle_configuration", "NoSuchLifecycleConfiguration")
        for rule in (found or {}).get("Rules", []):
            prefix = _prefix_of(rule)
            removes = rule.get("Expiration", {}).keys() & {"Days", "Date"}
            touches = any(store.full(ours).startswith(prefix) for ours in PREFIXES) or any(
                prefix.startswith(store.full(ours)) for ours in PREFIXES
            )
            if rule.get("Status") == "Enabled" and removes and touches:
                says = f"a lifecycle rule of {name} removes what sites need below {prefix!r}"
                mend = "let rules expire old versions only (NoncurrentVersionExpiration)"
                yield broken("bucket.lifecycle", says, mend)


def _prefix_of(rule: dict[str, Any]) -> str:
    wanted = rule.get("Filter", {})
    both = wanted.get("And", {})
    return str(wanted.get("Prefix") or both.get("Prefix") or rule.get("Prefix", ""))


def audit_is_kept(context: Context) -> Iterator[Finding]:
    """Whoever has taken the server must not be able to remove checkpoints."""
    store = context.audit_store
    if isinstance(store, S3Store) and store.may_remove("audit/doctor-looks-whether-it-may"):
        says = "the server's own credentials may remove checkpoints of the audit log"
        mend = "deny s3:DeleteObject and s3:DeleteObjectVersion on audit/* to the server's role"
        yield warning("bucket.audit_is_kept", says, mend)


def _buckets(context: Context) -> Iterator[tuple[str, S3Store]]:
    found = {"the bucket": context.store, "the bucket of checkpoints": context.audit_store}
    if not context.settings.audit_store_url:
        found.popitem()
    yield from ((name, store) for name, store in found.items() if isinstance(store, S3Store))


CHECKS = (
    ("bucket.conditional_writes", conditional_writes),
    ("bucket.versioning", versioning),
    ("bucket.public_access", public_access),
    ("bucket.tls_only", tls_only),
    ("bucket.object_lock", object_lock),
    ("bucket.cors", cors),
    ("bucket.lifecycle", lifecycle),
    ("bucket.audit_is_kept", audit_is_kept),
)
