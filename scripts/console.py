"""console: open the console of an environment in the browser."""

import secrets
from contextlib import ExitStack
from pathlib import Path

import click

from scripts.common.browser import in_browser
from scripts.common.cli import command, environment_option
from scripts.common.target import find_target
from stacks.config.environments import ENVIRONMENTS


@command()
@environment_option
@click.option("--allow-changes", is_flag=True, help="Allow changes in a protected environment too.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Where on loopback; by default a free port.")
@click.option("--no-browser", is_flag=True, help="Only print the address.")
def console(environment: str, *, allow_changes: bool, port: int, no_browser: bool) -> None:
    """Open pages that show whether all is well, dead letters, statistics, people, and what arrives.

    The pages call what the commands call, with your own rights, and only this machine can open them: the printed
    address works once. In a protected environment they only read, unless you --allow-changes. Ctrl-C ends the console.
    Discarded messages are written to files in the folder where you start it.
    """
    from console.guard import token_in_memory
    from console.server import listen, serve
    from console.source import Source

    target = find_target(environment)  # once: it takes the account's variables out of this process
    target.outputs  # noqa: B018  now, and not on every page: it is not deployed, or nobody is signed in
    source = Source(ENVIRONMENTS[target.name], lambda: target, allow_changes=allow_changes, discard_folder=Path.cwd())
    token = secrets.token_urlsafe(32)
    take_token = token_in_memory(token)
    with listen(port) as listeners, ExitStack() as opening:

        def take(given: str) -> bool:
            taken = take_token(given)
            if taken:
                opening.close()  # the browser has read the file
            return taken

        address = f"http://localhost:{listeners.port}/open?token={token}"
        click.echo(f"The console of {environment} is at {address}\nIt works once. Ctrl-C ends the console.")
        if not no_browser:
            opening.enter_context(in_browser(address))
        serve(source, listeners, take)
