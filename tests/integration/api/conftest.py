"""The API in this process, and visitors of it."""

from tests.support.people.visiting import app as app
from tests.support.people.visiting import client as client
from tests.support.people.visiting import postbox as postbox
from tests.support.people.visiting import resources as resources
from tests.support.people.visiting import signed_in as signed_in
from tests.support.people.visiting import visitor as visitor
