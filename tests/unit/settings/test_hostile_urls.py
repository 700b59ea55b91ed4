"""Strings that libpq, asyncpg and Tortoise interpret as different databases are refused."""

import pytest

from dashtam.settings.addresses import DatabaseAddress

# One string, three parsers, different databases; measured with Tortoise 1.1.9, asyncpg 0.32 and libpq 18.
DIFFERENTIAL = [
    "postgresql://u:p@h/dashtam_test?dbname=dashtam",
    "postgresql://u:p@h/dashtam_test?host=prod",
    "postgresql:///dashtam_test?host=prod",
    "postgresql://dashtam:p@h?database=dashtam_test",
    "postgresql://dashtam:p@h#/dashtam_test",
    "postgresql://u:p@prod#@h/dashtam_test",
    "postgresql://u:p@h/dashtam%5Ftest",
    "postgresql://u:p@h/dashtam_test?schema=prod",
    "postgresql://u:p@h/dashtam_test?options=-csearch_path%3Dprod",
    "postgresql://?service=prod",
    "postgresql://u:p@h,prod/dashtam_test",
    "postgresql://u:p@h:1,prod:2/dashtam_test",
    "postgresql://u:p@prod@h/dashtam_test",
    "postgresql://u:p@h/dashtam_test\n",
    "postgresql://u:p@h/dashtam_test/dashtam",
    "postgresql://u:p@%2Fvar%2Frun/dashtam_test",
    f"postgresql://u:p@h/dashtam_test_{'a' * 51}",  # PostgreSQL would cut off the last letter
]


@pytest.mark.parametrize("url", DIFFERENTIAL)
def test_a_url_that_clients_read_differently_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"expected|allowed|must be"):
        DatabaseAddress.parse(url, plain=True)


@pytest.mark.parametrize("scheme", ["postgresql+asyncpg", "postgresql", "asyncpg"])
def test_a_plain_url_has_one_reading(scheme: str) -> None:
    address = DatabaseAddress.parse(f"{scheme}://u:p@h:5433/dashtam_test", plain=True)
    assert (address.host, address.port, address.name, address.user) == ("h", 5433, "dashtam_test", "u")
