"""Which statements of a migration may take data away: all but those on a list of what is known to be harmless.

PostgreSQL's own parser reads the SQL (postgast, libpg_query of our major version), so that comments, strings, dollar
quotes and upper case mean here what they mean to the server. The tree is then compared, field by field, with what
may occur in a harmless statement. It is a list of what is let through, never of what is stopped: a statement, an
option or a function that nobody thought of counts as one that may hurt.

One thing no parser sees: an INSERT runs the triggers that its table already has, as it does when the application
inserts. Where the same migrations make or enable a trigger, an INSERT behind it is not called harmless.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import postgast
from google.protobuf.message import Message
from postgast import pg_query_pb2 as tree


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Types that are PostgreSQL's own: a domain would run the checks that somebody gave it.
_TYPES: Final = _words(
    "bool bpchar bytea date float4 float8 inet int2 int4 int8 interval json jsonb numeric text time timestamp "
    "timestamptz timetz trigger uuid varchar"
)
_NUMBERED_TYPES: Final = frozenset({"bigserial", "serial", "smallserial"})
_VOLATILE: Final = frozenset({"gen_random_uuid", "uuidv4", "uuidv7"})
"""A new column with such a default makes PostgreSQL write every row anew."""
_FUNCTIONS: Final = _VOLATILE | _words(
    "abs btrim char_length jsonb_build_object jsonb_typeof length lower now octet_length pg_input_is_valid upper"
)
"""None of them changes anything; no other function may occur in an expression."""

_EXPRESSIONS: Final = {
    "A_ArrayExpr": "elements list_start list_end location",
    "A_Const": "isnull ival fval boolval sval bsval location",
    "A_Expr": "kind name lexpr rexpr rexpr_list_start rexpr_list_end location",
    "A_Star": "",
    "BitString": "bsval",
    "BoolExpr": "boolop args location",
    "Boolean": "boolval",
    "CaseExpr": "arg args defresult location",
    "CaseWhen": "expr result location",
    "CoalesceExpr": "args location",
    "ColumnRef": "fields location",
    "Float": "fval",
    "FuncCall": "funcname args funcformat location",
    "Integer": "ival",
    "List": "items",
    "NullTest": "arg nulltesttype location",
    "SQLValueFunction": "op typmod location",
    "String": "sval",
    "TypeCast": "arg type_name location",
    "TypeName": "names typmods typemod array_bounds location",
}
_STATEMENTS: Final = {
    "Alias": "aliasname",
    "AlterTableCmd": "subtype name def behavior missing_ok",
    "AlterTableStmt": "relation cmds objtype missing_ok",
    "ColumnDef": "colname type_name is_local constraints location",
    "CommentStmt": "objtype object comment",
    "Constraint": (
        "contype conname deferrable initdeferred is_enforced skip_validation initially_valid raw_expr generated_when "
        "nulls_not_distinct keys pktable fk_attrs pk_attrs fk_matchtype fk_upd_action fk_del_action location"
    ),
    "CreateFunctionStmt": "funcname parameters return_type options",
    "CreateStmt": "relation table_elts oncommit if_not_exists",
    "CreateTrigStmt": "trigname relation funcname args row timing events columns",
    "DefElem": "defname arg defaction location",
    "FunctionParameter": "name arg_type mode location",
    "IndexElem": "name expr ordering nulls_ordering",
    "IndexStmt": (
        "idxname relation access_method index_params index_including_params where_clause unique nulls_not_distinct "
        "if_not_exists"
    ),
    "InferClause": "index_elems conname location",
    "InsertStmt": "relation cols select_stmt on_conflict_clause override",
    "JoinExpr": "jointype larg rarg quals",
    "ObjectWithArgs": "objname objargs objfuncargs args_unspecified",
    "OnConflictClause": "action infer location",
    "RangeVar": "schemaname relname inh relpersistence alias location",
    "ResTarget": "name val location",
    "SelectStmt": "target_list from_clause where_clause values_lists limit_option op all larg rarg",
    "SubLink": "sub_link_type testexpr subselect location",
}
_ALLOWED: Final = {kind: _words(fields) for kind, fields in {**_EXPRESSIONS, **_STATEMENTS}.items()}
_HARMLESS: Final = _words(
    "AlterTableStmt CommentStmt CreateFunctionStmt CreateStmt CreateTrigStmt IndexStmt InsertStmt"
)
_TABLE_CHANGES: Final = frozenset(
    {
        tree.AT_AddColumn,
        tree.AT_AddConstraint,
        tree.AT_ColumnDefault,
        tree.AT_DropNotNull,
        tree.AT_EnableAlwaysTrig,
        tree.AT_EnableTrig,
        tree.AT_SetNotNull,
        tree.AT_ValidateConstraint,
    }
)
_TRIGGERS_ENABLED: Final = frozenset({tree.AT_EnableAlwaysTrig, tree.AT_EnableTrig})
_CONSTRAINTS: Final = frozenset(
    {
        tree.CONSTR_ATTR_DEFERRABLE,
        tree.CONSTR_ATTR_DEFERRED,
        tree.CONSTR_ATTR_IMMEDIATE,
        tree.CONSTR_ATTR_NOT_DEFERRABLE,
        tree.CONSTR_CHECK,
        tree.CONSTR_DEFAULT,
        tree.CONSTR_FOREIGN,
        tree.CONSTR_IDENTITY,
        tree.CONSTR_NOTNULL,
        tree.CONSTR_NULL,
        tree.CONSTR_PRIMARY,
        tree.CONSTR_UNIQUE,
    }
)
# Not OBJECT_DATABASE: that comment is the stamp which says whose database it is.
_COMMENTED: Final = frozenset(
    {
        tree.OBJECT_COLUMN,
        tree.OBJECT_FUNCTION,
        tree.OBJECT_INDEX,
        tree.OBJECT_TABCONSTRAINT,
        tree.OBJECT_TABLE,
        tree.OBJECT_TRIGGER,
    }
)
_FUNCTION_OPTIONS: Final = _words("as language parallel security strict volatility")
_UNKNOWN: Final = "is not on the list of statements that are known to be harmless"
_REASONS: Final = {
    "DeleteStmt": "deletes rows",
    "DoStmt": "runs code that nobody can read in advance",
    "DropStmt": "drops",
    "RenameStmt": "renames",
    "TruncateStmt": "empties tables",
    "UpdateStmt": "changes rows",
    "AT_AlterColumnType": "changes a type, and may rewrite the table",
    "AT_DropColumn": "drops a column",
    "AT_DropConstraint": "drops a constraint",
}


@dataclass(frozen=True)
class Harm:
    """A statement that may take data away, as a person may read it on a terminal, and why we think so."""

    statement: str
    reason: str


def find_harms(scripts: Sequence[str | None]) -> list[list[Harm]]:
    """Judge scripts that run one after the other: for each, the statements that may hurt, in their order.

    None stands for a script that nobody could read. It is for the caller to say so; here it may have made a trigger.
    """
    found: list[list[Harm]] = []
    triggers = False
    for script in scripts:
        harms: list[Harm] = []
        for text, statement in () if script is None else _statements(script):
            reason = "cannot be parsed" if statement is None else _why(statement, triggers=triggers)
            if reason is not None:
                harms.append(Harm(printable(text), reason))
            triggers = triggers or statement is None or _makes_trigger(statement)
        triggers = triggers or script is None
        found.append(harms)
    return found


def printable(text: str) -> str:
    """Escape what a terminal would obey instead of showing: control characters and marks of direction."""
    return "".join(
        char if char.isprintable() or char in "\n\t" else char.encode("unicode_escape").decode()
        for char in text
    )


def _statements(script: str) -> Iterator[tuple[str, Message | None]]:
    """Each statement with its text; the whole script and None where the parser did not read it to its end."""
    if "\0" in script:  # where the parser would believe that it ends
        yield script, None
        return
    try:
        encoded = script.encode()
        statements = postgast.parse(script).stmts
    except Exception:  # noqa: BLE001  # whatever it stumbled over, it has not read this
        yield script, None
        return
    for raw in statements:
        end = raw.stmt_location + raw.stmt_len if raw.stmt_len else len(encoded)
        yield encoded[raw.stmt_location : end].decode().strip(), _content(raw.stmt)


def _content(message: Message) -> Message:
    """What a node holds: Node is only the wrapping of all that may stand in a place."""
    while isinstance(message, tree.Node):
        kind = message.WhichOneof("node")
        if kind is None:
            break
        message = getattr(message, kind)
    return message


def _kind(message: Message) -> str:
    return str(message.DESCRIPTOR.name)


def _walk(message: Message) -> Iterator[Message]:
    message = _content(message)
    yield message
    for field, value in message.ListFields():
        if field.message_type is not None:
            for part in [value] if isinstance(value, Message) else value:
                yield from _walk(part)


def _why(statement: Message, *, triggers: bool) -> str | None:
    """Why a statement may hurt; None where all of it is on the list."""
    if _kind(statement) not in _HARMLESS:
        return _REASONS.get(_kind(statement), _UNKNOWN)
    if isinstance(statement, tree.InsertStmt) and triggers:
        return "may run a trigger that these migrations make"
    return next((reason for part in _walk(statement) for reason in _reasons(part)), None)


def _makes_trigger(statement: Message) -> bool:
    return any(
        isinstance(part, tree.CreateTrigStmt)
        or (isinstance(part, tree.AlterTableCmd) and part.subtype in _TRIGGERS_ENABLED)
        for part in _walk(statement)
    )


def _reasons(part: Message) -> Iterator[str]:
    """What is not on the list about one part, without the parts that it holds."""
    kind = _kind(part)
    allowed = _ALLOWED.get(kind)
    if allowed is None:
        yield _REASONS.get(kind, f"holds {kind}, which {_UNKNOWN}")
        return
    for field, _ in part.ListFields():
        if field.name not in allowed:
            yield f"holds {kind} with {field.name}, which {_UNKNOWN}"
    yield from _reasons_of_names(part)
    yield from _reasons_of_tables(part)


def _reasons_of_names(part: Message) -> Iterator[str]:
    match part:
        case tree.RangeVar():
            if (
                part.relpersistence != "p"
                or part.schemaname not in {"", "public"}
                or part.relname[:3] == "pg_"
            ):
                yield f"names {part.relname}, which is not an ordinary table of ours"
        case tree.TypeName():
            if _own_name(part.names) not in _TYPES | _NUMBERED_TYPES:
                yield f"uses the type {_shown(part.names)}, which is not PostgreSQL's own"
        case tree.FuncCall():
            if _own_name(part.funcname) not in _FUNCTIONS:
                yield f"calls {_shown(part.funcname)}(), which is not known to change nothing"
        case tree.CreateFunctionStmt():
            if _parts(part.funcname)[-1] in _FUNCTIONS:
                yield f"makes a function that may be taken for PostgreSQL's own {_shown(part.funcname)}()"
        case tree.A_Expr():
            if len(part.name) > 1:
                yield f"uses the operator {_shown(part.name)}, which may not be PostgreSQL's own"
        case tree.DefElem():
            if part.defname not in _FUNCTION_OPTIONS:
                yield f"has the option {part.defname}, which {_UNKNOWN}"


def _reasons_of_tables(part: Message) -> Iterator[str]:
    match part:
        case tree.AlterTableStmt():
            if part.objtype != tree.OBJECT_TABLE:
                yield _UNKNOWN
        case tree.AlterTableCmd():
            name = tree.AlterTableType.Name(part.subtype)
            if part.subtype not in _TABLE_CHANGES:
                yield _REASONS.get(name, f"is {name}, which {_UNKNOWN}")
            elif part.subtype == tree.AT_AddColumn and _is_written_anew(part):
                yield "adds a column that every row is written anew for"
            elif part.subtype == tree.AT_ColumnDefault and not part.HasField("def"):
                yield "drops a default"
        case tree.Constraint():
            if part.contype not in _CONSTRAINTS:
                yield f"holds {tree.ConstrType.Name(part.contype)}, which {_UNKNOWN}"
        case tree.OnConflictClause():
            if part.action != tree.ONCONFLICT_NOTHING:
                yield "changes rows where they conflict"
        case tree.CommentStmt():
            if part.objtype not in _COMMENTED:
                yield f"comments on {tree.ObjectType.Name(part.objtype)}, which {_UNKNOWN}"


def _is_written_anew(added: Message) -> bool:
    return any(
        (isinstance(part, tree.FuncCall) and _own_name(part.funcname) in _VOLATILE)
        or (isinstance(part, tree.TypeName) and _own_name(part.names) in _NUMBERED_TYPES)
        or (isinstance(part, tree.Constraint) and part.contype == tree.CONSTR_IDENTITY)
        for part in _walk(added)
    )


def _parts(names: Iterable[tree.Node]) -> list[str]:
    return [node.string.sval for node in names]


def _own_name(names: Iterable[tree.Node]) -> str:
    """The name of something that only pg_catalog can supply; empty where another schema is named."""
    parts = _parts(names)
    if len(parts) == 2 and parts[0] == "pg_catalog":
        del parts[0]
    return parts[0] if len(parts) == 1 else ""


def _shown(names: Iterable[tree.Node]) -> str:
    return printable(".".join(_parts(names)))
