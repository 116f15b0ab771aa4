"""The key of the tests' fleet, and its vault."""

from fleet.secret_keys import key_from_text
from fleet.vault import Vault

SECRET_KEY = "dGhlIGtleSBvZiBhIGZsZWV0IHVuZGVyIHRlc3QhISE="
VAULT = Vault([key_from_text(SECRET_KEY)])
