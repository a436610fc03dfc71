"""`hookline doctor`: what is wrong with a stack, its Telnyx application or this laptop, and how to mend it."""

from typing import Annotated

import typer

from hookline_local.cli.options import Json, Key, Profile, Region, StackName, Url, command_app, end, screen_for

app = command_app()


@app.command(
    short_help="Check stack, Telnyx application and laptop.",
    epilog="Example: hookline doctor --stack hookline --number +12025550123",
)
def doctor(
    stack: StackName = None,
    url: Url = None,
    number: Annotated[
        str | None,
        typer.Option("--number", metavar="E.164", help="The number that should ring.", show_default="any number"),
    ] = None,
    application: Annotated[
        str | None,
        typer.Option(
            "--application", metavar="NAME|ID", help="The application.", show_default="named like the stack, else found"
        ),
    ] = None,
    webhook_url: Annotated[
        str | None,
        typer.Option("--webhook-url", help="Of a tunnel to the stack that runs here.", show_default="the stack's own"),
    ] = None,
    key: Key = None,
    profile: Profile = None,
    region: Region = None,
    json: Json = False,
) -> None:
    """Check keys, secret, URL, version, a signed round trip, permissions, queues, clock, retention, region.

    Changes nothing but this: where a key to sign with is known, an event of the type hookline.doctor is journalled.
    Exit 1 for a fault.
    """
    from hookline_local.cli.doctor_view import show_findings
    from hookline_local.cli.patients import Choice, connect_command, patient_of
    from hookline_local.operations.doctor.examination import examine

    choice = Choice(stack, url, profile, region, application, number, webhook_url, key)
    patient = patient_of(choice)
    end(good=show_findings(examine(patient), screen_for(json), connect=connect_command(choice, patient)))
