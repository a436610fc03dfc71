"""`hookline connect`: make a Telnyx application post its webhooks to a stack, or to a tunnel."""

from typing import Annotated

import typer

from hookline_local.cli.options import Json, Profile, Region, StackName, command_app, screen_for

app = command_app()


@app.command(
    short_help="Set the Telnyx application and number of a stack.",
    epilog="Example: hookline connect --stack hookline --number +12025550123; "
    "hookline connect --url https://abc.example-tunnel.com --application laptop",
)
def connect(
    stack: StackName = None,
    url: Annotated[
        str | None,
        typer.Option(
            "--url",
            help="Instead of --stack: the https URL of a tunnel, or the URL of a stack that runs here.",
        ),
    ] = None,
    number: Annotated[
        str | None, typer.Option("--number", metavar="E.164", help="Give this number to the application.")
    ] = None,
    application: Annotated[
        str | None,
        typer.Option(
            "--application",
            metavar="NAME|ID",
            help="The Call Control application; created when there is none of this name.",
            show_default="the name of the stack",
        ),
    ] = None,
    failover_url: Annotated[
        str | None,
        typer.Option("--failover-url", help="Used after two failures in a row.", show_default="the same URL"),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Write without asking.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the difference, and change nothing.")] = False,
    profile: Profile = None,
    region: Region = None,
    json: Json = False,
) -> None:
    """Set webhook URL, failover URL, API version 2 and timeout of a Call Control application, and give it a number.

    Shows the difference, asks, writes. The API key is TELNYX_API_KEY, else the secret of the stack.
    """
    from hookline_local.cli.connecting import Wish, connect_application
    from hookline_local.cli.telnyx_options import account_of, checked_number, tunnel_url, webhook_target

    target = webhook_target(stack=stack, url=url, profile=profile, region=region)
    wish = Wish(
        application=application or target.name,
        webhook_url=target.webhook_url,
        failover_url=tunnel_url(failover_url, "--failover-url") if failover_url else target.webhook_url,
        number=checked_number(number),
    )
    with account_of(target) as account:
        connect_application(account, wish, screen_for(json), write=not dry_run, ask=not yes)
