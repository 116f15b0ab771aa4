"""Pins what `fleet/queue/arq_adapter.py` uses and overrides of arq: what a release moves fails here."""

import hashlib
import inspect
from importlib.metadata import version

from arq import constants, jobs, worker
from arq.connections import ArqRedis

from fleet.queue import arq_adapter

OVERRIDDEN = ("main", "close", "handle_sig_wait_for_completion", "run_job")
RELIED_UPON = ("run", "_add_signal_handler", "__init__")

# SHA-256 of these methods' sources in arq 0.28.0. When it changes: read the difference, then the carrier.
READ_WITH_CARE = "070e5b10a67a40cdd5ff95bcd63af7d6e02aa1ba96fee106bd5d3d811d109600"


def fingerprint() -> str:
    sources = [inspect.getsource(getattr(worker.Worker, name)) for name in (*OVERRIDDEN, *RELIED_UPON)]
    sources.append(inspect.getsource(jobs.serialize_job))
    sources.append(inspect.getsource(ArqRedis.enqueue_job))
    return hashlib.sha256("".join(sources).encode()).hexdigest()


def test_the_release_is_the_one_that_was_read() -> None:
    assert version("arq") == "0.28.0"
    assert fingerprint() == READ_WITH_CARE


def test_overridden_names_exist_in_arq() -> None:
    for name in OVERRIDDEN:
        assert name in vars(worker.Worker), name
        assert name in vars(arq_adapter.CarrierWorker), name


def test_keys_are_arqs_own() -> None:
    assert constants.job_key_prefix == "arq:job:"


def test_a_message_can_be_read_by_arq_and_holds_no_pickle() -> None:
    payload = jobs.serialize_job(arq_adapter.FUNCTION, (), {}, None, 1, serializer=arq_adapter.serialize)
    read = jobs.deserialize_job_raw(payload, deserializer=arq_adapter.deserialize)
    assert (read[0], list(read[1]), read[2], read[4]) == (arq_adapter.FUNCTION, [], {}, 1)
    assert payload.startswith(b"{")
