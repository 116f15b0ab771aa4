"""Encrypts ("seals") tenants' secrets before they are stored in Postgres, which never gets the key."""

from fleet.vault.enrolment import WrongKeyError, enrol, writing_sealed
from fleet.vault.sealing import Purpose, SecretOwner, UnsealError, Vault

__all__ = ["Purpose", "SecretOwner", "UnsealError", "Vault", "WrongKeyError", "enrol", "writing_sealed"]
