"""Every column that holds something sealed is known to the keys, or a rotation would leave it behind."""

from tortoise import fields

from dashtam.models import __models__
from dashtam.sealing.tables import TABLES

KNOWN = {f"{table.name}.{column.name}" for table in TABLES for column in table.columns}


def test_every_sealed_column_of_the_models_is_rotated_and_counted() -> None:
    """By the names, which end in `_sealed`, and the other way round."""
    sealed = {
        f"{model._meta.db_table}.{name}"
        for model in __models__
        for name, field in model._meta.fields_map.items()
        if isinstance(field, fields.BinaryField) and name.endswith("_sealed")
    }
    assert sealed == KNOWN


def test_a_table_whose_rows_name_their_key_has_it_updated() -> None:
    named = {model._meta.db_table for model in __models__ if "key_id" in model._meta.fields_map}
    assert {table.name for table in TABLES if table.has_key_id} == named - {"audit_heads"}


def test_each_column_belongs_to_its_table_and_is_listed_once() -> None:
    assert all(column.table == table.name for table in TABLES for column in table.columns)
    assert len(KNOWN) == sum(len(table.columns) for table in TABLES)
