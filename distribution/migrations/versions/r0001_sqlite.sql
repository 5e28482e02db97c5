CREATE TABLE account (
    name VARCHAR NOT NULL,
    client_id VARCHAR NOT NULL,
    subject VARCHAR NOT NULL,
    created_by VARCHAR NOT NULL,
    created_at DATETIME NOT NULL,
    disabled_at DATETIME,
    CONSTRAINT pk_account PRIMARY KEY (name)
);

CREATE INDEX ix_account_subject ON account (subject);

CREATE TABLE auditrow (
    seq INTEGER NOT NULL,
    at VARCHAR NOT NULL,
    actor VARCHAR NOT NULL,
    role VARCHAR NOT NULL,
    action VARCHAR NOT NULL,
    about TEXT NOT NULL,
    reason TEXT NOT NULL,
    request VARCHAR NOT NULL,
    changes TEXT NOT NULL,
    prev_hash VARCHAR NOT NULL,
    hash VARCHAR NOT NULL,
    CONSTRAINT pk_auditrow PRIMARY KEY (seq)
);

CREATE TABLE brakerow (
    id INTEGER NOT NULL,
    scope VARCHAR NOT NULL,
    target VARCHAR NOT NULL,
    "by" VARCHAR NOT NULL,
    at DATETIME NOT NULL,
    reason TEXT NOT NULL,
    off_by VARCHAR NOT NULL,
    off_at DATETIME,
    off_reason TEXT NOT NULL,
    CONSTRAINT pk_brakerow PRIMARY KEY (id)
);

CREATE INDEX ix_brakerow_off_at ON brakerow (off_at);

CREATE INDEX ix_brakerow_scope ON brakerow (scope);

CREATE TABLE calendarchange (
    id INTEGER NOT NULL,
    scope VARCHAR NOT NULL,
    subject VARCHAR NOT NULL,
    "by" VARCHAR NOT NULL,
    at DATETIME NOT NULL,
    reason TEXT NOT NULL,
    what TEXT NOT NULL,
    CONSTRAINT pk_calendarchange PRIMARY KEY (id)
);

CREATE INDEX ix_calendarchange_scope ON calendarchange (scope);

CREATE INDEX ix_calendarchange_subject ON calendarchange (subject);

CREATE TABLE checkpointrow (
    seq INTEGER NOT NULL,
    hash VARCHAR NOT NULL,
    at VARCHAR NOT NULL,
    envelope TEXT NOT NULL,
    CONSTRAINT pk_checkpointrow PRIMARY KEY (seq)
);

CREATE TABLE client (
    id VARCHAR NOT NULL,
    created_at DATETIME NOT NULL,
    language VARCHAR NOT NULL,
    CONSTRAINT pk_client PRIMARY KEY (id)
);

CREATE TABLE componentrow (
    id INTEGER NOT NULL,
    product VARCHAR NOT NULL,
    version VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    name_lower VARCHAR NOT NULL,
    component_version VARCHAR NOT NULL,
    purl TEXT NOT NULL,
    package VARCHAR NOT NULL,
    CONSTRAINT pk_componentrow PRIMARY KEY (id)
);

CREATE INDEX ix_componentrow_name_lower ON componentrow (name_lower);

CREATE INDEX ix_componentrow_package ON componentrow (package);

CREATE INDEX ix_componentrow_product_componentrow_version ON componentrow (product, version);

CREATE TABLE deltarow (
    product VARCHAR NOT NULL,
    from_version VARCHAR NOT NULL,
    to_version VARCHAR NOT NULL,
    paths TEXT NOT NULL,
    problem TEXT NOT NULL,
    tries INTEGER NOT NULL,
    at DATETIME NOT NULL,
    CONSTRAINT pk_deltarow PRIMARY KEY (product, from_version, to_version)
);

CREATE TABLE eventrow (
    id INTEGER NOT NULL,
    at DATETIME NOT NULL,
    kind VARCHAR NOT NULL,
    site_id VARCHAR NOT NULL,
    product VARCHAR NOT NULL,
    version VARCHAR NOT NULL,
    detail TEXT NOT NULL,
    CONSTRAINT pk_eventrow PRIMARY KEY (id)
);

CREATE TABLE failureoverride (
    code VARCHAR NOT NULL,
    tier VARCHAR NOT NULL,
    answer_seconds INTEGER,
    runbook VARCHAR NOT NULL,
    sentences TEXT NOT NULL,
    CONSTRAINT pk_failureoverride PRIMARY KEY (code)
);

CREATE TABLE freezerow (
    id INTEGER NOT NULL,
    scope VARCHAR NOT NULL,
    subject VARCHAR NOT NULL,
    document TEXT NOT NULL,
    "by" VARCHAR NOT NULL,
    at DATETIME NOT NULL,
    reason TEXT NOT NULL,
    lifted_at DATETIME,
    CONSTRAINT pk_freezerow PRIMARY KEY (id)
);

CREATE INDEX ix_freezerow_scope ON freezerow (scope);

CREATE INDEX ix_freezerow_subject ON freezerow (subject);

CREATE TABLE invitation (
    id INTEGER NOT NULL,
    token_sha256 VARCHAR NOT NULL,
    site_id VARCHAR NOT NULL,
    profile TEXT NOT NULL,
    invited_by VARCHAR NOT NULL,
    created_at DATETIME NOT NULL,
    expires_at DATETIME NOT NULL,
    used_at DATETIME,
    used_by_key VARCHAR,
    CONSTRAINT pk_invitation PRIMARY KEY (id),
    CONSTRAINT uq_invitation_token_sha256 UNIQUE (token_sha256)
);

CREATE INDEX ix_invitation_expires_at ON invitation (expires_at);

CREATE INDEX ix_invitation_site_id ON invitation (site_id);

CREATE TABLE lease (
    work VARCHAR NOT NULL,
    holder VARCHAR NOT NULL,
    fence INTEGER NOT NULL,
    until DATETIME NOT NULL,
    CONSTRAINT pk_lease PRIMARY KEY (work)
);

CREATE TABLE notifychannel (
    id INTEGER NOT NULL,
    client_id VARCHAR NOT NULL,
    tier VARCHAR NOT NULL,
    label VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    address TEXT NOT NULL,
    secret TEXT NOT NULL,
    shape VARCHAR NOT NULL,
    language VARCHAR NOT NULL,
    zone VARCHAR NOT NULL,
    quiet_from VARCHAR NOT NULL,
    quiet_to VARCHAR NOT NULL,
    news TEXT NOT NULL,
    least VARCHAR NOT NULL,
    created_by VARCHAR NOT NULL,
    created_at DATETIME NOT NULL,
    ended_by VARCHAR NOT NULL,
    ended_at DATETIME,
    CONSTRAINT pk_notifychannel PRIMARY KEY (id)
);

CREATE INDEX ix_notifychannel_client_id ON notifychannel (client_id);

CREATE INDEX ix_notifychannel_ended_at ON notifychannel (ended_at);

CREATE TABLE notifyposition (
    id INTEGER NOT NULL,
    number INTEGER NOT NULL,
    CONSTRAINT pk_notifyposition PRIMARY KEY (id)
);

CREATE TABLE pendinglogin (
    state_sha256 VARCHAR NOT NULL,
    browser_sha256 VARCHAR NOT NULL,
    nonce VARCHAR NOT NULL,
    verifier VARCHAR NOT NULL,
    created_at DATETIME NOT NULL,
    CONSTRAINT pk_pendinglogin PRIMARY KEY (state_sha256)
);

CREATE TABLE planrow (
    product VARCHAR NOT NULL,
    serial INTEGER NOT NULL,
    document BLOB NOT NULL,
    CONSTRAINT pk_planrow PRIMARY KEY (product)
);

CREATE TABLE problem (
    id INTEGER NOT NULL,
    product VARCHAR NOT NULL,
    version VARCHAR NOT NULL,
    signature VARCHAR NOT NULL,
    code VARCHAR NOT NULL,
    tier VARCHAR NOT NULL,
    state VARCHAR NOT NULL,
    detail TEXT NOT NULL,
    opened_at DATETIME NOT NULL,
    closed_at DATETIME,
    due_at DATETIME NOT NULL,
    owner VARCHAR NOT NULL,
    answered_at DATETIME,
    log_tail TEXT NOT NULL,
    cause TEXT NOT NULL,
    hotfix VARCHAR NOT NULL,
    known_issue_id INTEGER,
    reopened INTEGER NOT NULL,
    part_of_id INTEGER,
    CONSTRAINT pk_problem PRIMARY KEY (id),
    CONSTRAINT uq_problem_product_version_signature UNIQUE (product, version, signature),
    CONSTRAINT fk_problem_part_of_id FOREIGN KEY(part_of_id) REFERENCES problem (id)
);

CREATE INDEX ix_problem_due_at ON problem (due_at);

CREATE INDEX ix_problem_known_issue_id ON problem (known_issue_id);

CREATE INDEX ix_problem_part_of_id ON problem (part_of_id);

CREATE INDEX ix_problem_state ON problem (state);

CREATE INDEX ix_problem_tier ON problem (tier);

CREATE TABLE publication (
    release VARCHAR NOT NULL,
    "by" VARCHAR NOT NULL,
    at DATETIME NOT NULL,
    CONSTRAINT pk_publication PRIMARY KEY (release)
);

CREATE TABLE publishedrole (
    role VARCHAR NOT NULL,
    version INTEGER NOT NULL,
    sha256 VARCHAR NOT NULL,
    CONSTRAINT pk_publishedrole PRIMARY KEY (role)
);

CREATE TABLE reviewrow (
    id INTEGER NOT NULL,
    release VARCHAR NOT NULL,
    signed_by TEXT NOT NULL,
    opened_at DATETIME NOT NULL,
    due_at DATETIME NOT NULL,
    closed_by VARCHAR NOT NULL,
    closed_at DATETIME,
    verdict TEXT NOT NULL,
    CONSTRAINT pk_reviewrow PRIMARY KEY (id),
    CONSTRAINT uq_reviewrow_release UNIQUE (release)
);

CREATE INDEX ix_reviewrow_closed_at ON reviewrow (closed_at);

CREATE INDEX ix_reviewrow_due_at ON reviewrow (due_at);

CREATE TABLE rolloutrow (
    id INTEGER NOT NULL,
    product VARCHAR NOT NULL,
    version VARCHAR NOT NULL,
    release VARCHAR NOT NULL,
    manifest TEXT NOT NULL,
    schedule TEXT NOT NULL,
    only TEXT NOT NULL,
    state VARCHAR NOT NULL,
    changed_by VARCHAR NOT NULL,
    changed_at DATETIME NOT NULL,
    change_reason TEXT NOT NULL,
    started_at DATETIME NOT NULL,
    counted_from DATETIME NOT NULL,
    CONSTRAINT pk_rolloutrow PRIMARY KEY (id),
    CONSTRAINT uq_rolloutrow_product_version UNIQUE (product, version),
    CONSTRAINT uq_rolloutrow_release UNIQUE (release)
);

CREATE INDEX ix_rolloutrow_product ON rolloutrow (product);

CREATE INDEX ix_rolloutrow_state ON rolloutrow (state);

CREATE TABLE sbomrow (
    product VARCHAR NOT NULL,
    version VARCHAR NOT NULL,
    problem TEXT NOT NULL,
    final BOOLEAN NOT NULL,
    looked_at DATETIME NOT NULL,
    CONSTRAINT pk_sbomrow PRIMARY KEY (product, version)
);

CREATE TABLE unneededrow (
    "key" VARCHAR NOT NULL,
    noticed_at DATETIME NOT NULL,
    CONSTRAINT pk_unneededrow PRIMARY KEY ("key")
);

CREATE TABLE apitoken (
    id INTEGER NOT NULL,
    token_sha256 VARCHAR NOT NULL,
    account VARCHAR NOT NULL,
    label VARCHAR NOT NULL,
    scope TEXT NOT NULL,
    created_by VARCHAR NOT NULL,
    created_at DATETIME NOT NULL,
    expires_at DATETIME NOT NULL,
    revoked_by VARCHAR NOT NULL,
    revoked_at DATETIME,
    CONSTRAINT pk_apitoken PRIMARY KEY (id),
    CONSTRAINT uq_apitoken_token_sha256 UNIQUE (token_sha256),
    CONSTRAINT fk_apitoken_account FOREIGN KEY(account) REFERENCES account (name)
);

CREATE INDEX ix_apitoken_account ON apitoken (account);

CREATE TABLE calendartoken (
    id INTEGER NOT NULL,
    token_sha256 VARCHAR NOT NULL,
    client_id VARCHAR NOT NULL,
    "by" VARCHAR NOT NULL,
    created_at DATETIME NOT NULL,
    revoked_at DATETIME,
    CONSTRAINT pk_calendartoken PRIMARY KEY (id),
    CONSTRAINT uq_calendartoken_token_sha256 UNIQUE (token_sha256),
    CONSTRAINT fk_calendartoken_client_id FOREIGN KEY(client_id) REFERENCES client (id)
);

CREATE INDEX ix_calendartoken_client_id ON calendartoken (client_id);

CREATE TABLE clientapproval (
    product VARCHAR NOT NULL,
    version VARCHAR NOT NULL,
    client_id VARCHAR NOT NULL,
    "by" VARCHAR NOT NULL,
    at DATETIME NOT NULL,
    reason TEXT NOT NULL,
    CONSTRAINT pk_clientapproval PRIMARY KEY (product, version, client_id),
    CONSTRAINT fk_clientapproval_client_id FOREIGN KEY(client_id) REFERENCES client (id)
);

CREATE TABLE delivery (
    id INTEGER NOT NULL,
    channel_id INTEGER NOT NULL,
    about VARCHAR NOT NULL,
    message_id VARCHAR NOT NULL,
    problem_id INTEGER,
    first_news INTEGER NOT NULL,
    last_news INTEGER NOT NULL,
    kinds TEXT NOT NULL,
    joined INTEGER NOT NULL,
    gathered INTEGER NOT NULL,
    state VARCHAR NOT NULL,
    created_at DATETIME NOT NULL,
    due_at DATETIME NOT NULL,
    sealed_at DATETIME,
    content TEXT NOT NULL,
    tries INTEGER NOT NULL,
    error TEXT NOT NULL,
    ended_at DATETIME,
    CONSTRAINT pk_delivery PRIMARY KEY (id),
    CONSTRAINT fk_delivery_channel_id FOREIGN KEY(channel_id) REFERENCES notifychannel (id),
    CONSTRAINT uq_delivery_about UNIQUE (about),
    CONSTRAINT uq_delivery_message_id UNIQUE (message_id),
    CONSTRAINT fk_delivery_problem_id FOREIGN KEY(problem_id) REFERENCES problem (id)
);

CREATE INDEX ix_delivery_channel_id ON delivery (channel_id);

CREATE INDEX ix_delivery_created_at ON delivery (created_at);

CREATE INDEX ix_delivery_problem_id_channel_id ON delivery (problem_id, channel_id);

CREATE INDEX ix_delivery_state_due_at ON delivery (state, due_at);

CREATE TABLE handoverrow (
    id INTEGER NOT NULL,
    problem_id INTEGER NOT NULL,
    tracker VARCHAR NOT NULL,
    "by" VARCHAR NOT NULL,
    at DATETIME NOT NULL,
    document TEXT NOT NULL,
    CONSTRAINT pk_handoverrow PRIMARY KEY (id),
    CONSTRAINT fk_handoverrow_problem_id FOREIGN KEY(problem_id) REFERENCES problem (id)
);

CREATE INDEX ix_handoverrow_problem_id ON handoverrow (problem_id);

CREATE TABLE knownissue (
    id INTEGER NOT NULL,
    product VARCHAR NOT NULL,
    versions VARCHAR NOT NULL,
    code VARCHAR NOT NULL,
    signature TEXT NOT NULL,
    words TEXT NOT NULL,
    workaround TEXT NOT NULL,
    sentence TEXT NOT NULL,
    "by" VARCHAR NOT NULL,
    at DATETIME NOT NULL,
    problem_id INTEGER,
    ended_by VARCHAR NOT NULL,
    ended_at DATETIME,
    end_reason TEXT NOT NULL,
    CONSTRAINT pk_knownissue PRIMARY KEY (id),
    CONSTRAINT fk_knownissue_problem_id FOREIGN KEY(problem_id) REFERENCES problem (id)
);

CREATE INDEX ix_knownissue_product ON knownissue (product);

CREATE TABLE loginsession (
    id INTEGER NOT NULL,
    cookie_sha256 VARCHAR NOT NULL,
    account VARCHAR NOT NULL,
    roles TEXT NOT NULL,
    shown_at DATETIME NOT NULL,
    created_at DATETIME NOT NULL,
    seen_at DATETIME NOT NULL,
    ended_at DATETIME,
    CONSTRAINT pk_loginsession PRIMARY KEY (id),
    CONSTRAINT uq_loginsession_cookie_sha256 UNIQUE (cookie_sha256),
    CONSTRAINT fk_loginsession_account FOREIGN KEY(account) REFERENCES account (name)
);

CREATE INDEX ix_loginsession_account ON loginsession (account);

CREATE TABLE noticerow (
    id INTEGER NOT NULL,
    rollout_id INTEGER,
    product VARCHAR NOT NULL,
    said_at DATETIME NOT NULL,
    serial INTEGER NOT NULL,
    root_version INTEGER NOT NULL,
    timestamp_version INTEGER,
    published_at DATETIME,
    told_at DATETIME,
    idle_told_at DATETIME,
    known_at DATETIME,
    sites INTEGER NOT NULL,
    CONSTRAINT pk_noticerow PRIMARY KEY (id),
    CONSTRAINT fk_noticerow_rollout_id FOREIGN KEY(rollout_id) REFERENCES rolloutrow (id)
);

CREATE INDEX ix_noticerow_known_at ON noticerow (known_at);

CREATE INDEX ix_noticerow_product ON noticerow (product);

CREATE INDEX ix_noticerow_rollout_id ON noticerow (rollout_id);

CREATE TABLE password (
    account VARCHAR NOT NULL,
    hash TEXT NOT NULL,
    set_at DATETIME NOT NULL,
    CONSTRAINT pk_password PRIMARY KEY (account),
    CONSTRAINT fk_password_account FOREIGN KEY(account) REFERENCES account (name)
);

CREATE TABLE rolegrant (
    id INTEGER NOT NULL,
    account VARCHAR NOT NULL,
    role VARCHAR NOT NULL,
    proposed_by VARCHAR NOT NULL,
    proposed_at DATETIME NOT NULL,
    reason TEXT NOT NULL,
    confirmed_by VARCHAR NOT NULL,
    confirmed_at DATETIME,
    ended_by VARCHAR NOT NULL,
    ended_at DATETIME,
    CONSTRAINT pk_rolegrant PRIMARY KEY (id),
    CONSTRAINT fk_rolegrant_account FOREIGN KEY(account) REFERENCES account (name)
);

CREATE INDEX ix_rolegrant_account ON rolegrant (account);

CREATE TABLE rolloutchange (
    id INTEGER NOT NULL,
    rollout_id INTEGER NOT NULL,
    state VARCHAR NOT NULL,
    "by" VARCHAR NOT NULL,
    at DATETIME NOT NULL,
    reason TEXT NOT NULL,
    CONSTRAINT pk_rolloutchange PRIMARY KEY (id),
    CONSTRAINT fk_rolloutchange_rollout_id FOREIGN KEY(rollout_id) REFERENCES rolloutrow (id)
);

CREATE INDEX ix_rolloutchange_rollout_id ON rolloutchange (rollout_id);

CREATE TABLE site (
    id VARCHAR NOT NULL,
    client_id VARCHAR NOT NULL,
    profile TEXT NOT NULL,
    public_key VARCHAR NOT NULL,
    enrolled_at DATETIME NOT NULL,
    last_seen DATETIME NOT NULL,
    expected_by DATETIME,
    check_in TEXT,
    root_version INTEGER NOT NULL,
    timestamp_version INTEGER NOT NULL,
    problem VARCHAR NOT NULL,
    hold TEXT NOT NULL,
    place_base INTEGER NOT NULL,
    revoked_at DATETIME,
    CONSTRAINT pk_site PRIMARY KEY (id),
    CONSTRAINT fk_site_client_id FOREIGN KEY(client_id) REFERENCES client (id)
);

CREATE INDEX ix_site_client_id ON site (client_id);

CREATE INDEX ix_site_last_seen ON site (last_seen);

CREATE INDEX ix_site_revoked_at ON site (revoked_at);

CREATE TABLE ticketentry (
    id INTEGER NOT NULL,
    problem_id INTEGER NOT NULL,
    at DATETIME NOT NULL,
    "by" VARCHAR NOT NULL,
    role VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    text TEXT NOT NULL,
    CONSTRAINT pk_ticketentry PRIMARY KEY (id),
    CONSTRAINT fk_ticketentry_problem_id FOREIGN KEY(problem_id) REFERENCES problem (id)
);

CREATE INDEX ix_ticketentry_problem_id ON ticketentry (problem_id);

CREATE TABLE waverow (
    rollout_id INTEGER NOT NULL,
    number INTEGER NOT NULL,
    opens_at DATETIME,
    spread_seconds INTEGER NOT NULL,
    up_to_basis_points INTEGER NOT NULL,
    CONSTRAINT pk_waverow PRIMARY KEY (rollout_id, number),
    CONSTRAINT fk_waverow_rollout_id FOREIGN KEY(rollout_id) REFERENCES rolloutrow (id)
);

CREATE TABLE alarm (
    site_id VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    code VARCHAR NOT NULL,
    detail TEXT NOT NULL,
    seen INTEGER NOT NULL,
    noted INTEGER NOT NULL,
    last_at DATETIME NOT NULL,
    CONSTRAINT pk_alarm PRIMARY KEY (site_id, kind),
    CONSTRAINT fk_alarm_site_id FOREIGN KEY(site_id) REFERENCES site (id)
);

CREATE TABLE attempt (
    id INTEGER NOT NULL,
    site_id VARCHAR NOT NULL,
    attempt_id VARCHAR NOT NULL,
    product VARCHAR NOT NULL,
    version VARCHAR NOT NULL,
    release VARCHAR NOT NULL,
    from_version VARCHAR,
    phase VARCHAR NOT NULL,
    code VARCHAR,
    detail TEXT NOT NULL,
    place INTEGER NOT NULL,
    started_at DATETIME NOT NULL,
    moved_at DATETIME NOT NULL,
    ended_at DATETIME,
    lost_at DATETIME,
    duration_seconds FLOAT NOT NULL,
    downloaded_bytes INTEGER NOT NULL,
    saved_bytes INTEGER NOT NULL,
    CONSTRAINT pk_attempt PRIMARY KEY (id),
    CONSTRAINT uq_attempt_site_id_attempt_id UNIQUE (site_id, attempt_id),
    CONSTRAINT fk_attempt_site_id FOREIGN KEY(site_id) REFERENCES site (id)
);

CREATE INDEX ix_attempt_release ON attempt (release);

CREATE INDEX ix_attempt_site_id ON attempt (site_id);

CREATE TABLE drillrow (
    id INTEGER NOT NULL,
    name VARCHAR NOT NULL,
    about VARCHAR NOT NULL,
    goal TEXT NOT NULL,
    exposure TEXT NOT NULL,
    "by" VARCHAR NOT NULL,
    began_at DATETIME NOT NULL,
    notice_id INTEGER,
    failed_polls INTEGER NOT NULL,
    ended_at DATETIME,
    CONSTRAINT pk_drillrow PRIMARY KEY (id),
    CONSTRAINT fk_drillrow_notice_id FOREIGN KEY(notice_id) REFERENCES noticerow (id)
);

CREATE INDEX ix_drillrow_ended_at ON drillrow (ended_at);

CREATE INDEX ix_drillrow_name ON drillrow (name);

CREATE TABLE formerkey (
    site_id VARCHAR NOT NULL,
    public_key VARCHAR NOT NULL,
    next_key VARCHAR NOT NULL,
    given_up_at DATETIME NOT NULL,
    received_at DATETIME NOT NULL,
    envelope BLOB NOT NULL,
    CONSTRAINT pk_formerkey PRIMARY KEY (site_id, public_key),
    CONSTRAINT fk_formerkey_site_id FOREIGN KEY(site_id) REFERENCES site (id)
);

CREATE TABLE incident (
    id INTEGER NOT NULL,
    problem_id INTEGER NOT NULL,
    site_id VARCHAR NOT NULL,
    client_id VARCHAR NOT NULL,
    tier VARCHAR NOT NULL,
    state VARCHAR NOT NULL,
    detail TEXT NOT NULL,
    occurrences INTEGER NOT NULL,
    reopened INTEGER NOT NULL,
    last_place INTEGER NOT NULL,
    opened_at DATETIME NOT NULL,
    last_at DATETIME NOT NULL,
    closed_at DATETIME,
    CONSTRAINT pk_incident PRIMARY KEY (id),
    CONSTRAINT uq_incident_problem_id_site_id UNIQUE (problem_id, site_id),
    CONSTRAINT fk_incident_problem_id FOREIGN KEY(problem_id) REFERENCES problem (id),
    CONSTRAINT fk_incident_site_id FOREIGN KEY(site_id) REFERENCES site (id),
    CONSTRAINT fk_incident_client_id FOREIGN KEY(client_id) REFERENCES client (id)
);

CREATE INDEX ix_incident_problem_id_client_id ON incident (problem_id, client_id, state, site_id);

CREATE INDEX ix_incident_problem_id_state ON incident (problem_id, state);

CREATE INDEX ix_incident_site_id ON incident (site_id);

CREATE INDEX ix_incident_state ON incident (state);

CREATE TABLE remotesteprow (
    id VARCHAR NOT NULL,
    site_id VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    product VARCHAR NOT NULL,
    version VARCHAR NOT NULL,
    asked_by VARCHAR NOT NULL,
    role VARCHAR NOT NULL,
    asked_at DATETIME NOT NULL,
    expires_at DATETIME NOT NULL,
    reason TEXT NOT NULL,
    handed_at DATETIME,
    outcome VARCHAR NOT NULL,
    sentence TEXT NOT NULL,
    answered_at DATETIME,
    sha256 VARCHAR NOT NULL,
    CONSTRAINT pk_remotesteprow PRIMARY KEY (id),
    CONSTRAINT fk_remotesteprow_site_id FOREIGN KEY(site_id) REFERENCES site (id)
);

CREATE INDEX ix_remotesteprow_outcome ON remotesteprow (outcome);

CREATE INDEX ix_remotesteprow_site_id ON remotesteprow (site_id);

CREATE TABLE siteboot (
    site_id VARCHAR NOT NULL,
    boot_id VARCHAR NOT NULL,
    since DATETIME NOT NULL,
    heard_at DATETIME NOT NULL,
    CONSTRAINT pk_siteboot PRIMARY KEY (site_id, boot_id),
    CONSTRAINT fk_siteboot_site_id FOREIGN KEY(site_id) REFERENCES site (id)
);

CREATE TABLE siteproduct (
    site_id VARCHAR NOT NULL,
    product VARCHAR NOT NULL,
    version VARCHAR,
    candidate TEXT,
    decision VARCHAR NOT NULL,
    gate VARCHAR NOT NULL,
    reason TEXT NOT NULL,
    lifted_by VARCHAR NOT NULL,
    until DATETIME,
    CONSTRAINT pk_siteproduct PRIMARY KEY (site_id, product),
    CONSTRAINT fk_siteproduct_site_id FOREIGN KEY(site_id) REFERENCES site (id)
);

CREATE INDEX ix_siteproduct_gate ON siteproduct (gate);

CREATE INDEX ix_siteproduct_product ON siteproduct (product);

CREATE TABLE tokenuse (
    token_id INTEGER NOT NULL,
    used_at DATETIME NOT NULL,
    CONSTRAINT pk_tokenuse PRIMARY KEY (token_id),
    CONSTRAINT fk_tokenuse_token_id FOREIGN KEY(token_id) REFERENCES apitoken (id)
);

CREATE TABLE turnrow (
    rollout_id INTEGER NOT NULL,
    site_id VARCHAR NOT NULL,
    given_at DATETIME,
    taken_back_at DATETIME,
    ask_again_at DATETIME,
    CONSTRAINT pk_turnrow PRIMARY KEY (rollout_id, site_id),
    CONSTRAINT fk_turnrow_rollout_id FOREIGN KEY(rollout_id) REFERENCES rolloutrow (id),
    CONSTRAINT fk_turnrow_site_id FOREIGN KEY(site_id) REFERENCES site (id)
);

CREATE TABLE windowrow (
    site_id VARCHAR NOT NULL,
    starts_at DATETIME NOT NULL,
    ends_at DATETIME NOT NULL,
    outcome VARCHAR NOT NULL,
    detail TEXT NOT NULL,
    CONSTRAINT pk_windowrow PRIMARY KEY (site_id, starts_at),
    CONSTRAINT fk_windowrow_site_id FOREIGN KEY(site_id) REFERENCES site (id)
);

CREATE INDEX ix_windowrow_ends_at ON windowrow (ends_at);

CREATE INDEX ix_windowrow_outcome ON windowrow (outcome);

CREATE TABLE newsrow (
    id INTEGER NOT NULL,
    at DATETIME NOT NULL,
    kind VARCHAR NOT NULL,
    problem_id INTEGER NOT NULL,
    incident_id INTEGER,
    tier VARCHAR NOT NULL,
    CONSTRAINT pk_newsrow PRIMARY KEY (id),
    CONSTRAINT fk_newsrow_problem_id FOREIGN KEY(problem_id) REFERENCES problem (id),
    CONSTRAINT fk_newsrow_incident_id FOREIGN KEY(incident_id) REFERENCES incident (id)
);

CREATE INDEX ix_newsrow_problem_id ON newsrow (problem_id);

CREATE TABLE receipt (
    id INTEGER NOT NULL,
    site_id VARCHAR NOT NULL,
    place INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    envelope BLOB NOT NULL,
    sha256 VARCHAR NOT NULL,
    public_key VARCHAR NOT NULL,
    received_at DATETIME NOT NULL,
    phase VARCHAR NOT NULL,
    code VARCHAR,
    incident_id INTEGER,
    processed_at DATETIME,
    tries INTEGER NOT NULL,
    CONSTRAINT pk_receipt PRIMARY KEY (id),
    CONSTRAINT uq_receipt_site_id_place UNIQUE (site_id, place),
    CONSTRAINT fk_receipt_site_id FOREIGN KEY(site_id) REFERENCES site (id),
    CONSTRAINT fk_receipt_incident_id FOREIGN KEY(incident_id) REFERENCES incident (id)
);

CREATE INDEX ix_receipt_code ON receipt (code);

CREATE INDEX ix_receipt_incident_id ON receipt (incident_id);

CREATE INDEX ix_receipt_processed_at ON receipt (processed_at);

CREATE TABLE stepresultrow (
    step_id VARCHAR NOT NULL,
    site_id VARCHAR NOT NULL,
    received_at DATETIME NOT NULL,
    has_diagnostics BOOLEAN NOT NULL,
    size_bytes INTEGER NOT NULL,
    envelope BLOB NOT NULL,
    public_key VARCHAR NOT NULL,
    CONSTRAINT pk_stepresultrow PRIMARY KEY (step_id),
    CONSTRAINT fk_stepresultrow_step_id FOREIGN KEY(step_id) REFERENCES remotesteprow (id),
    CONSTRAINT fk_stepresultrow_site_id FOREIGN KEY(site_id) REFERENCES site (id)
);

CREATE INDEX ix_stepresultrow_received_at ON stepresultrow (received_at);

CREATE INDEX ix_stepresultrow_site_id ON stepresultrow (site_id);

CREATE TABLE symptomsrow (
    id INTEGER NOT NULL,
    site_id VARCHAR NOT NULL,
    incident_id INTEGER,
    recorded_by VARCHAR NOT NULL,
    at DATETIME NOT NULL,
    caller VARCHAR NOT NULL,
    number_on_file BOOLEAN NOT NULL,
    channel VARCHAR NOT NULL,
    began_at DATETIME,
    sees VARCHAR NOT NULL,
    exact_words TEXT NOT NULL,
    places INTEGER,
    changed TEXT NOT NULL,
    urgency VARCHAR NOT NULL,
    CONSTRAINT pk_symptomsrow PRIMARY KEY (id),
    CONSTRAINT fk_symptomsrow_site_id FOREIGN KEY(site_id) REFERENCES site (id),
    CONSTRAINT fk_symptomsrow_incident_id FOREIGN KEY(incident_id) REFERENCES incident (id)
);

CREATE INDEX ix_symptomsrow_at ON symptomsrow (at);

CREATE INDEX ix_symptomsrow_incident_id ON symptomsrow (incident_id);

CREATE INDEX ix_symptomsrow_site_id ON symptomsrow (site_id);
