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

# NOT VALID: what was written before there was a chain keeps its nulls, and nothing else may have any.
_CHAIN: Final = """
ALTER TABLE provider_audit_logs
    ADD CONSTRAINT provider_audit_logs_is_chained CHECK (
        sequence IS NOT NULL AND sequence > 0 AND hash IS NOT NULL AND octet_length(hash) = 32) NOT VALID;
ALTER TABLE audit_heads
    ADD CONSTRAINT audit_heads_is_one_row CHECK (id = 1),
    ADD CONSTRAINT audit_heads_hash_is_sha256 CHECK (octet_length(hash) = 32);

CREATE FUNCTION dashtam_refuse_retreat() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.sequence <= OLD.sequence THEN
        RAISE EXCEPTION '% stands at % and never goes back to %', TG_TABLE_NAME, OLD.sequence, NEW.sequence
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION dashtam_refuse_retreat() IS 'Refuses an UPDATE that does not move the chain forward.';

CREATE TRIGGER audit_heads_advances BEFORE UPDATE ON audit_heads
    FOR EACH ROW EXECUTE FUNCTION dashtam_refuse_retreat();
ALTER TABLE audit_heads ENABLE ALWAYS TRIGGER audit_heads_advances;
CREATE TRIGGER audit_heads_stays BEFORE DELETE OR TRUNCATE ON audit_heads
    FOR EACH STATEMENT EXECUTE FUNCTION dashtam_refuse_change();
ALTER TABLE audit_heads ENABLE ALWAYS TRIGGER audit_heads_stays;
"""

_SESSIONS: Final = """
ALTER TABLE users
    ADD CONSTRAINT users_role_is_known CHECK (role IN ('user', 'read_only', 'admin'));

ALTER TABLE one_time_codes
    ADD CONSTRAINT one_time_codes_purpose_is_known CHECK (purpose IN ('registration', 'password_reset')),
    ADD CONSTRAINT one_time_codes_code_hash_is_a_hash CHECK (code_hash ~ '^[0-9a-f]{64}$'),
    ADD CONSTRAINT one_time_codes_registration_brings_a_password CHECK (
        (purpose = 'registration') = (password_hash IS NOT NULL));

ALTER TABLE sessions
    ADD CONSTRAINT sessions_kind_is_known CHECK (kind IN ('browser', 'program', 'personal')),
    ADD CONSTRAINT sessions_name_is_not_blank CHECK (btrim(name) <> ''),
    ADD CONSTRAINT sessions_scopes_are_known CHECK (scopes IN ('read', 'read write')),
    ADD CONSTRAINT sessions_ip_is_an_address CHECK (pg_input_is_valid(ip, 'inet'));

ALTER TABLE session_tokens
    ADD CONSTRAINT session_tokens_kind_is_known CHECK (kind IN ('access', 'refresh')),
    ADD CONSTRAINT session_tokens_token_hash_is_a_hash CHECK (token_hash ~ '^[0-9a-f]{64}$'),
    ADD CONSTRAINT session_tokens_only_refresh_is_used CHECK (kind = 'refresh' OR used_at IS NULL);

ALTER TABLE second_factors
    ADD CONSTRAINT second_factors_secret_is_not_empty CHECK (octet_length(secret_sealed) > 0),
    ADD CONSTRAINT second_factors_key_id_is_an_id CHECK (key_id ~ '^[a-z0-9_-]+$');
CREATE TRIGGER second_factors_touch BEFORE UPDATE ON second_factors
    FOR EACH ROW EXECUTE FUNCTION dashtam_touch();

ALTER TABLE recovery_codes
    ADD CONSTRAINT recovery_codes_code_hash_is_a_hash CHECK (code_hash ~ '^[0-9a-f]{64}$');
"""

_STORED_ANSWERS: Final = """
ALTER TABLE stored_answers
    ADD CONSTRAINT stored_answers_route_is_not_blank CHECK (btrim(route) <> ''),
    ADD CONSTRAINT stored_answers_key_hash_is_a_hash CHECK (key_hash ~ '^[0-9a-f]{64}$'),
    ADD CONSTRAINT stored_answers_answer_is_not_empty CHECK (octet_length(answer_sealed) > 0);
"""

_CONNECTING: Final = """
ALTER TABLE provider_connections
    ADD CONSTRAINT provider_connections_reason_is_known CHECK (reason IN (
        'denied', 'grant_refused', 'refresh_expired', 'access_expired', 'scope_missing', 'client_refused',
        'provider_failing', 'unreadable', 'disconnected'));

ALTER TABLE provider_tokens
    ADD CONSTRAINT provider_tokens_failures_count_from_zero CHECK (refresh_failures >= 0);

ALTER TABLE authorization_requests
    ADD CONSTRAINT authorization_requests_ticket_hash_is_a_hash CHECK (ticket_hash ~ '^[0-9a-f]{64}$'),
    ADD CONSTRAINT authorization_requests_browser_hash_is_a_hash CHECK (browser_hash ~ '^[0-9a-f]{64}$'),
    ADD CONSTRAINT authorization_requests_state_hash_is_a_hash CHECK (state_hash ~ '^[0-9a-f]{64}$'),
    ADD CONSTRAINT authorization_requests_is_opened_whole CHECK (
        (state_hash IS NULL) = (browser_hash IS NULL) AND (state_hash IS NULL) = (verifier_sealed IS NULL)
        AND (state_hash IS NULL) = (key_id IS NULL)),
    ADD CONSTRAINT authorization_requests_return_path_is_a_path CHECK (return_path ~ '^(/[A-Za-z0-9/_-]*)?$');

ALTER TABLE revocations
    ADD CONSTRAINT revocations_token_is_not_empty CHECK (octet_length(token_sealed) > 0),
    ADD CONSTRAINT revocations_hint_is_known CHECK (token_type_hint IN ('access_token', 'refresh_token')),
    ADD CONSTRAINT revocations_attempts_count_from_zero CHECK (attempts >= 0);
CREATE TRIGGER revocations_touch BEFORE UPDATE ON revocations FOR EACH ROW EXECUTE FUNCTION dashtam_touch();

ALTER TABLE encryption_keys
    ADD CONSTRAINT encryption_keys_id_is_an_id CHECK (id ~ '^[a-z0-9_-]+$'),
    ADD CONSTRAINT encryption_keys_state_is_known CHECK (state IN ('active', 'decrypt', 'retired')),
    ADD CONSTRAINT encryption_keys_retired_is_destroyed CHECK ((state = 'retired') = (wrapped IS NULL));
CREATE UNIQUE INDEX encryption_keys_one_is_active ON encryption_keys ((true)) WHERE state = 'active';
"""

STEP_0: Final = _CHECKS + _UPDATED_AT + _APPEND_ONLY
STEP_1: Final = _CHAIN
STEP_2: Final = _SESSIONS
STEP_3: Final = _STORED_ANSWERS
STEP_4: Final = _CONNECTING
ALL: Final = STEP_0 + STEP_1 + STEP_2 + STEP_3 + STEP_4
