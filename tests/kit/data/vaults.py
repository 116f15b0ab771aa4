"""A secret key for tests, and a vault with this key."""

from fleet.vault import Vault
from fleet.vault.settings import key_from_text

SECRET_KEY = "dGhlIGtleSBvZiBhIGZsZWV0IHVuZGVyIHRlc3QhISE="
VAULT = Vault([key_from_text(SECRET_KEY)])
