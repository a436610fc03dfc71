"""`hookline dial`: place a call from a stack."""

import re
from typing import Annotated

import typer

from hookline_local.cli.options import Json, Profile, Region, StackName, Url, command_app, resources_of, screen_for
from hookline_local.cli.send import IdempotencyKey, Params

app = command_app()

_DIALABLE = re.compile(r"\+[1-9][0-9]{1,14}|sips?:\S+", re.ASCII)


@app.command(
    short_help="Place a call.",
    epilog="Example: hookline dial +12025550177 --from +12025550123 --connection 1494404757140276705 --flow reception",
)
def dial(
    to: Annotated[str, typer.Argument(help="A number in +E164 format, or a SIP URI.")],
    from_number: Annotated[str, typer.Option("--from", help="The number that is shown.")],
    connection: Annotated[str, typer.Option("--connection", metavar="ID", help="The application at Telnyx.")],
    flow: Annotated[str | None, typer.Option(help="The flow that decides on the call.", show_default="none")] = None,
    params: Params = None,
    idempotency_key: IdempotencyKey = None,
    url: Url = None,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    json: Json = False,
) -> None:
    """Place one call by the calls API. Who may be called is DialAllow's; it is sent once, whatever happens."""
    from hookline_local.base.errors import USAGE, CliError
    from hookline_local.cli.api_client import body_of, post

    if not _DIALABLE.fullmatch(to):
        raise CliError(f"{to}: invalid number", "Expected E.164, for example +12025550177, or a SIP URI.", code=USAGE)
    body = body_of("dial", params or []) | {"to": to, "from": from_number, "connection_id": connection}
    body |= {"flow": flow} if flow else {}
    answer = post(resources_of(url, stack, profile, region), "/calls", body, key=idempotency_key)
    screen = screen_for(json)
    screen.document(answer)
    screen.paragraph(f"dial: {answer.get('result')}; hookline calls show {answer.get('call_leg_id') or 'last'}")
