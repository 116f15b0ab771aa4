"""The head of an answer: cut anywhere it means the same, and a flood of heads is none."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.egress.inbound.response_head import MAX_INTERIM, MAX_LINES, AnswerHeads, MalformedAnswerError

EXAMPLES = 200


@given(st.lists(st.binary(max_size=60), max_size=8), st.sampled_from((200, 204, 304, 103, 407, 101, 999)))
@settings(max_examples=EXAMPLES)
def test_an_answer_cut_into_any_pieces_gives_the_same(pieces: list[bytes], status: int) -> None:
    begin = f"HTTP/1.1 {status} x\r\nA: b\r\n".encode()
    whole = begin + b"".join(pieces) + b"\r\n\r\nrest"
    results = []
    for cut in (
        [whole],
        [begin, *pieces, b"\r\n\r\n", b"rest"],
        [whole[i : i + 1] for i in range(len(whole))],
    ):
        heads, passed = AnswerHeads(), b""
        try:
            for piece in cut:
                passed += piece if heads.is_complete else heads.feed(piece)
        except MalformedAnswerError as error:
            passed = f"refused {error.status}".encode()
        results.append((passed, heads.is_complete))
    assert results[0] == results[1] == results[2]
    passed, is_complete = results[0]
    if is_complete and b"refused" not in passed:
        assert b"\r\nConnection: close\r\n" in passed
        names = [line.partition(b":")[0].lower() for line in passed.partition(b"\r\n\r\n")[0].split(b"\r\n")]
        assert names.count(b"connection") == 1 or status == 103


@pytest.mark.parametrize(
    "flood",
    [
        b"HTTP/1.1 100 \n\n" * (MAX_INTERIM + 1),
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * MAX_LINES + b"\r\n",
    ],
    ids=["interim answers", "lines"],
)
@pytest.mark.parametrize("piece_bytes", [15, 1_000_000])
def test_a_target_that_floods_with_heads_is_no_target(flood: bytes, piece_bytes: int) -> None:
    heads = AnswerHeads()

    def feed() -> None:
        for start in range(0, len(flood), piece_bytes):
            heads.feed(flood[start : start + piece_bytes])

    with pytest.raises(MalformedAnswerError):
        feed()


def test_some_answers_before_the_answer_and_many_lines_are_passed_on() -> None:
    interim = b"HTTP/1.1 103 Early Hints\r\n\r\n" * MAX_INTERIM
    lines = b"A: b\r\n" * (MAX_LINES - 10)
    passed = AnswerHeads().feed(interim + b"HTTP/1.1 200 OK\r\n" + lines + b"\r\nrest")
    assert passed == interim + b"HTTP/1.1 200 OK\r\nConnection: close\r\n" + lines + b"\r\nrest"
