"""Addresses are parsed in every plain spelling, and ambiguous ones are refused."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashtam.settings.addresses import CacheAddress, DatabaseAddress, MailAddress, MailEncryption, parse_place

PRINTABLE = st.text(st.characters(codec="ascii", min_codepoint=33, max_codepoint=126), min_size=1)


@pytest.mark.parametrize("scheme", ["postgresql+asyncpg", "postgresql", "asyncpg"])
def test_a_database_url_is_parsed(scheme: str) -> None:
    address = DatabaseAddress.parse(f"{scheme}://dashtam_user:s3cret@db.local:5433/dashtam")
    assert address.place == "db.local:5433/dashtam"
    assert (address.user, address.password.get_secret_value()) == ("dashtam_user", "s3cret")


def test_the_default_port_of_a_database_is_5432() -> None:
    assert DatabaseAddress.parse("postgresql://u:p@[::1]/dashtam").place == "::1:5432/dashtam"


@given(PRINTABLE, PRINTABLE)
def test_any_user_and_password_survive_percent_escapes(user: str, password: str) -> None:
    url = f"postgresql://{quote(user, safe='')}:{quote(password, safe='')}@localhost:5432/dashtam"
    address = DatabaseAddress.parse(url)
    assert (address.user, address.password.get_secret_value()) == (user, password)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "dashtam",
        "mysql://u:p@h/dashtam",
        "postgres://u:p@h/dashtam",
        "postgresql://h/dashtam",
        "postgresql://u@h/dashtam",
        "postgresql://u:p@/dashtam",
        "postgresql://u:p@h",
        "postgresql://u:p@h/",
        "postgresql://u:p@h/Dashtam",
        "postgresql://u:p@h/a/b",
        "postgresql://u:p@h/dashtam?host=prod",
        "postgresql://u:p@h/dashtam#x",
        "postgresql://u:p@h#/dashtam",
        "postgresql://u:p@h,prod/dashtam",
        "postgresql://u:p@one@two/dashtam",
        "postgresql://u:p@h\\x/dashtam",
        "postgresql://u:p@h:0/dashtam",
        "postgresql://u:p@h:65536/dashtam",
        "postgresql://u:p@h:x/dashtam",
        "postgresql://u:p@h/dash tam",
        "postgresql://u:p@h/dashtam\r",
        "postgresql://u:%00@h/dashtam",
        "postgresql://u:%0a@h/dashtam",
        "postgresql://u:%ff@h/dashtam",
        "postgresql://u:p@%2Ftmp/dashtam",
        "postgresql://u:[p@h/dashtam",
        "postgresql://u:p@[::1/dashtam",
        "postgresql://u:p@[::1]0/dashtam",
        "postgresql://u:p@;[::1]/dashtam",
        "postgresql://u:p@h/[dashtam]",
        "postgresql://:p@h/dashtam",
        "postgresql://u:p p@h/dashtam",
        "postgresql://u:p\u00fc@h/dashtam",
        "postgresql://u:[p]@h/dashtam",
        "postgresql://u:[::1]@h/dashtam",
        "postgresql://u:p@[x]/dashtam",
        f"postgresql://u:p@h/{'x' * 64}",
    ],
)
def test_an_ambiguous_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"expected|must|not allowed|missing|malformed"):
        DatabaseAddress.parse(url)


def test_a_test_database_has_no_percent_escapes() -> None:
    url = "postgresql://u:p@h/dashtam%5Ftest"
    assert DatabaseAddress.parse(url).name == "dashtam_test"
    with pytest.raises(ValueError, match="percent escapes"):
        DatabaseAddress.parse(url, plain=True)


@pytest.mark.parametrize("user", ["u!", "U", "u-v", "1u", "u" * 64])
def test_a_test_database_has_a_user_of_a_simple_name(user: str) -> None:
    url = f"postgresql://{user}:p@h/dashtam_test"
    assert DatabaseAddress.parse(url).user == user
    with pytest.raises(ValueError, match="the user of a test database"):
        DatabaseAddress.parse(url, plain=True)


@given(st.text())
def test_any_text_is_read_or_refused_without_quoting_it(text: str) -> None:
    message = ""
    try:
        DatabaseAddress.parse(f"postgresql://u:canary{text}@h:1/x")
    except ValueError as error:
        message = str(error)
    assert "canary" not in message


def test_a_cache_url_is_parsed() -> None:
    address = CacheAddress.parse("redis://test%40ing:s3cr%40t@cache:6380/1")
    assert address.place == "cache:6380/1"
    assert address.password is not None
    assert address.user == "test@ing"
    assert address.password.get_secret_value() == "s3cr@t"
    assert not address.is_encrypted
    assert CacheAddress.parse("rediss://cache/0").is_encrypted
    assert CacheAddress.parse("redis://:s3cret@cache/0").user is None


@pytest.mark.parametrize(
    "url", ["redis://h", "redis://h/", "redis://h/16", "redis://h/-1", "redis://h/1/2", "redis://h/\u0661"]
)
def test_the_index_of_the_cache_is_required(url: str) -> None:
    with pytest.raises(ValueError, match=r"expected|must|not allowed|missing|malformed"):
        CacheAddress.parse(url)


@pytest.mark.parametrize("url", ["redis://admin@h/0", "redis://admin:@h/0", "redis://a%0ab:p@h/0"])
def test_a_user_of_the_cache_has_a_name_and_a_password(url: str) -> None:
    with pytest.raises(ValueError, match=r"has no password|printable"):
        CacheAddress.parse(url)


def test_an_address_does_not_show_its_password() -> None:
    assert "s3cret" not in repr(DatabaseAddress.parse("postgresql://u:s3cret@h/dashtam"))
    assert "s3cret" not in repr(CacheAddress.parse("redis://:s3cret@h/0"))


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("smtps://u:p@mail.example.com", "smtps://mail.example.com:465"),
        ("smtp+starttls://u:p@mail.example.com/", "smtp+starttls://mail.example.com:587"),
        ("smtps://u:p@mail.example.com:2465", "smtps://mail.example.com:2465"),
        ("smtp://127.0.0.1:1025", "smtp://127.0.0.1:1025"),
        ("smtp://localhost", "smtp://localhost:25"),
        ("smtp://[::1]:25", "smtp://::1:25"),
    ],
)
def test_a_mail_url_is_parsed(url: str, place: str) -> None:
    assert MailAddress.parse(url).place == place


def test_user_and_password_of_mail_survive_percent_escapes() -> None:
    address = MailAddress.parse("smtps://ann%40example.com:p%3A%2F%40@mail.example.com")
    assert address.encryption is MailEncryption.IMPLICIT
    assert address.user == "ann@example.com"
    assert address.password is not None
    assert address.password.get_secret_value() == "p:/@"
    assert "p:/@" not in repr(address)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mail.example.com",
        "smtp://mail.example.com",
        "smtp://u:p@192.0.2.1",
        "smtp://localhost.example.com",
        "smtps://",
        "smtps://u@mail.example.com",
        "smtps://:p@mail.example.com",
        "smtps://u:p@mail.example.com/path",
        "smtps://u:p@mail.example.com?tls=off",
        "smtps://u:p@mail.example.com#x",
        "smtps://u:p@mail.example.com:0",
        "smtps://u:p%0a@mail.example.com",
        "smtps://u:canary@one@two",
        "SMTPS://u:p@mail.example.com",
    ],
)
def test_a_mail_url_that_is_not_plain_is_refused(url: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - each says something else
        MailAddress.parse(url)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "place"),
    [("App:8000", ("app", 8000)), ("10.0.0.1:1", ("10.0.0.1", 1)), ("app:65535", ("app", 65_535))],
)
def test_a_place_is_a_host_and_a_port(text: str, place: tuple[str, int]) -> None:
    assert parse_place(text) == place


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("app", "expected host:port"),
        ("app:", "expected host:port"),
        ("app:0", "expected host:port"),
        ("app:http", "expected host:port"),
        (":8000", "expected host:port"),
        ("a b:8000", "expected host:port"),
        ("::1:8000", "expected host:port"),  # where does the host end?
        ("app:65536", "port 65536 is too large; expected 1 to 65535"),
    ],
)
def test_an_invalid_place_is_refused_with_a_reason(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_place(text)
