"""`make deploy` asks this before and after `sam deploy`: can the stack be deployed, and what to do when it cannot.

python -m hookline_local.cli.deployable [--config-env STAGE] [--stack-name NAME] [--region REGION]
python -m hookline_local.cli.deployable --deployed ...   whether it was deployed, after SAM has ended with status 0
"""

import argparse
import sys
from collections.abc import Sequence

from hookline_local.base.errors import CHECK_FAILED, USAGE
from hookline_local.cli.screen import print_error
from hookline_local.operations.deployable import pending_changes, stages, undeployable


def main(arguments: Sequence[str]) -> int:
    """Write what is in the way to standard error; the exit status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--config-env", default="default")
    parser.add_argument("--stack-name")
    parser.add_argument("--region")
    parser.add_argument("--deployed", action="store_true")
    options = parser.parse_args(arguments)
    if options.config_env not in stages():
        print_error(f"STAGE={options.config_env}: samconfig.toml has no such table", f"One of {', '.join(stages())}.")
        return USAGE
    return _was_deployed(options) if options.deployed else _can_be_deployed(options)


def _was_deployed(options: argparse.Namespace) -> int:
    name = pending_changes(options.config_env, name=options.stack_name, region=options.region)
    if not name:
        return 0
    print_error(f"nothing was deployed: the changes of the stack {name} were not confirmed", "make deploy asks again.")
    return CHECK_FAILED


def _can_be_deployed(options: argparse.Namespace) -> int:
    found = undeployable(options.config_env, name=options.stack_name, region=options.region)
    if found is None:
        return 0
    print_error(f"the stack {found.name} cannot be deployed: its status is {found.status}", found.advice)
    if found.failure:
        print_error(f"the first failure: {found.failure}")
    return CHECK_FAILED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
