-- Two rows of every table of release 0.1.0, on postgresql.
INSERT INTO account ("name", "client_id", "subject", "created_by", "created_at", "disabled_at")
VALUES ('name-1', 'client_id-1', 'subject-1', 'created_by-1', '2026-11-25 02:00:00.100000+00', NULL);
INSERT INTO account ("name", "client_id", "subject", "created_by", "created_at", "disabled_at")
VALUES ('name-2', 'client_id-2', 'subject-2', 'created_by-2', '2026-11-26 02:00:00.200000+00', '2026-11-26 02:00:00.200000+00');
INSERT INTO auditrow ("seq", "at", "actor", "role", "action", "about", "reason", "request", "changes", "prev_hash", "hash")
VALUES (1, 'at-1', 'actor-1', 'role-1', 'action-1', 'it''s row 1: ''ünïcode'' – ; \ "about"', 'it''s row 1: ''ünïcode'' – ; \ "reason"', 'request-1', 'it''s row 1: ''ünïcode'' – ; \ "changes"', 'prev_hash-1', 'hash-1');
INSERT INTO auditrow ("seq", "at", "actor", "role", "action", "about", "reason", "request", "changes", "prev_hash", "hash")
VALUES (2, 'at-2', 'actor-2', 'role-2', 'action-2', 'it''s row 2: ''ünïcode'' – ; \ "about"', 'it''s row 2: ''ünïcode'' – ; \ "reason"', 'request-2', 'it''s row 2: ''ünïcode'' – ; \ "changes"', 'prev_hash-2', 'hash-2');
INSERT INTO brakerow ("id", "scope", "target", "by", "at", "reason", "off_by", "off_at", "off_reason")
VALUES (1, 'scope-1', 'target-1', 'by-1', '2026-11-25 02:00:00.100000+00', 'it''s row 1: ''ünïcode'' – ; \ "reason"', 'off_by-1', NULL, 'it''s row 1: ''ünïcode'' – ; \ "off_reason"');
INSERT INTO brakerow ("id", "scope", "target", "by", "at", "reason", "off_by", "off_at", "off_reason")
VALUES (2, 'scope-2', 'target-2', 'by-2', '2026-11-26 02:00:00.200000+00', 'it''s row 2: ''ünïcode'' – ; \ "reason"', 'off_by-2', '2026-11-26 02:00:00.200000+00', 'it''s row 2: ''ünïcode'' – ; \ "off_reason"');
INSERT INTO calendarchange ("id", "scope", "subject", "by", "at", "reason", "what")
VALUES (1, 'scope-1', 'subject-1', 'by-1', '2026-11-25 02:00:00.100000+00', 'it''s row 1: ''ünïcode'' – ; \ "reason"', 'it''s row 1: ''ünïcode'' – ; \ "what"');
INSERT INTO calendarchange ("id", "scope", "subject", "by", "at", "reason", "what")
VALUES (2, 'scope-2', 'subject-2', 'by-2', '2026-11-26 02:00:00.200000+00', 'it''s row 2: ''ünïcode'' – ; \ "reason"', 'it''s row 2: ''ünïcode'' – ; \ "what"');
INSERT INTO checkpointrow ("seq", "hash", "at", "envelope")
VALUES (1, 'hash-1', 'at-1', 'it''s row 1: ''ünïcode'' – ; \ "envelope"');
INSERT INTO checkpointrow ("seq", "hash", "at", "envelope")
VALUES (2, 'hash-2', 'at-2', 'it''s row 2: ''ünïcode'' – ; \ "envelope"');
INSERT INTO client ("id", "created_at", "language")
VALUES ('id-1', '2026-11-25 02:00:00.100000+00', 'language-1');
INSERT INTO client ("id", "created_at", "language")
VALUES ('id-2', '2026-11-26 02:00:00.200000+00', 'language-2');
INSERT INTO componentrow ("id", "product", "version", "name", "name_lower", "component_version", "purl", "package")
VALUES (1, 'product-1', 'version-1', 'name-1', 'name_lower-1', 'component_version-1', 'it''s row 1: ''ünïcode'' – ; \ "purl"', 'package-1');
INSERT INTO componentrow ("id", "product", "version", "name", "name_lower", "component_version", "purl", "package")
VALUES (2, 'product-2', 'version-2', 'name-2', 'name_lower-2', 'component_version-2', 'it''s row 2: ''ünïcode'' – ; \ "purl"', 'package-2');
INSERT INTO deltarow ("product", "from_version", "to_version", "paths", "problem", "tries", "at")
VALUES ('product-1', 'from_version-1', 'to_version-1', 'it''s row 1: ''ünïcode'' – ; \ "paths"', 'it''s row 1: ''ünïcode'' – ; \ "problem"', 1, '2026-11-25 02:00:00.100000+00');
INSERT INTO deltarow ("product", "from_version", "to_version", "paths", "problem", "tries", "at")
VALUES ('product-2', 'from_version-2', 'to_version-2', 'it''s row 2: ''ünïcode'' – ; \ "paths"', 'it''s row 2: ''ünïcode'' – ; \ "problem"', 2, '2026-11-26 02:00:00.200000+00');
INSERT INTO eventrow ("id", "at", "kind", "site_id", "product", "version", "detail")
VALUES (1, '2026-11-25 02:00:00.100000+00', 'kind-1', 'site_id-1', 'product-1', 'version-1', 'it''s row 1: ''ünïcode'' – ; \ "detail"');
INSERT INTO eventrow ("id", "at", "kind", "site_id", "product", "version", "detail")
VALUES (2, '2026-11-26 02:00:00.200000+00', 'kind-2', 'site_id-2', 'product-2', 'version-2', 'it''s row 2: ''ünïcode'' – ; \ "detail"');
INSERT INTO failureoverride ("code", "tier", "answer_seconds", "runbook", "sentences")
VALUES ('code-1', 'tier-1', NULL, 'runbook-1', 'it''s row 1: ''ünïcode'' – ; \ "sentences"');
INSERT INTO failureoverride ("code", "tier", "answer_seconds", "runbook", "sentences")
VALUES ('code-2', 'tier-2', 2, 'runbook-2', 'it''s row 2: ''ünïcode'' – ; \ "sentences"');
INSERT INTO freezerow ("id", "scope", "subject", "document", "by", "at", "reason", "lifted_at")
VALUES (1, 'scope-1', 'subject-1', 'it''s row 1: ''ünïcode'' – ; \ "document"', 'by-1', '2026-11-25 02:00:00.100000+00', 'it''s row 1: ''ünïcode'' – ; \ "reason"', NULL);
INSERT INTO freezerow ("id", "scope", "subject", "document", "by", "at", "reason", "lifted_at")
VALUES (2, 'scope-2', 'subject-2', 'it''s row 2: ''ünïcode'' – ; \ "document"', 'by-2', '2026-11-26 02:00:00.200000+00', 'it''s row 2: ''ünïcode'' – ; \ "reason"', '2026-11-26 02:00:00.200000+00');
INSERT INTO invitation ("id", "token_sha256", "site_id", "profile", "invited_by", "created_at", "expires_at", "used_at", "used_by_key")
VALUES (1, 'token_sha256-1', 'site_id-1', 'it''s row 1: ''ünïcode'' – ; \ "profile"', 'invited_by-1', '2026-11-25 02:00:00.100000+00', '2026-11-25 02:00:00.100000+00', NULL, NULL);
INSERT INTO invitation ("id", "token_sha256", "site_id", "profile", "invited_by", "created_at", "expires_at", "used_at", "used_by_key")
VALUES (2, 'token_sha256-2', 'site_id-2', 'it''s row 2: ''ünïcode'' – ; \ "profile"', 'invited_by-2', '2026-11-26 02:00:00.200000+00', '2026-11-26 02:00:00.200000+00', '2026-11-26 02:00:00.200000+00', 'used_by_key-2');
INSERT INTO lease ("work", "holder", "fence", "until")
VALUES ('work-1', 'holder-1', 9007199254740993, '2026-11-25 02:00:00.100000+00');
INSERT INTO lease ("work", "holder", "fence", "until")
VALUES ('work-2', 'holder-2', 9007199254740994, '2026-11-26 02:00:00.200000+00');
INSERT INTO notifychannel ("id", "client_id", "tier", "label", "kind", "address", "secret", "shape", "language", "zone", "quiet_from", "quiet_to", "news", "least", "created_by", "created_at", "ended_by", "ended_at")
VALUES (1, 'client_id-1', 'tier-1', 'label-1', 'kind-1', 'it''s row 1: ''ünïcode'' – ; \ "address"', 'it''s row 1: ''ünïcode'' – ; \ "secret"', 'shape-1', 'language-1', 'zone-1', 'quiet_from-1', 'quiet_to-1', 'it''s row 1: ''ünïcode'' – ; \ "news"', 'least-1', 'created_by-1', '2026-11-25 02:00:00.100000+00', 'ended_by-1', NULL);
INSERT INTO notifychannel ("id", "client_id", "tier", "label", "kind", "address", "secret", "shape", "language", "zone", "quiet_from", "quiet_to", "news", "least", "created_by", "created_at", "ended_by", "ended_at")
VALUES (2, 'client_id-2', 'tier-2', 'label-2', 'kind-2', 'it''s row 2: ''ünïcode'' – ; \ "address"', 'it''s row 2: ''ünïcode'' – ; \ "secret"', 'shape-2', 'language-2', 'zone-2', 'quiet_from-2', 'quiet_to-2', 'it''s row 2: ''ünïcode'' – ; \ "news"', 'least-2', 'created_by-2', '2026-11-26 02:00:00.200000+00', 'ended_by-2', '2026-11-26 02:00:00.200000+00');
INSERT INTO notifyposition ("id", "number")
VALUES (1, 9007199254740993);
INSERT INTO notifyposition ("id", "number")
VALUES (2, 9007199254740994);
INSERT INTO pendinglogin ("state_sha256", "browser_sha256", "nonce", "verifier", "created_at")
VALUES ('state_sha256-1', 'browser_sha256-1', 'nonce-1', 'verifier-1', '2026-11-25 02:00:00.100000+00');
INSERT INTO pendinglogin ("state_sha256", "browser_sha256", "nonce", "verifier", "created_at")
VALUES ('state_sha256-2', 'browser_sha256-2', 'nonce-2', 'verifier-2', '2026-11-26 02:00:00.200000+00');
INSERT INTO planrow ("product", "serial", "document")
VALUES ('product-1', 9007199254740993, '\x00ff7b22726f77223a317d');
INSERT INTO planrow ("product", "serial", "document")
VALUES ('product-2', 9007199254740994, '\x00ff7b22726f77223a327d');
INSERT INTO problem ("id", "product", "version", "signature", "code", "tier", "state", "detail", "opened_at", "closed_at", "due_at", "owner", "answered_at", "log_tail", "cause", "hotfix", "known_issue_id", "reopened", "part_of_id")
VALUES (1, 'product-1', 'version-1', 'signature-1', 'code-1', 'tier-1', 'state-1', 'it''s row 1: ''ünïcode'' – ; \ "detail"', '2026-11-25 02:00:00.100000+00', NULL, '2026-11-25 02:00:00.100000+00', 'owner-1', NULL, 'it''s row 1: ''ünïcode'' – ; \ "log_tail"', 'it''s row 1: ''ünïcode'' – ; \ "cause"', 'hotfix-1', NULL, 1, NULL);
INSERT INTO problem ("id", "product", "version", "signature", "code", "tier", "state", "detail", "opened_at", "closed_at", "due_at", "owner", "answered_at", "log_tail", "cause", "hotfix", "known_issue_id", "reopened", "part_of_id")
VALUES (2, 'product-2', 'version-2', 'signature-2', 'code-2', 'tier-2', 'state-2', 'it''s row 2: ''ünïcode'' – ; \ "detail"', '2026-11-26 02:00:00.200000+00', '2026-11-26 02:00:00.200000+00', '2026-11-26 02:00:00.200000+00', 'owner-2', '2026-11-26 02:00:00.200000+00', 'it''s row 2: ''ünïcode'' – ; \ "log_tail"', 'it''s row 2: ''ünïcode'' – ; \ "cause"', 'hotfix-2', 9007199254740994, 2, 1);
INSERT INTO publication ("release", "by", "at")
VALUES ('release-1', 'by-1', '2026-11-25 02:00:00.100000+00');
INSERT INTO publication ("release", "by", "at")
VALUES ('release-2', 'by-2', '2026-11-26 02:00:00.200000+00');
INSERT INTO publishedrole ("role", "version", "sha256")
VALUES ('role-1', 9007199254740993, 'sha256-1');
INSERT INTO publishedrole ("role", "version", "sha256")
VALUES ('role-2', 9007199254740994, 'sha256-2');
INSERT INTO reviewrow ("id", "release", "signed_by", "opened_at", "due_at", "closed_by", "closed_at", "verdict")
VALUES (1, 'release-1', 'it''s row 1: ''ünïcode'' – ; \ "signed_by"', '2026-11-25 02:00:00.100000+00', '2026-11-25 02:00:00.100000+00', 'closed_by-1', NULL, 'it''s row 1: ''ünïcode'' – ; \ "verdict"');
INSERT INTO reviewrow ("id", "release", "signed_by", "opened_at", "due_at", "closed_by", "closed_at", "verdict")
VALUES (2, 'release-2', 'it''s row 2: ''ünïcode'' – ; \ "signed_by"', '2026-11-26 02:00:00.200000+00', '2026-11-26 02:00:00.200000+00', 'closed_by-2', '2026-11-26 02:00:00.200000+00', 'it''s row 2: ''ünïcode'' – ; \ "verdict"');
INSERT INTO rolloutrow ("id", "product", "version", "release", "manifest", "schedule", "only", "state", "changed_by", "changed_at", "change_reason", "started_at", "counted_from")
VALUES (1, 'product-1', 'version-1', 'release-1', 'it''s row 1: ''ünïcode'' – ; \ "manifest"', 'it''s row 1: ''ünïcode'' – ; \ "schedule"', 'it''s row 1: ''ünïcode'' – ; \ "only"', 'state-1', 'changed_by-1', '2026-11-25 02:00:00.100000+00', 'it''s row 1: ''ünïcode'' – ; \ "change_reason"', '2026-11-25 02:00:00.100000+00', '2026-11-25 02:00:00.100000+00');
INSERT INTO rolloutrow ("id", "product", "version", "release", "manifest", "schedule", "only", "state", "changed_by", "changed_at", "change_reason", "started_at", "counted_from")
VALUES (2, 'product-2', 'version-2', 'release-2', 'it''s row 2: ''ünïcode'' – ; \ "manifest"', 'it''s row 2: ''ünïcode'' – ; \ "schedule"', 'it''s row 2: ''ünïcode'' – ; \ "only"', 'state-2', 'changed_by-2', '2026-11-26 02:00:00.200000+00', 'it''s row 2: ''ünïcode'' – ; \ "change_reason"', '2026-11-26 02:00:00.200000+00', '2026-11-26 02:00:00.200000+00');
INSERT INTO sbomrow ("product", "version", "problem", "final", "looked_at")
VALUES ('product-1', 'version-1', 'it''s row 1: ''ünïcode'' – ; \ "problem"', true, '2026-11-25 02:00:00.100000+00');
INSERT INTO sbomrow ("product", "version", "problem", "final", "looked_at")
VALUES ('product-2', 'version-2', 'it''s row 2: ''ünïcode'' – ; \ "problem"', false, '2026-11-26 02:00:00.200000+00');
INSERT INTO unneededrow ("key", "noticed_at")
VALUES ('key-1', '2026-11-25 02:00:00.100000+00');
INSERT INTO unneededrow ("key", "noticed_at")
VALUES ('key-2', '2026-11-26 02:00:00.200000+00');
INSERT INTO apitoken ("id", "token_sha256", "account", "label", "scope", "created_by", "created_at", "expires_at", "revoked_by", "revoked_at")
VALUES (1, 'token_sha256-1', 'name-1', 'label-1', 'it''s row 1: ''ünïcode'' – ; \ "scope"', 'created_by-1', '2026-11-25 02:00:00.100000+00', '2026-11-25 02:00:00.100000+00', 'revoked_by-1', NULL);
INSERT INTO apitoken ("id", "token_sha256", "account", "label", "scope", "created_by", "created_at", "expires_at", "revoked_by", "revoked_at")
VALUES (2, 'token_sha256-2', 'name-2', 'label-2', 'it''s row 2: ''ünïcode'' – ; \ "scope"', 'created_by-2', '2026-11-26 02:00:00.200000+00', '2026-11-26 02:00:00.200000+00', 'revoked_by-2', '2026-11-26 02:00:00.200000+00');
INSERT INTO calendartoken ("id", "token_sha256", "client_id", "by", "created_at", "revoked_at")
VALUES (1, 'token_sha256-1', 'id-1', 'by-1', '2026-11-25 02:00:00.100000+00', NULL);
INSERT INTO calendartoken ("id", "token_sha256", "client_id", "by", "created_at", "revoked_at")
VALUES (2, 'token_sha256-2', 'id-2', 'by-2', '2026-11-26 02:00:00.200000+00', '2026-11-26 02:00:00.200000+00');
INSERT INTO clientapproval ("product", "version", "client_id", "by", "at", "reason")
VALUES ('product-1', 'version-1', 'id-1', 'by-1', '2026-11-25 02:00:00.100000+00', 'it''s row 1: ''ünïcode'' – ; \ "reason"');
INSERT INTO clientapproval ("product", "version", "client_id", "by", "at", "reason")
VALUES ('product-2', 'version-2', 'id-2', 'by-2', '2026-11-26 02:00:00.200000+00', 'it''s row 2: ''ünïcode'' – ; \ "reason"');
INSERT INTO delivery ("id", "channel_id", "about", "message_id", "problem_id", "first_news", "last_news", "kinds", "joined", "gathered", "state", "created_at", "due_at", "sealed_at", "content", "tries", "error", "ended_at")
VALUES (1, 1, 'about-1', 'message_id-1', NULL, 9007199254740993, 9007199254740993, 'it''s row 1: ''ünïcode'' – ; \ "kinds"', 9007199254740993, 9007199254740993, 'state-1', '2026-11-25 02:00:00.100000+00', '2026-11-25 02:00:00.100000+00', NULL, 'it''s row 1: ''ünïcode'' – ; \ "content"', 1, 'it''s row 1: ''ünïcode'' – ; \ "error"', NULL);
INSERT INTO delivery ("id", "channel_id", "about", "message_id", "problem_id", "first_news", "last_news", "kinds", "joined", "gathered", "state", "created_at", "due_at", "sealed_at", "content", "tries", "error", "ended_at")
VALUES (2, 2, 'about-2', 'message_id-2', 2, 9007199254740994, 9007199254740994, 'it''s row 2: ''ünïcode'' – ; \ "kinds"', 9007199254740994, 9007199254740994, 'state-2', '2026-11-26 02:00:00.200000+00', '2026-11-26 02:00:00.200000+00', '2026-11-26 02:00:00.200000+00', 'it''s row 2: ''ünïcode'' – ; \ "content"', 2, 'it''s row 2: ''ünïcode'' – ; \ "error"', '2026-11-26 02:00:00.200000+00');
INSERT INTO handoverrow ("id", "problem_id", "tracker", "by", "at", "document")
VALUES (1, 1, 'tracker-1', 'by-1', '2026-11-25 02:00:00.100000+00', 'it''s row 1: ''ünïcode'' – ; \ "document"');
INSERT INTO handoverrow ("id", "problem_id", "tracker", "by", "at", "document")
VALUES (2, 2, 'tracker-2', 'by-2', '2026-11-26 02:00:00.200000+00', 'it''s row 2: ''ünïcode'' – ; \ "document"');
INSERT INTO knownissue ("id", "product", "versions", "code", "signature", "words", "workaround", "sentence", "by", "at", "problem_id", "ended_by", "ended_at", "end_reason")
VALUES (1, 'product-1', 'versions-1', 'code-1', 'it''s row 1: ''ünïcode'' – ; \ "signature"', 'it''s row 1: ''ünïcode'' – ; \ "words"', 'it''s row 1: ''ünïcode'' – ; \ "workaround"', 'it''s row 1: ''ünïcode'' – ; \ "sentence"', 'by-1', '2026-11-25 02:00:00.100000+00', NULL, 'ended_by-1', NULL, 'it''s row 1: ''ünïcode'' – ; \ "end_reason"');
INSERT INTO knownissue ("id", "product", "versions", "code", "signature", "words", "workaround", "sentence", "by", "at", "problem_id", "ended_by", "ended_at", "end_reason")
VALUES (2, 'product-2', 'versions-2', 'code-2', 'it''s row 2: ''ünïcode'' – ; \ "signature"', 'it''s row 2: ''ünïcode'' – ; \ "words"', 'it''s row 2: ''ünïcode'' – ; \ "workaround"', 'it''s row 2: ''ünïcode'' – ; \ "sentence"', 'by-2', '2026-11-26 02:00:00.200000+00', 2, 'ended_by-2', '2026-11-26 02:00:00.200000+00', 'it''s row 2: ''ünïcode'' – ; \ "end_reason"');
INSERT INTO loginsession ("id", "cookie_sha256", "account", "roles", "shown_at", "created_at", "seen_at", "ended_at")
VALUES (1, 'cookie_sha256-1', 'name-1', 'it''s row 1: ''ünïcode'' – ; \ "roles"', '2026-11-25 02:00:00.100000+00', '2026-11-25 02:00:00.100000+00', '2026-11-25 02:00:00.100000+00', NULL);
INSERT INTO loginsession ("id", "cookie_sha256", "account", "roles", "shown_at", "created_at", "seen_at", "ended_at")
VALUES (2, 'cookie_sha256-2', 'name-2', 'it''s row 2: ''ünïcode'' – ; \ "roles"', '2026-11-26 02:00:00.200000+00', '2026-11-26 02:00:00.200000+00', '2026-11-26 02:00:00.200000+00', '2026-11-26 02:00:00.200000+00');
INSERT INTO noticerow ("id", "rollout_id", "product", "said_at", "serial", "root_version", "timestamp_version", "published_at", "told_at", "idle_told_at", "known_at", "sites")
VALUES (1, NULL, 'product-1', '2026-11-25 02:00:00.100000+00', 9007199254740993, 9007199254740993, NULL, NULL, NULL, NULL, NULL, 9007199254740993);
INSERT INTO noticerow ("id", "rollout_id", "product", "said_at", "serial", "root_version", "timestamp_version", "published_at", "told_at", "idle_told_at", "known_at", "sites")
VALUES (2, 2, 'product-2', '2026-11-26 02:00:00.200000+00', 9007199254740994, 9007199254740994, 9007199254740994, '2026-11-26 02:00:00.200000+00', '2026-11-26 02:00:00.200000+00', '2026-11-26 02:00:00.200000+00', '2026-11-26 02:00:00.200000+00', 9007199254740994);
INSERT INTO password ("account", "hash", "set_at")
VALUES ('name-1', 'it''s row 1: ''ünïcode'' – ; \ "hash"', '2026-11-25 02:00:00.100000+00');
INSERT INTO password ("account", "hash", "set_at")
VALUES ('name-2', 'it''s row 2: ''ünïcode'' – ; \ "hash"', '2026-11-26 02:00:00.200000+00');
INSERT INTO rolegrant ("id", "account", "role", "proposed_by", "proposed_at", "reason", "confirmed_by", "confirmed_at", "ended_by", "ended_at")
VALUES (1, 'name-1', 'role-1', 'proposed_by-1', '2026-11-25 02:00:00.100000+00', 'it''s row 1: ''ünïcode'' – ; \ "reason"', 'confirmed_by-1', NULL, 'ended_by-1', NULL);
INSERT INTO rolegrant ("id", "account", "role", "proposed_by", "proposed_at", "reason", "confirmed_by", "confirmed_at", "ended_by", "ended_at")
VALUES (2, 'name-2', 'role-2', 'proposed_by-2', '2026-11-26 02:00:00.200000+00', 'it''s row 2: ''ünïcode'' – ; \ "reason"', 'confirmed_by-2', '2026-11-26 02:00:00.200000+00', 'ended_by-2', '2026-11-26 02:00:00.200000+00');
INSERT INTO rolloutchange ("id", "rollout_id", "state", "by", "at", "reason")
VALUES (1, 1, 'state-1', 'by-1', '2026-11-25 02:00:00.100000+00', 'it''s row 1: ''ünïcode'' – ; \ "reason"');
INSERT INTO rolloutchange ("id", "rollout_id", "state", "by", "at", "reason")
VALUES (2, 2, 'state-2', 'by-2', '2026-11-26 02:00:00.200000+00', 'it''s row 2: ''ünïcode'' – ; \ "reason"');
INSERT INTO site ("id", "client_id", "profile", "public_key", "enrolled_at", "last_seen", "expected_by", "check_in", "root_version", "timestamp_version", "problem", "hold", "place_base", "revoked_at")
VALUES ('id-1', 'id-1', 'it''s row 1: ''ünïcode'' – ; \ "profile"', 'public_key-1', '2026-11-25 02:00:00.100000+00', '2026-11-25 02:00:00.100000+00', NULL, NULL, 9007199254740993, 9007199254740993, 'problem-1', 'it''s row 1: ''ünïcode'' – ; \ "hold"', 9007199254740993, NULL);
INSERT INTO site ("id", "client_id", "profile", "public_key", "enrolled_at", "last_seen", "expected_by", "check_in", "root_version", "timestamp_version", "problem", "hold", "place_base", "revoked_at")
VALUES ('id-2', 'id-2', 'it''s row 2: ''ünïcode'' – ; \ "profile"', 'public_key-2', '2026-11-26 02:00:00.200000+00', '2026-11-26 02:00:00.200000+00', '2026-11-26 02:00:00.200000+00', 'it''s row 2: ''ünïcode'' – ; \ "check_in"', 9007199254740994, 9007199254740994, 'problem-2', 'it''s row 2: ''ünïcode'' – ; \ "hold"', 9007199254740994, '2026-11-26 02:00:00.200000+00');
INSERT INTO ticketentry ("id", "problem_id", "at", "by", "role", "kind", "text")
VALUES (1, 1, '2026-11-25 02:00:00.100000+00', 'by-1', 'role-1', 'kind-1', 'it''s row 1: ''ünïcode'' – ; \ "text"');
INSERT INTO ticketentry ("id", "problem_id", "at", "by", "role", "kind", "text")
VALUES (2, 2, '2026-11-26 02:00:00.200000+00', 'by-2', 'role-2', 'kind-2', 'it''s row 2: ''ünïcode'' – ; \ "text"');
INSERT INTO waverow ("rollout_id", "number", "opens_at", "spread_seconds", "up_to_basis_points")
VALUES (1, 1, NULL, 1, 1);
INSERT INTO waverow ("rollout_id", "number", "opens_at", "spread_seconds", "up_to_basis_points")
VALUES (2, 2, '2026-11-26 02:00:00.200000+00', 2, 2);
INSERT INTO alarm ("site_id", "kind", "code", "detail", "seen", "noted", "last_at")
VALUES ('id-1', 'kind-1', 'code-1', 'it''s row 1: ''ünïcode'' – ; \ "detail"', 9007199254740993, 9007199254740993, '2026-11-25 02:00:00.100000+00');
INSERT INTO alarm ("site_id", "kind", "code", "detail", "seen", "noted", "last_at")
VALUES ('id-2', 'kind-2', 'code-2', 'it''s row 2: ''ünïcode'' – ; \ "detail"', 9007199254740994, 9007199254740994, '2026-11-26 02:00:00.200000+00');
INSERT INTO attempt ("id", "site_id", "attempt_id", "product", "version", "release", "from_version", "phase", "code", "detail", "place", "started_at", "moved_at", "ended_at", "lost_at", "duration_seconds", "downloaded_bytes", "saved_bytes")
VALUES (1, 'id-1', 'attempt_id-1', 'product-1', 'version-1', 'release-1', NULL, 'phase-1', NULL, 'it''s row 1: ''ünïcode'' – ; \ "detail"', 9007199254740993, '2026-11-25 02:00:00.100000+00', '2026-11-25 02:00:00.100000+00', NULL, NULL, 1.5, 9007199254740993, 9007199254740993);
INSERT INTO attempt ("id", "site_id", "attempt_id", "product", "version", "release", "from_version", "phase", "code", "detail", "place", "started_at", "moved_at", "ended_at", "lost_at", "duration_seconds", "downloaded_bytes", "saved_bytes")
VALUES (2, 'id-2', 'attempt_id-2', 'product-2', 'version-2', 'release-2', 'from_version-2', 'phase-2', 'code-2', 'it''s row 2: ''ünïcode'' – ; \ "detail"', 9007199254740994, '2026-11-26 02:00:00.200000+00', '2026-11-26 02:00:00.200000+00', '2026-11-26 02:00:00.200000+00', '2026-11-26 02:00:00.200000+00', 2.5, 9007199254740994, 9007199254740994);
INSERT INTO drillrow ("id", "name", "about", "goal", "exposure", "by", "began_at", "notice_id", "failed_polls", "ended_at")
VALUES (1, 'name-1', 'about-1', 'it''s row 1: ''ünïcode'' – ; \ "goal"', 'it''s row 1: ''ünïcode'' – ; \ "exposure"', 'by-1', '2026-11-25 02:00:00.100000+00', NULL, 9007199254740993, NULL);
INSERT INTO drillrow ("id", "name", "about", "goal", "exposure", "by", "began_at", "notice_id", "failed_polls", "ended_at")
VALUES (2, 'name-2', 'about-2', 'it''s row 2: ''ünïcode'' – ; \ "goal"', 'it''s row 2: ''ünïcode'' – ; \ "exposure"', 'by-2', '2026-11-26 02:00:00.200000+00', 2, 9007199254740994, '2026-11-26 02:00:00.200000+00');
INSERT INTO formerkey ("site_id", "public_key", "next_key", "given_up_at", "received_at", "envelope")
VALUES ('id-1', 'public_key-1', 'next_key-1', '2026-11-25 02:00:00.100000+00', '2026-11-25 02:00:00.100000+00', '\x00ff7b22726f77223a317d');
INSERT INTO formerkey ("site_id", "public_key", "next_key", "given_up_at", "received_at", "envelope")
VALUES ('id-2', 'public_key-2', 'next_key-2', '2026-11-26 02:00:00.200000+00', '2026-11-26 02:00:00.200000+00', '\x00ff7b22726f77223a327d');
INSERT INTO incident ("id", "problem_id", "site_id", "client_id", "tier", "state", "detail", "occurrences", "reopened", "last_place", "opened_at", "last_at", "closed_at")
VALUES (1, 1, 'id-1', 'id-1', 'tier-1', 'state-1', 'it''s row 1: ''ünïcode'' – ; \ "detail"', 9007199254740993, 1, 9007199254740993, '2026-11-25 02:00:00.100000+00', '2026-11-25 02:00:00.100000+00', NULL);
INSERT INTO incident ("id", "problem_id", "site_id", "client_id", "tier", "state", "detail", "occurrences", "reopened", "last_place", "opened_at", "last_at", "closed_at")
VALUES (2, 2, 'id-2', 'id-2', 'tier-2', 'state-2', 'it''s row 2: ''ünïcode'' – ; \ "detail"', 9007199254740994, 2, 9007199254740994, '2026-11-26 02:00:00.200000+00', '2026-11-26 02:00:00.200000+00', '2026-11-26 02:00:00.200000+00');
INSERT INTO remotesteprow ("id", "site_id", "kind", "product", "version", "asked_by", "role", "asked_at", "expires_at", "reason", "handed_at", "outcome", "sentence", "answered_at", "sha256")
VALUES ('id-1', 'id-1', 'kind-1', 'product-1', 'version-1', 'asked_by-1', 'role-1', '2026-11-25 02:00:00.100000+00', '2026-11-25 02:00:00.100000+00', 'it''s row 1: ''ünïcode'' – ; \ "reason"', NULL, 'outcome-1', 'it''s row 1: ''ünïcode'' – ; \ "sentence"', NULL, 'sha256-1');
INSERT INTO remotesteprow ("id", "site_id", "kind", "product", "version", "asked_by", "role", "asked_at", "expires_at", "reason", "handed_at", "outcome", "sentence", "answered_at", "sha256")
VALUES ('id-2', 'id-2', 'kind-2', 'product-2', 'version-2', 'asked_by-2', 'role-2', '2026-11-26 02:00:00.200000+00', '2026-11-26 02:00:00.200000+00', 'it''s row 2: ''ünïcode'' – ; \ "reason"', '2026-11-26 02:00:00.200000+00', 'outcome-2', 'it''s row 2: ''ünïcode'' – ; \ "sentence"', '2026-11-26 02:00:00.200000+00', 'sha256-2');
INSERT INTO siteboot ("site_id", "boot_id", "since", "heard_at")
VALUES ('id-1', 'boot_id-1', '2026-11-25 02:00:00.100000+00', '2026-11-25 02:00:00.100000+00');
INSERT INTO siteboot ("site_id", "boot_id", "since", "heard_at")
VALUES ('id-2', 'boot_id-2', '2026-11-26 02:00:00.200000+00', '2026-11-26 02:00:00.200000+00');
INSERT INTO siteproduct ("site_id", "product", "version", "candidate", "decision", "gate", "reason", "lifted_by", "until")
VALUES ('id-1', 'product-1', NULL, NULL, 'decision-1', 'gate-1', 'it''s row 1: ''ünïcode'' – ; \ "reason"', 'lifted_by-1', NULL);
INSERT INTO siteproduct ("site_id", "product", "version", "candidate", "decision", "gate", "reason", "lifted_by", "until")
VALUES ('id-2', 'product-2', 'version-2', 'it''s row 2: ''ünïcode'' – ; \ "candidate"', 'decision-2', 'gate-2', 'it''s row 2: ''ünïcode'' – ; \ "reason"', 'lifted_by-2', '2026-11-26 02:00:00.200000+00');
INSERT INTO tokenuse ("token_id", "used_at")
VALUES (1, '2026-11-25 02:00:00.100000+00');
INSERT INTO tokenuse ("token_id", "used_at")
VALUES (2, '2026-11-26 02:00:00.200000+00');
INSERT INTO turnrow ("rollout_id", "site_id", "given_at", "taken_back_at", "ask_again_at")
VALUES (1, 'id-1', NULL, NULL, NULL);
INSERT INTO turnrow ("rollout_id", "site_id", "given_at", "taken_back_at", "ask_again_at")
VALUES (2, 'id-2', '2026-11-26 02:00:00.200000+00', '2026-11-26 02:00:00.200000+00', '2026-11-26 02:00:00.200000+00');
INSERT INTO windowrow ("site_id", "starts_at", "ends_at", "outcome", "detail")
VALUES ('id-1', '2026-11-25 02:00:00.100000+00', '2026-11-25 02:00:00.100000+00', 'outcome-1', 'it''s row 1: ''ünïcode'' – ; \ "detail"');
INSERT INTO windowrow ("site_id", "starts_at", "ends_at", "outcome", "detail")
VALUES ('id-2', '2026-11-26 02:00:00.200000+00', '2026-11-26 02:00:00.200000+00', 'outcome-2', 'it''s row 2: ''ünïcode'' – ; \ "detail"');
INSERT INTO newsrow ("id", "at", "kind", "problem_id", "incident_id", "tier")
VALUES (1, '2026-11-25 02:00:00.100000+00', 'kind-1', 1, NULL, 'tier-1');
INSERT INTO newsrow ("id", "at", "kind", "problem_id", "incident_id", "tier")
VALUES (2, '2026-11-26 02:00:00.200000+00', 'kind-2', 2, 2, 'tier-2');
INSERT INTO receipt ("id", "site_id", "place", "sequence", "envelope", "sha256", "public_key", "received_at", "phase", "code", "incident_id", "processed_at", "tries")
VALUES (1, 'id-1', 9007199254740993, 9007199254740993, '\x00ff7b22726f77223a317d', 'sha256-1', 'public_key-1', '2026-11-25 02:00:00.100000+00', 'phase-1', NULL, NULL, NULL, 1);
INSERT INTO receipt ("id", "site_id", "place", "sequence", "envelope", "sha256", "public_key", "received_at", "phase", "code", "incident_id", "processed_at", "tries")
VALUES (2, 'id-2', 9007199254740994, 9007199254740994, '\x00ff7b22726f77223a327d', 'sha256-2', 'public_key-2', '2026-11-26 02:00:00.200000+00', 'phase-2', 'code-2', 2, '2026-11-26 02:00:00.200000+00', 2);
INSERT INTO stepresultrow ("step_id", "site_id", "received_at", "has_diagnostics", "size_bytes", "envelope", "public_key")
VALUES ('id-1', 'id-1', '2026-11-25 02:00:00.100000+00', true, 9007199254740993, '\x00ff7b22726f77223a317d', 'public_key-1');
INSERT INTO stepresultrow ("step_id", "site_id", "received_at", "has_diagnostics", "size_bytes", "envelope", "public_key")
VALUES ('id-2', 'id-2', '2026-11-26 02:00:00.200000+00', false, 9007199254740994, '\x00ff7b22726f77223a327d', 'public_key-2');
INSERT INTO symptomsrow ("id", "site_id", "incident_id", "recorded_by", "at", "caller", "number_on_file", "channel", "began_at", "sees", "exact_words", "places", "changed", "urgency")
VALUES (1, 'id-1', NULL, 'recorded_by-1', '2026-11-25 02:00:00.100000+00', 'caller-1', true, 'channel-1', NULL, 'sees-1', 'it''s row 1: ''ünïcode'' – ; \ "exact_words"', NULL, 'it''s row 1: ''ünïcode'' – ; \ "changed"', 'urgency-1');
INSERT INTO symptomsrow ("id", "site_id", "incident_id", "recorded_by", "at", "caller", "number_on_file", "channel", "began_at", "sees", "exact_words", "places", "changed", "urgency")
VALUES (2, 'id-2', 2, 'recorded_by-2', '2026-11-26 02:00:00.200000+00', 'caller-2', false, 'channel-2', '2026-11-26 02:00:00.200000+00', 'sees-2', 'it''s row 2: ''ünïcode'' – ; \ "exact_words"', 2, 'it''s row 2: ''ünïcode'' – ; \ "changed"', 'urgency-2');
