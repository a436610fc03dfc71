"""Every bar, in one place, and what a measurement gives to be held against one."""

from typing import NamedTuple


class Bar(NamedTuple):
    """most: the bar is not to be passed; else it is to be reached."""

    name: str
    limit: float
    unit: str
    most: bool = True

    def holds(self, measured: float) -> bool:
        return measured <= self.limit if self.most else measured >= self.limit


BARS = {
    "own": Bar("own time per webhook, the dearest kind", 3.0, "verifications"),
    "cold-sdk": Bar("cold start against the official SDK", 0.2, "of the SDK's"),
    "cold-bare": Bar("cold start against the libraries bare", 1.2, "of the bare one's"),
    "warm-sdk": Bar("warm, three commands, against the SDK", 1.2, "of the SDK's"),
    "warm-bare": Bar("warm, three commands, against the libraries bare", 1.5, "of the bare one's"),
    "memory": Bar("memory of the archiver, largest against 10 MB", 16.0, "MB more"),
    "meter": Bar("memory of the meter, four hours of MP3", 0.25, "MB"),
    "pace": Bar("pace of the archiver against upload_fileobj", 0.8, "of boto3's", most=False),
    "hanging": Bar("answered while Telnyx's API hangs", 2.0, "s"),
    "help": Bar("hookline --help against its libraries", 0.15, "s more"),
    "rest": Bar("the simulator at rest", 0.02, "s a second"),
    "click": Bar("an action over the calls API, until Telnyx has it", 0.3, "s"),
    "gateway": Bar("the local gateway and a function, warm", 0.01, "s"),
}
