"""The accounts of the sandbox: invented, and the same for every customer."""

from typing import Final

ACCOUNTS: Final = [
    {
        "id": "sandbox-checking",
        "name": "Everyday",
        "kind": "checking",
        "currency": "USD",
        "balance": "1204.17",
    },
    {
        "id": "sandbox-savings",
        "name": "Rainy day",
        "kind": "savings",
        "currency": "USD",
        "balance": "8800.00",
    },
    {
        "id": "sandbox-brokerage",
        "name": "Long run",
        "kind": "brokerage",
        "currency": "USD",
        "balance": "31950.42",
    },
]
