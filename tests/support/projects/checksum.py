"""Says byte for byte what development is, so that two moments can be compared and a difference is told in words.

One value covers every row, sequence and large object of the development database, its whole catalogue (owners, grants,
default privileges, comments, triggers, functions, extensions and what else PostgreSQL may one day keep there), and what
the shared catalogue says of it: roles, memberships, settings, comments, and the other databases of the cluster.

Left out is what PostgreSQL changes by itself (statistics, transaction horizons, file nodes), the object id of a
database (a restore swaps two of them), the salt of a password (every verb sets it again), and whatever belongs to the
test database or to a snapshot. After a crash a sequence may leap, unless a checkpoint came since its last use:
see `settle`.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

_OTHERS: Final = "^dashtam_(test|snapshot)(_|$)"
_FIRST_OF_USERS: Final = 16384  # object ids below belong to initdb
_PUBLIC: Final = 2200  # the schema `public`, the one object of initdb that projects change

# What PostgreSQL changes by itself, or what is read as data. Whole catalogues:
_RESTLESS: Final = ("pg_statistic", "pg_statistic_ext_data", "pg_largeobject")
# and columns, wherever they are:
_VOLATILE: Final = (
    *("relfilenode", "relpages", "reltuples", "relallvisible", "relallfrozen", "relfrozenxid", "relminmxid"),
    *("relhasindex", "relhassubclass", "relhasrules", "relhastriggers", "indcheckxmin", "oid"),
    *("datfrozenxid", "datminmxid", "rolpassword"),
    # The value of a column that was added with a default, until something rewrites the table; it stands in the rows.
    *("atthasmissing", "attmissingval"),
)

# How a catalogue names the object that a row is about; without one of these, rows stand for themselves.
_OBJECTS: Final = {
    "oid": "pg_describe_object(tableoid, oid, 0)",
    "attrelid": "pg_describe_object('pg_class'::regclass, attrelid, attnum)",
    "indexrelid": "pg_describe_object('pg_class'::regclass, indexrelid, 0)",
    "seqrelid": "pg_describe_object('pg_class'::regclass, seqrelid, 0)",
    "objid": "pg_describe_object(classid, objid, objsubid)",
    "objoid": "pg_describe_object(classoid, objoid, objsubid)",
}
_KEYS: Final = tuple(_OBJECTS)

_CATALOGUES: Final = f"""
SELECT 'catalogue', relname::text, coalesce((SELECT attname FROM pg_attribute
           WHERE attrelid = pg_class.oid AND NOT attisdropped AND attname IN {_KEYS})::text, '')
  FROM pg_class
 WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind = 'r' AND NOT relisshared
   AND relname NOT IN {_RESTLESS}
UNION ALL
SELECT CASE relkind WHEN 'S' THEN 'sequence' ELSE 'table' END, pg_class.oid::regclass::text, ''
  FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
 WHERE relkind IN ('r', 'm', 'S') AND nspname !~ '^pg_' AND nspname <> 'information_schema'
 ORDER BY 1, 2"""

_SHARED: Final = f"""
SELECT 'roles', rolname::text, (to_jsonb(r) - ARRAY{list(_VOLATILE)} || jsonb_build_object('password',
       split_part(rolpassword, '$', 1)))::text FROM pg_authid AS r
UNION ALL
SELECT 'memberships', pg_get_userbyid(roleid)::text, concat_ws(' ', pg_get_userbyid(member), 'by',
       pg_get_userbyid(grantor), admin_option, inherit_option, set_option) FROM pg_auth_members
UNION ALL
SELECT 'settings', concat(datname, ' of ', rolname), setting
  FROM pg_db_role_setting LEFT JOIN pg_database ON pg_database.oid = setdatabase
  LEFT JOIN pg_roles ON pg_roles.oid = setrole, unnest(setconfig) AS setting
 WHERE coalesce(datname, '') !~ '{_OTHERS}'
UNION ALL
SELECT 'databases', datname::text, (to_jsonb(d) - ARRAY{list(_VOLATILE)})::text
       || ' owner ' || pg_get_userbyid(datdba) FROM pg_database AS d WHERE datname !~ '{_OTHERS}'
UNION ALL
SELECT 'shared comments', coalesce(datname::text, pg_describe_object(classoid, objoid, 0)), description
  FROM pg_shdescription LEFT JOIN pg_database ON classoid = 'pg_database'::regclass AND pg_database.oid = objoid
 WHERE coalesce(datname, '') !~ '{_OTHERS}'
UNION ALL
SELECT 'tablespaces', spcname::text, to_jsonb(s)::text FROM pg_tablespace AS s
UNION ALL
SELECT 'grants on parameters', parname, paracl::text FROM pg_parameter_acl
UNION ALL
SELECT 'large objects', concat(loid, ' page ', pageno), encode(data, 'base64') FROM pg_largeobject"""


class Asks(Protocol):
    """A running project: `ThrowawayProject`, or what stands for one."""

    def ask(self, sql: str, *, database: str = "dashtam") -> list[list[str]]:
        """Ask the running PostgreSQL as its superuser; rows of text."""


@dataclass(frozen=True)
class Checksum:
    """What development is at one moment; equal to another one where nothing differs."""

    parts: Mapping[str, Sequence[str]]
    """Name of the part, such as `rows of public.users`, to its lines in order."""

    def differences(self, later: "Checksum") -> list[str]:
        """What later is gone (-) and new (+), a line each, with the name of its part."""
        told = []
        for part in sorted({*self.parts, *later.parts}):
            before, after = list(self.parts.get(part, ())), list(later.parts.get(part, ()))
            told += [f"- {part}: {line}" for line in _without(before, after)]
            told += [f"+ {part}: {line}" for line in _without(after, before)]
            told += [
                f"{sign} {part}"
                for sign, has, lacks in (("-", self, later), ("+", later, self))
                if part in has.parts and part not in lacks.parts
            ]
        return told


def take_checksum(project: Asks) -> Checksum:
    """Read all of it, in two questions."""
    questions = []
    parts: dict[str, list[str]] = {}
    for kind, name, key in project.ask(_CATALOGUES):
        questions.append(_QUESTIONS[kind](name, key))
        if kind == "table":
            parts[f"rows of {name}"] = []  # an empty table is a part as well
    for part, name, line in project.ask(" UNION ALL ".join([_SHARED, *questions]) + " ORDER BY 1, 2, 3"):
        parts.setdefault(part, []).append(f"{name}: {line}" if name else line)
    return Checksum(parts)


def settle(project: Asks) -> None:
    """Write everything to disk: a crash from here on leaves every sequence where it stands."""
    project.ask("CHECKPOINT")


def assert_unchanged(project: Asks, before: Checksum, after_what: str = "") -> None:
    """Development is byte for byte what it was.

    Raises:
        AssertionError: each line that differs.
    """
    told = before.differences(take_checksum(project))
    assert not told, f"development is not what it was{after_what and ' after '}{after_what}:\n" + "\n".join(
        told
    )


def _catalogue(name: str, key: str) -> str:
    """One catalogue: an entry of its own for each object of ours, and one hash for all that initdb made."""
    content = f"to_jsonb(c) - ARRAY{list(_VOLATILE)}"
    if not key:
        return f"SELECT '{name}', '', ({content})::text FROM {name} AS c"
    what = _OBJECTS[key]
    ours = f"({key} >= {_FIRST_OF_USERS} OR {key} = {_PUBLIC})"
    # PostgreSQL makes these on first use of a slot for sessions with temporary tables, and keeps them.
    not_of_sessions = r"WHERE nspname !~ '^pg_(toast_)?temp_'" if name == "pg_namespace" else ""
    return f"""
        SELECT '{name}', what, content FROM (
            SELECT {what} AS what, ({content})::text AS content, {ours} AS ours FROM {name} AS c {not_of_sessions}
        ) AS objects WHERE ours
        UNION ALL
        SELECT '{name}', 'what initdb made', md5(string_agg(content, '' ORDER BY content)) FROM (
            SELECT ({content})::text AS content, {ours} AS ours FROM {name} AS c {not_of_sessions}
        ) AS objects WHERE NOT ours"""


def _table(name: str, _: str) -> str:
    return f"SELECT {_quoted('rows of ' + name)}, '', t::text FROM ONLY {name} AS t"


def _sequence(name: str, _: str) -> str:
    return f"SELECT 'sequences', {_quoted(name)}, concat_ws(' ', last_value, is_called) FROM {name}"


_QUESTIONS: Final[Mapping[str, Callable[[str, str], str]]] = {
    "catalogue": _catalogue,
    "table": _table,
    "sequence": _sequence,
}


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _without(lines: list[str], others: list[str]) -> list[str]:
    """The lines less the others, each as often as it occurs."""
    left = Counter(lines) - Counter(others)
    return [line for line, times in left.items() for _ in range(times)]
