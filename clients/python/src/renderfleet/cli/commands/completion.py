"""`renderfleet completion`: the script that teaches a shell to complete commands and options."""

from enum import StrEnum
from typing import Annotated

import typer
from typer.completion import get_completion_script  # type: ignore[attr-defined] # not in its __all__


class Shell(StrEnum):
    """The shells that have a script."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(shell: Annotated[Shell, typer.Argument(metavar="SHELL", help="bash, zsh or fish.")]) -> None:
    """Print the completion script of a shell.

    Example: renderfleet completion bash > ~/.local/share/bash-completion/completions/renderfleet
    """
    typer.echo(
        get_completion_script(
            prog_name="renderfleet", complete_var="_RENDERFLEET_COMPLETE", shell=shell.value
        )
    )
