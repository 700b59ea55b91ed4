"""What the models cannot express, in the database itself: checks, triggers and their functions.

This is the one place for it. Each step is run by one migration, and `ALL` is what a schema that was generated
from the models needs on top. A step never changes once it is released: a new rule is a new step, with the
migration that runs it; tests/rules/test_migrations.py compares what both roads make.
"""

from typing import Final

_CHECKS: Final = """
ALTER TABLE users
    ADD CONSTRAINT users_email_is_an_address CHECK (email ~ '^[^@[:space:]]+@[^@[:space:]]+$'),
    ADD CONSTRAINT users_email_is_lower_case CHECK (email = lower(email)),
    ADD CONSTRAINT users_password_hash_is_not_empty CHECK (password_hash <> '');

ALTER TABLE providers
    ADD CONSTRAINT providers_key_is_a_slug CHECK (key ~ '^[a-z][a-z0-9_]*$'),
    ADD CONSTRAINT providers_name_is_not_blank CHECK (btrim(name) <> ''),
    ADD CONSTRAINT providers_website_is_https CHECK (website ~ '^https://[^[:space:]]+$'),
    ADD CONSTRAINT providers_authorization_is_known CHECK (
        "authorization" IN ('oauth2', 'hosted_link', 'claim_token', 'none'));

ALTER TABLE provider_connections
    ADD CONSTRAINT provider_connections_alias_is_not_blank CHECK (btrim(alias) <> ''),
    ADD CONSTRAINT provider_connections_status_is_known CHECK (
        status IN ('pending', 'active', 'expired', 'revoked', 'failed')),
    ADD CONSTRAINT provider_connections_active_was_connected CHECK (
        status <> 'active' OR connected_at IS NOT NULL);

ALTER TABLE provider_tokens
    ADD CONSTRAINT provider_tokens_access_token_is_not_empty CHECK (octet_length(access_token_sealed) > 0),
    ADD CONSTRAINT provider_tokens_refresh_token_is_not_empty CHECK (octet_length(refresh_token_sealed) > 0),
    ADD CONSTRAINT provider_tokens_refresh_expiry_needs_a_token CHECK (
        refresh_expires_at IS NULL OR refresh_token_sealed IS NOT NULL),
    ADD CONSTRAINT provider_tokens_key_id_is_an_id CHECK (key_id ~ '^[a-z0-9_-]+$'),
    ADD CONSTRAINT provider_tokens_version_counts_from_one CHECK (version >= 1);

ALTER TABLE provider_audit_logs
    ADD CONSTRAINT provider_audit_logs_actor_is_not_blank CHECK (btrim(actor) <> ''),
    ADD CONSTRAINT provider_audit_logs_action_is_dotted CHECK (action ~ '^[a-z_]+(\\.[a-z_]+)+$'),
    ADD CONSTRAINT provider_audit_logs_outcome_is_known CHECK (outcome IN ('succeeded', 'failed', 'denied')),
    ADD CONSTRAINT provider_audit_logs_ip_is_an_address CHECK (pg_input_is_valid(ip, 'inet')),
    ADD CONSTRAINT provider_audit_logs_details_is_an_object CHECK (jsonb_typeof(details) = 'object');
"""

_UPDATED_AT: Final = """
CREATE FUNCTION dashtam_touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.updated_at IS NOT DISTINCT FROM OLD.updated_at THEN
        NEW.updated_at := CURRENT_TIMESTAMP;
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION dashtam_touch() IS 'Moves updated_at where an UPDATE leaves it as it was.';

CREATE TRIGGER users_touch BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION dashtam_touch();
CREATE TRIGGER providers_touch BEFORE UPDATE ON providers FOR EACH ROW EXECUTE FUNCTION dashtam_touch();
CREATE TRIGGER provider_connections_touch BEFORE UPDATE ON provider_connections
    FOR EACH ROW EXECUTE FUNCTION dashtam_touch();
CREATE TRIGGER provider_tokens_touch BEFORE UPDATE ON provider_tokens
    FOR EACH ROW EXECUTE FUNCTION dashtam_touch();
"""

# ENABLE ALWAYS: `session_replication_role = replica` silences ordinary triggers; not this one.
_APPEND_ONLY: Final = """
CREATE FUNCTION dashtam_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation', HINT = 'Write a new entry that corrects the old one.';
END $$;
COMMENT ON FUNCTION dashtam_refuse_change() IS 'Refuses UPDATE, DELETE and TRUNCATE.';

CREATE TRIGGER provider_audit_logs_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON provider_audit_logs
    FOR EACH STATEMENT EXECUTE FUNCTION dashtam_refuse_change();
ALTER TABLE provider_audit_logs ENABLE ALWAYS TRIGGER provider_audit_logs_append_only;
"""

STEP_0: Final = _CHECKS + _UPDATED_AT + _APPEND_ONLY
ALL: Final = STEP_0
