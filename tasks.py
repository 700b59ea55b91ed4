"""The verbs of the developer environment: sentences over dashtam.devenv, which says how."""

from types import ModuleType

from invoke.collection import Collection
from invoke.context import Context
from invoke.exceptions import Exit
from invoke.program import Program
from invoke.tasks import task

ENGINE = (
    "compose or embedded; default: DASHTAM_ENGINE, else the recorded one, else compose where Docker answers"
)
OPTIONS = "options for pytest, in quotes; or write them behind --"


def verbs() -> ModuleType:
    """Load the verbs late: `invoke --list` shall not wait for them."""
    from dashtam.devenv import verbs

    return verbs


def end(code: int) -> None:
    """End Invoke with a verb's exit code; 0 lets the next task begin."""
    if code:
        raise Exit(code=code)


@task(default=True, name="list")
def list_verbs(c: Context) -> None:
    """Show this list."""
    Program(namespace=namespace, name="invoke", binary="invoke").run(["invoke", "--list"], exit=False)


@task(help={"engine": ENGINE})
def up(c: Context, engine: str | None = None) -> None:
    """Start development; the first run also writes .env, certificates and databases."""
    end(verbs().up(engine=engine))


@task
def down(c: Context) -> None:
    """Stop all components; the data stays."""
    end(verbs().down())


@task(help={"component": "postgres, redis, app, callback or refresher; default: all of them"})
def restart(c: Context, component: str | None = None) -> None:
    """Stop and start development, or one component of it."""
    end(verbs().restart(component=component))


@task(help={"json": "print JSON for machines"})
def status(c: Context, json: bool = False) -> None:
    """Show mode, engine, health, and the database that each process is really connected to."""
    end(verbs().status(as_json=json))


@task(
    iterable=["component"],
    help={
        "component": "postgres, redis, app, callback or refresher; may be given several times; default: all of them",
        "follow": "keep printing new lines until Ctrl-C",
        "tail": "how many of the last lines of each component to print",
    },
)
def logs(c: Context, component: list[str] | None = None, follow: bool = False, tail: int = 50) -> None:
    """Print the merged log of the components."""
    end(verbs().logs(components=component or [], follow=follow, tail=tail))


@task
def shell(c: Context) -> None:
    """Open a Python shell inside the app component; `await` works in it."""
    end(verbs().shell())


@task(name="exec", help={"component": "postgres, redis, app, callback or refresher"})
def execute(c: Context, component: str) -> None:
    """Run what stands behind -- inside a component: invoke exec app -- ls -l."""
    end(verbs().execute(component=component, command=verbs().remainder()))


@task
def doctor(c: Context) -> None:
    """Say what is wrong here and how to mend it; exit 1 where something is."""
    end(verbs().doctor())


@task(help={"show": "the number of a letter to print whole; 1 is the newest"})
def mail(c: Context, show: int = 0) -> None:
    """List the mail that this environment kept instead of sending it, or print one letter with its links."""
    end(verbs().show_mail(number=show))


@task(name="setup", help={"engine": ENGINE})
def set_up_tests(c: Context, engine: str | None = None) -> None:
    """Switch to the test environment and build the test database afresh."""
    end(verbs().test_setup(engine=engine))


@task(name="unit", help={"options": OPTIONS})
def unit_tests(c: Context, options: str = "") -> None:
    """Run tests/unit in the test environment."""
    end(verbs().test_inside(paths=["tests/unit"], options=options))


@task(name="integration", help={"options": OPTIONS})
def integration_tests(c: Context, options: str = "") -> None:
    """Run tests/integration in the test environment."""
    end(verbs().test_inside(paths=["tests/integration"], options=options))


@task(name="coverage", help={"options": OPTIONS})
def coverage(c: Context, options: str = "") -> None:
    """Run the unit, integration and rules tests, and show which lines they reach."""
    end(verbs().test_coverage(options=options))


@task(name="acceptance", help={"options": OPTIONS})
def acceptance_tests(c: Context, options: str = "") -> None:
    """Run tests/acceptance: the tasks themselves, in throw-away environments."""
    end(verbs().test_acceptance(options=options))


@task(
    name="endurance",
    help={
        "rounds": "faults that each verb meets, and random sequences of verbs; default: a few",
        "options": OPTIONS,
    },
)
def endurance_tests(c: Context, rounds: int = 0, options: str = "") -> None:
    """Run tests/endurance: verbs that are killed or disturbed at every step, and random sequences of verbs."""
    end(verbs().test_endurance(rounds=rounds, options=options))


@task(name="clean")
def clean_tests(c: Context) -> None:
    """Destroy the test database, and prove that development is unchanged."""
    end(verbs().test_clean())


@task(default=True, name="all", help={"engine": ENGINE, "options": OPTIONS})
def all_tests(c: Context, engine: str | None = None, options: str = "") -> None:
    """Set up, run all tests, clean, and bring development back if it was running."""
    end(verbs().test_everything(engine=engine, options=options))


@task(
    name="create",
    help={
        "email": "the user's address; default: it is asked for",
        "role": "user, read_only or admin",
    },
)
def user_create(c: Context, email: str = "", role: str = "user") -> None:
    """Make a user who can sign in; the password is asked for, or read from standard input."""
    end(verbs().create_user(email=email, role=role))


@task(
    help={
        "provider": "its key, as sandbox",
        "email": "whose connection it is; default: the only user's",
        "alias": "what the connection is called; default: the provider's name",
    },
)
def connect(c: Context, provider: str, email: str = "", alias: str = "") -> None:
    """Connect a provider: prints a link to open in a browser, and waits until it is connected or failed."""
    end(verbs().connect(provider=provider, email=email, alias=alias))


@task(
    name="migrate",
    iterable=["allow"],
    help={"allow": "a pending migration that may take data away, by name; may be given several times"},
)
def db_migrate(c: Context, allow: list[str] | None = None) -> None:
    """Apply pending migrations to development, after a snapshot; what may take data away is shown and asked for."""
    end(verbs().migrate(allow=allow or []))


@task(name="migration", help={"name": "what changed, in lower-case letters, digits and _"})
def db_migration(c: Context, name: str) -> None:
    """Write a migration from what changed in the models."""
    end(verbs().create_migration(name=name))


@task(name="history")
def db_history(c: Context) -> None:
    """List applied and pending migrations."""
    end(verbs().show_migrations())


@task(name="shell")
def db_shell(c: Context) -> None:
    """Open psql on the active database, as its own role; options for psql stand behind --."""
    end(verbs().database_shell(options=verbs().remainder()))


@task(
    name="snapshot",
    help={"name": "lower-case letters, digits, _ and -; default: one made from the moment"},
)
def db_snapshot(c: Context, name: str | None = None) -> None:
    """Copy the development database under a name; invoke db.restore brings it back."""
    end(verbs().take_snapshot(name=name))


@task(name="snapshots", help={"json": "print JSON for machines"})
def db_snapshots(c: Context, json: bool = False) -> None:
    """List the snapshots with age, size, migration head and reason."""
    end(verbs().show_snapshots(as_json=json))


@task(
    name="restore",
    help={
        "name": "one that db.snapshots lists",
        "replace": "the name of the development database, so that nothing is asked",
    },
)
def db_restore(c: Context, name: str, replace: str | None = None) -> None:
    """Put a copy of a snapshot in the place of development, which is kept as a snapshot itself."""
    end(verbs().restore_snapshot(name=name, replace=replace))


@task(name="drop-snapshot", help={"name": "one that db.snapshots lists"})
def db_drop_snapshot(c: Context, name: str) -> None:
    """Drop a snapshot for good."""
    end(verbs().drop_snapshot(name=name))


@task(
    name="verify",
    help={
        "expect": "an anchor that an earlier run printed, such as 57:9f86d0...: check that it still holds",
        "since": "such an anchor: check only what was written behind it",
    },
)
def audit_verify(c: Context, expect: str | None = None, since: str | None = None) -> None:
    """Check that every audit entry is as it was written, and that none is missing."""
    end(verbs().verify_audit(expect=expect, since=since))


@task(name="status", help={"json": "print JSON for machines"})
def keys_status(c: Context, json: bool = False) -> None:
    """Show the keys that seal what is secret, their states, and how many rows each seals."""
    end(verbs().show_keys(as_json=json))


@task(
    name="rotate",
    help={"new": "make a new key even where an earlier run was not finished"},
)
def keys_rotate(c: Context, new: bool = False) -> None:
    """Let a new data key seal, and seal everything anew with it while all else runs; may be killed and run again."""
    end(verbs().rotate_keys(afresh=new))


@task(name="retire", help={"key": "its id, as keys.status shows it"})
def keys_retire(c: Context, key: str) -> None:
    """Destroy a data key that seals nothing any more; refused while anything needs it."""
    end(verbs().retire_key(key=key))


@task(name="format")
def format_code(c: Context) -> None:
    """Format the code."""
    end(verbs().check_code(names=["format"], mend=True))


@task(help={"fix": "mend what can be mended"})
def lint(c: Context, fix: bool = False) -> None:
    """Look for mistakes with ruff."""
    end(verbs().check_code(names=["lint"], mend=fix))


@task
def types(c: Context) -> None:
    """Check the types with mypy."""
    end(verbs().check_code(names=["types"]))


@task
def imports(c: Context) -> None:
    """Check that imports point down, with import-linter."""
    end(verbs().check_code(names=["imports"]))


@task(
    iterable=["file"],
    help={
        "file": "a file to mutate, as tests/mutation/targets.py names it; may be given several times; default: each",
        "all": "make every mistake, instead of taking guards away alone",
        "ci": "only what CI has the time for; no error where this machine has no fence to put them behind",
    },
)
def mutate(
    c: Context,
    file: list[str] | None = None,
    all: bool = False,  # noqa: A002 - the option's name
    ci: bool = False,
) -> None:
    """Break every guard of the data, one at a time and fenced in, and see that a test notices."""
    end(verbs().mutate(files=file or [], thorough=all, ci=ci))


@task(help={"engine": ENGINE})
def check(c: Context, engine: str | None = None) -> None:
    """All checks: format, lint, types, imports, all tests, endurance, mutants of what destroys."""
    end(verbs().check_everything(engine=engine))


@task
def bench(c: Context) -> None:
    """Measure the tasks, the database and the API against plain baselines."""
    end(verbs().bench())


namespace = Collection(
    list_verbs,
    up,
    down,
    restart,
    status,
    logs,
    shell,
    execute,
    doctor,
    mail,
    connect,
    format_code,
    lint,
    types,
    imports,
    mutate,
    check,
    bench,
)
namespace.add_collection(
    Collection(
        "test",
        all_tests,
        set_up_tests,
        unit_tests,
        integration_tests,
        acceptance_tests,
        endurance_tests,
        coverage,
        clean_tests,
    )
)
namespace.add_collection(Collection("user", user_create))
namespace.add_collection(Collection("audit", audit_verify))
namespace.add_collection(Collection("keys", keys_status, keys_rotate, keys_retire))
namespace.add_collection(
    Collection(
        "db",
        db_migrate,
        db_migration,
        db_history,
        db_shell,
        db_snapshot,
        db_snapshots,
        db_restore,
        db_drop_snapshot,
    )
)
