-- Two roles beside the owner of the tables: "hsp serve" is hsp_api, "hsp schedule" is hsp_scheduler.
-- Run it as the owner after "hsp init" and after each "hsp database upgrade"; again does no harm. Whoever is
-- connected notices nothing: all of it happens at once. Passwords are roles.py's.
--
-- The API takes reports and cannot change one. The scheduler works on reports and cannot add one: what a
-- rollout is judged by comes from sites alone. Neither changes the audit log, nor what the other one owns.
BEGIN;

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'hsp_api') THEN
        CREATE ROLE hsp_api LOGIN NOINHERIT;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'hsp_scheduler') THEN
        CREATE ROLE hsp_scheduler LOGIN NOINHERIT;
    END IF;
END
$$;

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO hsp_api, hsp_scheduler;

-- What most tables allow ...
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM hsp_api, hsp_scheduler, PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO hsp_api, hsp_scheduler;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM hsp_api, hsp_scheduler, PUBLIC;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO hsp_api, hsp_scheduler;

-- ... and what these do not.
REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM hsp_api, hsp_scheduler;
REVOKE UPDATE, DELETE ON auditrow FROM hsp_api, hsp_scheduler;

-- What sites have signed.
REVOKE UPDATE, DELETE ON receipt FROM hsp_api;
REVOKE INSERT, UPDATE, DELETE ON receipt FROM hsp_scheduler;
GRANT UPDATE (processed_at, tries, incident_id) ON receipt TO hsp_scheduler;
REVOKE INSERT ON stepresultrow, site, sitesession, formerkey FROM hsp_scheduler;

-- Who may do what, and who is who: people decide that, over the API.
REVOKE INSERT, UPDATE, DELETE ON account, rolegrant, password, apitoken, invitation FROM hsp_scheduler;
REVOKE INSERT ON loginsession, pendinglogin FROM hsp_scheduler;

-- Who leads, what was signed, what was published: the scheduler's.
REVOKE INSERT, UPDATE, DELETE ON lease, checkpointrow, publishedrole FROM hsp_api;

COMMIT;
