"""Generates input that has misled programs before: URLs, names and env files that parsers interpret differently."""

import string
from typing import Final

from hypothesis import strategies as st

LOCAL_HOSTS: Final = ["127.0.0.1", "localhost", "postgres", "[::1]"]
_CHARACTERS: Final = [
    *"@#?/\\,;:%&=+[]{}()<>\"'`|^~*!$ \t\r\n\0\x0b\x1f\x7f",
    "\u00a0",
    "\u200b",
    "\u202e",
    "\ufeff",
    "\uff0f",
    "\uff20",
    "\u2044",
    "\ud800",
]
_ESCAPES: Final = [
    "%00",
    "%0a",
    "%20",
    "%23",
    "%25",
    "%2C",
    "%2F",
    "%3A",
    "%3f",
    "%40",
    "%5F",
    "%5f",
    "%ff",
    "%",
    "%zz",
    "%E2%80%AE",
]
SCHEMES: Final = ["postgresql+asyncpg", "postgresql", "asyncpg"]
_WRONG_SCHEMES: Final = [
    "postgres",
    "PostgreSQL",
    "postgresql+psycopg",
    "psycopg",
    "sqlite",
    "mysql",
    "",
    "postgresql:",
    "postgresql+asyncpg+",
    "POSTGRESQL+ASYNCPG",
]
_HOSTS: Final = [
    *(
        "prod",
        "db.example.com",
        "127.0.0.1.example.com",
        "localhost.example.com",
        "example.com:5432@127.0.0.1",
    ),
    *(
        "127.1",
        "127.0.0.1.",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0",
        "0.0.0.0",
        "127.0.0.2",
        "LOCALHOST",
    ),
    *(
        "[::1%25lo]",
        "[::1%lo]",
        "[fe80::1%25eth0]",
        "[::ffff:10.0.0.1]",
        "[::]",
        "x[::1]",
        "[::1]x",
        "[]",
        "[127.0.0.1]",
        "[::1",
        "::1",
        "[v1.x]",
    ),
    *("localhost,prod", "prod,localhost", "localhost:1,prod", "", "%2Fvar%2Frun", "/var/run/postgresql", "."),
    *(
        "\u24db\u24de\u24d2\u24d0\u24dbhost",
        "loc\u0430lhost",
        "localhost\u3002example.com",
        "127\u3002" + "0.0.1",
        "xn--lcalhost-4wf",
        "postgres\u200b",
    ),
    *("l" * 300, "localhost_", "-localhost", "localhost-", "local host"),
]
_PORTS: Final = [
    "",
    ":",
    ":0",
    ":65536",
    ":99999999999999999999",
    ":05432",
    ":+5432",
    ":-1",
    ": 5432",
    ":5432 ",
    ":5_432",
    ":0x1538",
    ":5432,5433",
    ":5432:5433",
    ":\uff15\uff14\uff13\uff12",
    ":\u0665",
    ":1e3",
]
NAMES: Final = ["dashtam_test", "dashtam_test_ci", "dashtam_test_7"]
_WRONG_NAMES: Final = [
    *(
        "dashtam",
        "latest",
        "contest",
        "attestation",
        "testimonials",
        "test",
        "postgres",
        "template1",
        "dashtam_tests",
        "dashtam_test_",
        "dashtam_test__x",
        "xdashtam_test",
        "dashtam-test",
        "dashtam_test_a_b",
    ),
    *(
        "DASHTAM_TEST",
        "Dashtam_test",
        "dashtam_test ",
        " dashtam_test",
        "dashtam_test\n",
        "dashtam_test\0",
        "dashtam_test%00",
        "dashtam%5Ftest",
        "d%61shtam_test",
        "dashtam_test%2F..%2Fdashtam",
    ),
    *(
        "dashtam_test/dashtam",
        "dashtam/dashtam_test",
        "../dashtam_test",
        "/dashtam_test",
        "dashtam_test;dashtam",
        "dashtam_test;",
        "dashtam_test,dashtam",
        "dashtam_test'; DROP DATABASE dashtam; --",
        '"dashtam_test"',
    ),
    *(
        "d\u0430shtam_test",
        "da\u0455htam_test",
        "dashtam\uff3ftest",
        "\u202edashtam_test",
        "dashtam_te\u017ft",
        "dashtam_tes\u1d57",
        "dashtam_test\u200b",
        "dashtam_t\u00e9st",
    ),
    *("dashtam_test_" + "x" * 60, "dashtam_test_" + "x" * 5000, ""),
]
_USERS: Final = [
    "u",
    "dashtam_test_user",
    "",
    "U",
    "postgres",
    "us er",
    "u!",
    "u$1",
    "u;x",
    "u&v",
    "u=1",
    "u*",
    "u+v",
    "u~",
    "u'",
    'u"',
    "u|v",
    "u^",
    "u`",
    "u(",
    "u<",
    "u{",
    "u}",
    "u.v",
    "u-v",
    "u%40prod",
    "u%00",
    "ü",
    "u/",
    "u?",
    "u#",
    "u\\",
    "[u",
    "u]",
    "u:v",
]
_PASSWORDS: Final = ["", "p@ss", "p:w", "p/w", "p#", "p?host=prod", "[p", "p]", "p%", "p%41", "p+w", "\u00fc"]
_TAILS: Final = [
    *(
        "?dbname=dashtam",
        "?host=prod",
        "?database=dashtam",
        "?schema=prod",
        "?options=-csearch_path%3Dprod",
        "?service=prod",
        "?user=postgres",
        "?port=1",
        "?target_session_attrs=any",
        "?hostaddr=10.0.0.1",
        "?passfile=/etc/passwd",
    ),
    *(
        "#",
        "#/dashtam",
        "?",
        "/",
        "//",
        "/dashtam",
        ";",
        ";x=1",
        "&host=prod",
        " ",
        "\n",
        "%23",
        "%3Fhost=prod",
        "\\",
        ",prod",
    ),
]


_TEXT: Final = st.text(max_size=12)
_PRINTABLE: Final = st.text(string.printable[:-6], max_size=12)
_VISIBLE: Final = st.text(
    st.characters(codec="ascii", min_codepoint=33, max_codepoint=126), min_size=1, max_size=8
)
# Each part: its valid values, and its invalid or odd ones.
_PARTS: Final[tuple[tuple[st.SearchStrategy[str], st.SearchStrategy[str]], ...]] = (
    (st.sampled_from(SCHEMES), st.sampled_from(_WRONG_SCHEMES)),
    (st.just("dashtam_test_user"), st.one_of(st.sampled_from(_USERS), _VISIBLE, _PRINTABLE)),
    (st.just("test_password"), st.one_of(st.sampled_from(_PASSWORDS), _VISIBLE, _TEXT)),
    (st.sampled_from(LOCAL_HOSTS), st.one_of(st.sampled_from(_HOSTS), _PRINTABLE)),
    (st.integers(1, 65535).map(lambda port: f":{port}"), st.one_of(st.sampled_from(_PORTS), _PRINTABLE)),
    (
        st.one_of(st.sampled_from(NAMES), st.from_regex(r"dashtam_test(_[a-z0-9]{1,9})?", fullmatch=True)),
        st.one_of(st.sampled_from(_WRONG_NAMES), _PRINTABLE),
    ),
    (st.just(""), st.one_of(st.sampled_from(_TAILS), _TEXT)),
)


@st.composite
def hostile_urls(draw: st.DrawFn) -> str:
    """A URL of a test database with no, one or several odd parts, and sometimes with random characters inserted.

    One odd part at a time finds more faults than a URL in which every part is odd.
    """
    odd = draw(st.sets(st.integers(0, len(_PARTS) - 1), max_size=draw(st.sampled_from([0, 1, 1, 1, 2, 3]))))
    scheme, user, password, host, port, name, tail = (
        draw(wrong if place in odd else right) for place, (right, wrong) in enumerate(_PARTS)
    )
    url = f"{scheme}://{user}:{password}@{host}{port}/{name}{tail}"
    for character in draw(
        st.lists(st.sampled_from([*_CHARACTERS, *_ESCAPES]), max_size=draw(st.sampled_from([0, 0, 0, 1, 3])))
    ):
        place = draw(st.integers(0, len(url)))
        url = url[:place] + character + url[place:]
    return url


_ENV_NAMES: Final = st.one_of(
    st.sampled_from(
        ["A", "DATABASE_URL", "TESTING", "_", "export A", "A ", " A", "a.b", "A-B", "1A", "", "A\t", "\u0410"]
    ),
    st.from_regex(r"[A-Z_][A-Z0-9_]{0,5}", fullmatch=True),
)
_ENV_SIGNS: Final = "ab1 \t#'\"\\$`=:;,{}()[]!%&*+-./<>?@^_|~\r\v\f\x00\x1b\u00a0\u2028\x85ü"
_ENV_VALUES: Final = st.one_of(
    st.text(_ENV_SIGNS, max_size=10),
    st.builds(
        lambda quote, inner, after: f"{quote}{inner}{quote}{after}",
        st.sampled_from(["'", '"', "`"]),
        st.text(_ENV_SIGNS, max_size=8),
        st.sampled_from(["", " ", " # comment", "#x", " x", "\t#", "'", '"']),
    ),
    st.sampled_from(
        [
            "$HOME",
            "${HOME}",
            "${HOME:-x}",
            "$$",
            "\\n",
            '"a\\nb"',
            "'a\nb'",
            '"a\nb"',
            "a #b",
            "a#b",
            "#b",
            '"a"b',
            "a=b",
            "true",
        ]
    ),
)
ENV_FILES: Final = st.lists(
    st.one_of(
        st.builds(
            lambda name, separator, value: f"{name}{separator}{value}",
            _ENV_NAMES,
            st.sampled_from(["="] * 6 + [" = ", ":", "= "]),
            _ENV_VALUES,
        ),
        st.builds(
            lambda name, value: f"{name}={value}",
            st.from_regex(r"[A-Z_]{1,4}", fullmatch=True),
            st.text("abc12#'\" =:/@!", max_size=8),
        ),
        st.sampled_from(["", "# comment", "  # comment", "#A=1", "A", "nonsense", "\ufeffA=1"]),
    ),
    max_size=5,
).map("\n".join)
