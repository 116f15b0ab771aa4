"""Which blocks of commands mean the same in each shell, so that one shell is enough to try them."""

import pytest

from tests.kit.docs.blocks import Block


@pytest.mark.parametrize(
    "text",
    [
        "renderfleet shot example.com -O locale=de | head >example.png",
        "echo 'a*b?' \"a b?c=d&e\"",
        'KEY=$(cat api-key)\ncurl -H "X-API-Key: $KEY" -H "X: $(cat api-key)"',
        "TOKEN=$OTHER HOST=127.0.0.1 python -m worker",
    ],
)
def test_these_do(text: str) -> None:
    assert Block("page", text).is_plain


@pytest.mark.parametrize(
    "text",
    [
        *("ls a?b", "ls *", "ls [a]", "ls ~", "echo {a,b}", "=ls", "sleep 1 &", "echo `ls`"),
        *("echo a!", "echo 'a!'", 'echo "a!"'),
        *("echo $KEY", "echo KEY=$KEY", "echo $(ls)", "echo KEY=$(ls)", "KEY=$(ls *)", 'echo "$(ls *)"'),
    ],
)
def test_these_may_not(text: str) -> None:
    assert not Block("page", text).is_plain
