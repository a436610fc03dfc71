"""The findings of an examination on the terminal: one line each, with the mend."""

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from hookline_local.cli.screen import Screen
from hookline_local.operations.doctor.finding import Finding, Level

MARKS = {
    Level.OK: ("ok    ", "green"),
    Level.UNKNOWN: ("?     ", "dim"),
    Level.WARNING: ("warn  ", "yellow"),
    Level.FAULT: ("FAULT ", "red"),
}


class Text(NamedTuple):
    """sentence: with the facts of the finding. mend: what to do; empty for nothing."""

    sentence: str
    mend: str = ""


FAILOVER = "Name the webhook URL of a second stack with {connect} --failover-url, or leave the option out."
CONNECT = "{connect} sets it."
TEXTS = {
    # AWS
    "secret_readable": Text("the secret with the API key can be read"),
    "secret_unreadable": Text(
        "the secret with the API key cannot be read: {reason}",
        "Put the key into it (aws secretsmanager put-secret-value), or give another TelnyxApiKeySecretArn. Until then "
        "every command is queued.",
    ),
    "region": Text("endpoints and URLs are in {region}"),
    "endpoint_region": Text(
        "{name} is in {endpoint}, and the stack is looked for in {region}",
        "Unset the variable, or name the region of the stack with --region.",
    ),
    "function_settings": Text("{functions} functions have the settings of the stack"),
    "queue_url": Text(
        "{setting} of {functions} functions ({function}) is not the stack's queue: {value}",
        "It was changed by hand. make deploy with a changed parameter, such as LogLevel, sets it again.",
    ),
    "function_setting": Text(
        "{setting} of {functions} functions ({function}) is not the stack's: {value}",
        "It was changed by hand. make deploy with a changed parameter, such as LogLevel, sets it again.",
    ),
    "queue_missing": Text("{queue} ({setting}) does not exist: {reason}", "Delete the stack and deploy it again."),
    "dead_letters": Text("{messages} messages in {queue}", "Look at one, mend the cause, then redrive the queue."),
    "queues": Text("the queues exist, {waiting} messages wait"),
    "permissions": Text("the router may journal, queue and defer"),
    "permission": Text("{role} may not {permission}", "make deploy, after a change of the template's policies."),
    "statements": Text("the roles of {functions} functions hold every statement of the template"),
    "statement_missing": Text(
        "the roles of {functions} functions ({function}) lack the statement {sid}: {actions}",
        "make deploy. If it changes nothing, the policy was changed by hand: put the statement back, as in "
        "docs/permissions.md.",
    ),
    "statements_unknown": Text(
        "not compared, the statements of the roles: {reason}", "Use the checkout that was deployed."
    ),
    "retention": Text("events expire after {events} days, recordings after {recordings} (0: never)"),
    "time_to_live": Text("events should expire after {days} days and never do: TTL is {status}", "make deploy again."),
    "no_backups": Text("the table has no point-in-time recovery: {status}", "make deploy again."),
    "aws_unreadable": Text("not checked, {what}: {reason}", "Use credentials that may read the stack."),
    "stack_status": Text("CloudFormation: {status}"),
    "stack_rolled_back": Text(
        "CloudFormation: the last deployment failed, and the stack is as it was before",
        "The console shows the reason (CloudFormation, Events); then make deploy again.",
    ),
    "stack_in_progress": Text("CloudFormation: {status}; what is found may change", "Wait until it has ended."),
    "stack_failed": Text(
        "CloudFormation: {status}",
        "UPDATE_ROLLBACK_FAILED: console, Stack actions, Continue update rollback. Otherwise make delete, make deploy.",
    ),
    "queues_consumed": Text("functions work on the queues"),
    "queue_not_consumed": Text(
        "no function works on {queue}: its event source mapping is disabled or gone",
        "Lambda console: the function's triggers, Enable. If it is gone, delete the stack and deploy it again.",
    ),
    # The URL
    "reachable": Text("{url} refuses a forged webhook"),
    "not_a_webhook": Text(
        "{url} answers {status} to a forged webhook, and should answer 401",
        "Only Hookline answers 401: is a proxy or another program in between? 500: see the function's log.",
    ),
    "unreachable": Text(
        "{url} cannot be reached: {reason}", "Is the stack deployed, the tunnel open, hookline serve running?"
    ),
    "round_trip": Text("a signed webhook is answered 200"),
    "round_trip_failed": Text(
        "a signed webhook is answered {status}: {answer}",
        "401: the key that signed is not configured, or a clock is off. 5xx: the log of the function has the reason.",
    ),
    "no_signing_key": Text("not signed here: only Telnyx has the private key; see its deliveries below"),
    # Telnyx
    "no_api_key": Text("not checked, Telnyx: no API key", "Set TELNYX_API_KEY."),
    "api_key": Text("Telnyx accepts the API key"),
    "api_key_refused": Text(
        "Telnyx refuses the API key: {reason}",
        "Create one in the portal (Account > Keys & Credentials) and put it into the secret.",
    ),
    "api_key_of_another_account": Text(
        "the API key is of another account: neither the application nor the public key of this stack is there",
        "Put a key of the account that owns the number into the secret.",
    ),
    "public_key": Text("the configured public key is the account's"),
    "public_key_invalid": Text(
        "{reason}; it verifies nothing", "make deploy with TELNYX_PUBLIC_KEY as the portal shows it."
    ),
    "public_key_missing": Text(
        "no valid public key is configured, and every webhook is answered 500",
        "make deploy with TELNYX_PUBLIC_KEY as the portal shows it.",
    ),
    "public_key_unknown": Text("not checked, public key: Telnyx does not show it for this API key"),
    "public_key_of_another_account": Text(
        "no configured public key is the account's, so every webhook is answered 401",
        "make deploy with TELNYX_PUBLIC_KEY={current}",
    ),
    "public_key_dead": Text(
        "the account no longer signs with one of the configured public keys, {key}",
        "The rotation is over: make deploy with the other key alone.",
    ),
    "application_missing": Text(
        "the account has no Call Control application {application}, nor one with this URL",
        "{connect} creates it; or name yours with --application.",
    ),
    "application_inactive": Text("the application {application} is not active", "Activate it in the portal."),
    "application": Text("the application {application} posts to {webhook_url}"),
    "webhook_url_missing": Text("the application has no webhook URL; expected {expected}", CONNECT),
    "webhook_url_slash": Text(
        "the webhook URL ends with a slash, and API Gateway answers 404 there: {url}; expected {expected}", CONNECT
    ),
    "webhook_url_http": Text("the webhook URL is not https: {url}; expected {expected}", CONNECT),
    "webhook_url_path": Text("the webhook URL has another path: {url}; expected {expected}", CONNECT),
    "webhook_url_region": Text(
        "the webhook URL is of a stack in another region, {region}: {url}; expected {expected}",
        "{connect} sets it. If that stack is the right one, name it with --region.",
    ),
    "webhook_url_elsewhere": Text("the webhook URL is of another stack: {url}; expected {expected}", CONNECT),
    "failover_url_missing": Text("no failover URL, which Telnyx uses after two failures in a row", CONNECT),
    "failover_same": Text("the failover URL is the webhook URL: Telnyx goes on trying the same stack"),
    "failover": Text("the failover URL, {url}, refuses a forged webhook"),
    "failover_http": Text("the failover URL is not https: {url}", CONNECT),
    "failover_unreachable": Text("the failover URL, {url}, cannot be reached: {reason}", FAILOVER),
    "failover_not_a_webhook": Text(
        "the failover URL, {url}, answers {status} to a forged webhook, and should answer 401", FAILOVER
    ),
    "api_version": Text("the webhook API version is {version}, and every webhook goes to quarantine", CONNECT),
    "api_version_unset": Text(
        "no webhook API version is set, which means 1: every webhook goes to quarantine", CONNECT
    ),
    "timeout_short": Text(
        "Telnyx waits {seconds} s for an answer, which may take 2 s: webhooks are repeated while they are handled",
        CONNECT,
    ),
    "timeout": Text("Telnyx waits {seconds} s for an answer, and retries that much later", CONNECT),
    "timeout_unset": Text("no webhook timeout is set, and Telnyx's default is not documented", CONNECT),
    "number": Text("{number} belongs to the application ({numbers} in all)"),
    "number_elsewhere": Text(
        "{number} belongs to another application ({application})", "{connect} --number {number} moves it here."
    ),
    "number_unassigned": Text(
        "{number} belongs to no application, and does not ring", "{connect} --number {number} gives it to this one."
    ),
    "number_inactive": Text(
        "{number} belongs to the application, and does not ring: its status is {status}", "Telnyx portal: Numbers."
    ),
    "no_number": Text(
        "the account does not have the number ({number})", "Buy or port one in the portal, then {connect}."
    ),
    "deliveries": Text("Telnyx's last webhook here, {event_type} at {at}, was answered {status}"),
    "delivery_failed": Text(
        "Telnyx's last webhook here, {event_type} at {at}, was answered {status}",
        "401: a key or a clock, see above. 5xx or none: the log of the function has the reason.",
    ),
    "no_deliveries": Text("Telnyx's log has no webhook to this URL yet", "Call the number once."),
    "telnyx_unavailable": Text(
        "not checked, Telnyx at {url}: {reason}", "Try again later. 404: the base URL of Telnyx's API is wrong."
    ),
    # This machine
    "clock": Text("this machine's clock is {seconds} s off"),
    "clock_unknown": Text("not checked, clock: no server has answered"),
}
CLOCK_FAULT = "Set the clock by a time server. A stack that runs here refuses signatures that are 300 s off."


def show_findings(findings: Iterable[Finding], screen: Screen, *, connect: str) -> bool:
    """A line for each, as it comes; whether there is no fault. connect: the command that sets up this application."""
    found = []
    for plain in findings:
        finding = replace(plain, facts={**plain.facts, "connect": connect})
        found.append(finding)
        _show(finding, screen)
    faults = sum(finding.level is Level.FAULT for finding in found)
    screen.document({"healthy": not faults, "findings": [_as_json(finding) for finding in found]})
    screen.paragraph(f"{faults} faults" if faults != 1 else "1 fault", style="red" if faults else "green")
    return not faults


def _show(finding: Finding, screen: Screen) -> None:
    mark, style = MARKS[finding.level]
    screen.unwrapped((mark, style), _sentence(finding))
    if mend := _mend(finding):
        screen.unwrapped("      ", (mend, "dim"))


def _sentence(finding: Finding) -> str:
    return TEXTS[finding.code].sentence.format_map(finding.facts)


def _mend(finding: Finding) -> str:
    if finding.level is Level.OK:
        return ""
    return CLOCK_FAULT if finding.code == "clock" else TEXTS[finding.code].mend.format_map(finding.facts)


def _as_json(finding: Finding) -> dict[str, object]:
    sentence, mend = _sentence(finding), _mend(finding)
    facts = {name: value for name, value in finding.facts.items() if name != "connect"}
    return {"code": finding.code, "level": finding.level, "sentence": sentence, "mend": mend, **facts}
