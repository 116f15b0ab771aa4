"""What tenants give as secret, and how it lies in Postgres: sealed by a key that Postgres never sees."""

from fleet.vault.enrolment import WrongKeyError, enrol, writing_sealed
from fleet.vault.sealing import Purpose, SecretOwner, UnsealError, Vault

__all__ = ["Purpose", "SecretOwner", "UnsealError", "Vault", "WrongKeyError", "enrol", "writing_sealed"]
