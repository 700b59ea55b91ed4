"""Nothing that drops, empties, changes or rewrites is ever called harmless, however it is written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashtam.bootstrap.harm import find_harms
from dashtam.database import rules

HARMLESS = [
    "",
    "-- nothing but a comment",
    "CREATE TABLE a (id uuid PRIMARY KEY DEFAULT uuidv7(), n bigserial, b text NOT NULL CHECK (length(b) > 0))",
    "CREATE TABLE IF NOT EXISTS a (b int REFERENCES c (d) ON DELETE CASCADE, UNIQUE (b))",
    "CREATE UNIQUE INDEX IF NOT EXISTS i ON a (lower(b) DESC) INCLUDE (c) WHERE b IS NOT NULL",
    "CREATE FUNCTION f(a int) RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM users; END $$",
    "CREATE TRIGGER t BEFORE UPDATE OR DELETE OR TRUNCATE ON a FOR EACH STATEMENT EXECUTE FUNCTION f()",
    "COMMENT ON COLUMN a.b IS 'DROP TABLE users;'",
    "ALTER TABLE a ADD COLUMN b int DEFAULT 3, ADD c timestamptz NOT NULL DEFAULT now()",
    "ALTER TABLE public.a ADD b varchar(9)[] DEFAULT ARRAY['x']::text[] CHECK (b <> '{}')",
    "ALTER TABLE a ALTER b SET DEFAULT uuidv7(), ALTER b SET NOT NULL, ALTER b DROP NOT NULL",
    "ALTER TABLE a ADD CONSTRAINT c FOREIGN KEY (b) REFERENCES d (e) NOT VALID; ALTER TABLE a VALIDATE CONSTRAINT c",
    "ALTER TABLE a ENABLE ALWAYS TRIGGER t",
    "INSERT INTO a (b, c) VALUES (-1, 'x''; DROP TABLE users; --'), (NULL, E'\\'; DROP TABLE users; --')",
    "INSERT INTO a SELECT b, upper(c) FROM d WHERE NOT EXISTS (SELECT FROM a) ON CONFLICT DO NOTHING",
]
HURTFUL = [
    "DROP TABLE users",
    "DROP INDEX i",
    "TRUNCATE users",
    "DELETE FROM users",
    "UPDATE users SET email = lower(email)",
    "MERGE INTO users USING a ON true WHEN MATCHED THEN DELETE",
    "ALTER TABLE users DROP COLUMN email",
    "ALTER TABLE users ADD COLUMN a int, DROP email",
    "ALTER TABLE users ALTER email TYPE text",
    "ALTER TABLE users ALTER email DROP DEFAULT",
    "ALTER TABLE users DROP CONSTRAINT c",
    "ALTER TABLE users RENAME email TO mail",
    "ALTER TABLE users RENAME TO people",
    "ALTER TABLE users SET SCHEMA elsewhere",
    "ALTER TABLE users SET UNLOGGED",
    "ALTER TABLE users DISABLE TRIGGER ALL",
    "ALTER TABLE users ADD COLUMN a uuid DEFAULT gen_random_uuid()",
    "ALTER TABLE users ADD COLUMN a float DEFAULT random()",
    "ALTER TABLE users ADD COLUMN a serial",
    "ALTER TABLE users ADD COLUMN a int GENERATED ALWAYS AS IDENTITY",
    "ALTER TABLE users ADD COLUMN a int GENERATED ALWAYS AS (b * 2) STORED",
    "ALTER TABLE users ADD COLUMN a a_domain",
    "ALTER TABLE users ADD COLUMN a elsewhere.text",
    "ALTER TABLE users ADD COLUMN a pg_catalog.int4 DEFAULT 1::a_domain",
    "ALTER TABLE users ADD CHECK (purge(email))",
    "ALTER TABLE users ADD CHECK (elsewhere.lower(email) = email)",
    "ALTER TABLE users ADD CHECK (a OPERATOR(elsewhere.=) b)",
    "ALTER VIEW v ALTER a SET DEFAULT 1",
    "ALTER DATABASE dashtam RENAME TO gone",
    "ALTER ROLE dashtam_user SET standard_conforming_strings = off",
    "ALTER SEQUENCE s RESTART",
    "CREATE TEMPORARY TABLE users (a int)",
    "CREATE UNLOGGED TABLE a (b int)",
    "CREATE TABLE a (b int DEFAULT purge())",
    "CREATE TABLE a (b int) INHERITS (users)",
    "CREATE TABLE a PARTITION OF b DEFAULT",
    "CREATE TABLE a AS SELECT purge()",
    "CREATE TABLE elsewhere.a (b int)",
    "CREATE INDEX ON a (purge(b))",
    "CREATE INDEX ON a (b) WHERE purge(b)",
    "CREATE INDEX CONCURRENTLY ON a (b)",
    "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE FUNCTION lower(varchar) RETURNS varchar LANGUAGE sql AS 'SELECT purge()'",
    "CREATE OR REPLACE TRIGGER t BEFORE UPDATE ON a EXECUTE FUNCTION f()",
    "CREATE OR REPLACE VIEW v AS SELECT 1",
    "CREATE RULE r AS ON INSERT TO a DO ALSO DELETE FROM users",
    "CREATE POLICY p ON users USING (false)",
    "CREATE EXTENSION dblink",
    "COMMENT ON DATABASE dashtam IS 'dashtam purpose=testing'",
    "INSERT INTO a VALUES (purge())",
    "INSERT INTO a SELECT setval('s', 1)",
    "INSERT INTO a SELECT * FROM purge()",
    "INSERT INTO a SELECT pg_catalog.query_to_xml('DELETE FROM users', true, true, '')",
    "INSERT INTO a VALUES (1) ON CONFLICT (b) DO UPDATE SET b = 2",
    "INSERT INTO a VALUES (1) RETURNING purge()",
    "INSERT INTO pg_proc SELECT * FROM a",
    "WITH gone AS (DELETE FROM users RETURNING *) INSERT INTO a SELECT * FROM gone",
    "INSERT INTO a WITH gone AS (DELETE FROM users RETURNING *) SELECT * FROM gone",
    "INSERT INTO a SELECT (WITH gone AS (DELETE FROM users RETURNING 1) SELECT count(*) FROM gone)",
    "SELECT 1",
    "SELECT purge()",
    "SELECT * INTO a FROM users",
    "DO $$ BEGIN DELETE FROM users; END $$",
    "CALL purge()",
    "EXECUTE purge",
    "PREPARE purge AS DELETE FROM users",
    "COPY users FROM PROGRAM 'true'",
    "GRANT ALL ON users TO PUBLIC",
    "REASSIGN OWNED BY dashtam_user TO postgres",
    "REINDEX TABLE users",
    "CLUSTER users USING i",
    "VACUUM FULL users",
    "REFRESH MATERIALIZED VIEW v",
    "LOCK users",
    "COMMIT",
    "SET standard_conforming_strings = off",
    "SET search_path = elsewhere",
    "RESET ALL",
    "IMPORT FOREIGN SCHEMA s FROM SERVER t INTO public",
    "this is no SQL",
    "CREATE TABLE a (b int",
]
DESTRUCTIVE = [
    statement for statement in HURTFUL if statement.split()[0] in {"DROP", "TRUNCATE", "DELETE", "UPDATE"}
]


@pytest.mark.parametrize("sql", HARMLESS)
def test_what_takes_nothing_away_is_harmless(sql: str) -> None:
    assert find_harms([sql]) == [[]]


def test_all_rules_of_the_database_are_harmless() -> None:
    assert find_harms([rules.ALL]) == [[]]


@pytest.mark.parametrize("sql", HURTFUL)
def test_what_may_take_something_away_is_shown(sql: str) -> None:
    [[harm]] = find_harms([sql])
    assert harm.statement == sql
    assert harm.reason


def test_an_insert_behind_a_new_trigger_may_run_it() -> None:
    insert = "INSERT INTO a VALUES (1)"
    for trigger in (HARMLESS[6], "ALTER TABLE a ENABLE TRIGGER t", None):
        assert find_harms([insert, trigger, insert])[0] == []
        [harm] = find_harms([insert, trigger, insert])[2]
        assert "trigger" in harm.reason
    [[harm]] = find_harms([f"{HARMLESS[6]}; {insert}"])
    assert harm.statement == insert


def test_statements_are_shown_whole_with_whatever_is_not_ascii() -> None:
    [harms] = find_harms(["COMMENT ON TABLE a IS 'Größe'; DROP TABLE größe ; -- ende\nDROP TABLE b"])
    assert [harm.statement for harm in harms] == ["DROP TABLE größe", "DROP TABLE b"]


@pytest.mark.parametrize("mark", ["\x1b[2K", "\r", "\x7f", "\u202e", "\u2066", "\x9b"])
def test_nothing_that_a_terminal_obeys_hides_a_statement(mark: str) -> None:
    [[harm]] = find_harms([f"DROP TABLE users -- {mark} nothing"])
    assert mark not in harm.statement
    assert harm.statement.startswith("DROP TABLE users")


def swapped(text: str, seed: int) -> str:
    return "".join(char.swapcase() if seed >> (i % 30) & 1 else char for i, char in enumerate(text))


gaps = st.lists(
    st.sampled_from([" ", "\n", "\t", "\f", "/* ; ' $$ */", "/* /* nested */ ' */", "-- ' $$ /*\n", "--;\n"]),
    max_size=3,
).map(lambda parts: f" {''.join(parts)} ")
text = st.text(
    st.sampled_from(list("'\"\\;$-/*aäE \n")) | st.characters(exclude_categories=["Cs"]), max_size=12
)
literals = st.one_of(
    text.map(lambda t: "'" + t.replace("\0", "").replace("'", "''") + "'"),
    text.map(lambda t: "E'" + t.replace("\0", "").replace("\\", "\\\\").replace("'", "\\'") + "'"),
    text.map(lambda t: "$q$" + t.replace("\0", "").replace("$", "") + "$q$"),
)


@st.composite
def destructive(draw: st.DrawFn) -> str:
    words = draw(st.sampled_from(DESTRUCTIVE)).split()
    seed = draw(st.integers(0, 2**30))
    return draw(gaps).join(swapped(word, seed) if '"' not in word else word for word in words)


@st.composite
def harmless(draw: st.DrawFn) -> str:
    literal = draw(literals)
    table = '"' + draw(text).replace("\0", "").replace('"', '""') + 'x"'
    return draw(
        st.sampled_from(
            [
                f"INSERT INTO {table} VALUES ({literal})",
                f"COMMENT ON TABLE {table} IS {literal}",
                f"CREATE TABLE {table} (a text DEFAULT {literal})",
                f"CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS {literal}",
                "",
            ]
        )
    )


@given(st.lists(harmless(), max_size=3), destructive(), st.lists(harmless(), max_size=3), gaps)
def test_a_destructive_statement_is_found_wherever_it_hides(
    before: list[str], hidden: str, after: list[str], gap: str
) -> None:
    [harms] = find_harms([f"{gap};{gap}".join([*before, hidden, *after])])
    assert {harm.reason for harm in harms} & {"drops", "deletes rows", "changes rows", "empties tables"}


@given(literals, literals)
def test_what_stands_in_a_string_is_no_statement(one: str, other: str) -> None:
    assert find_harms([f"INSERT INTO a VALUES ({one}, {other})"]) == [[]]


@given(st.text(max_size=60))
def test_whatever_is_no_sql_is_never_harmless_unless_it_says_nothing(script: str) -> None:
    [harms] = find_harms([script])
    assert harms or not any(char.isalnum() for char in script) or "--" in script or "/*" in script


@pytest.mark.parametrize(
    "script",
    [
        "CREATE TABLE a (b int);\0 DROP TABLE users",
        "\0",
        "\ud800",
        "SELECT " + "(" * 30_000 + "1" + ")" * 30_000,
        "SELECT " + "-" * 30_000 + "1",
        "INSERT INTO a VALUES (" + " + ".join(["1"] * 3_000) + ")",
    ],
    ids=["nul", "only nul", "surrogate", "parentheses", "comment without end", "deep tree"],
)
def test_what_the_parser_cannot_swallow_is_not_harmless(script: str) -> None:
    [harms] = find_harms([script])
    assert harms
