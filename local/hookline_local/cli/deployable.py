"""`make deploy` asks this before and after `sam deploy`: can the stack be deployed, and what to do when it cannot.

python -m hookline_local.cli.deployable [--config-env STAGE] [--stack-name NAME] [--region REGION]
"""

import argparse
import sys
from collections.abc import Sequence

from hookline_local.base.errors import CHECK_FAILED
from hookline_local.cli.screen import print_error
from hookline_local.operations.deployable import undeployable


def main(arguments: Sequence[str]) -> int:
    """Write what is in the way to standard error; the exit status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--config-env", default="default")
    parser.add_argument("--stack-name")
    parser.add_argument("--region")
    options = parser.parse_args(arguments)
    found = undeployable(options.config_env, name=options.stack_name, region=options.region)
    if found is None:
        return 0
    print_error(f"the stack {found.name} cannot be deployed: its status is {found.status}", found.advice)
    if found.failure:
        print_error(f"the first failure: {found.failure}")
    return CHECK_FAILED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
