"""`webjobs completion`: the script by which a shell completes commands and names."""

import click

from webjobs_cli.lazy_group import Command

_HOW = {
    "bash": 'eval "$(webjobs completion bash)"  in ~/.bashrc',
    "zsh": 'eval "$(webjobs completion zsh)"  in ~/.zshrc, after compinit',
    "fish": "webjobs completion fish > ~/.config/fish/completions/webjobs.fish",
}


@click.command(cls=Command, epilog="\b\n" + "\n".join(_HOW.values()))
@click.argument("shell", type=click.Choice(list(_HOW)))
def completion(shell: str) -> None:
    """Print the script by which a shell completes commands and names.

    Names of jobs and runs are those of the server that commands speak to, at most 30 s old.
    """
    from click.shell_completion import get_completion_class

    made = get_completion_class(shell)
    assert made is not None
    root = click.get_current_context().find_root().command
    complete = made(root, {}, "webjobs", "_WEBJOBS_COMPLETE")
    click.echo(complete.source_template % complete.source_vars())
