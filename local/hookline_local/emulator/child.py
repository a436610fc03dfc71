"""Entry point of every process that the stack starts: a function, or moto. It ends when the stack ends.

Run as a file, `python child.py PARENT_PID lambda|moto`, never imported as part of the package: a function's process
must not see our packages. On Linux the kernel kills it when its parent is gone. Elsewhere a function ends because
awslambdaric loses its Runtime API, and moto because its standard input closes.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterable
from typing import Any

# prctl(2): the signal to a process when the thread that started it ends.
PR_SET_PDEATHSIG = 1


def end_with(parent: int) -> None:
    """Have the kernel kill this process when `parent` ends; end at once if it has ended already."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def run_function() -> None:
    """Run AWS's runtime interface client with the handler, as Lambda's own bootstrap does."""
    from awslambdaric.__main__ import main

    sys.argv[:] = ["awslambdaric", os.environ["_HANDLER"]]
    main(sys.argv)


def fix_fifo_order() -> None:
    """Correct moto 5.2: of two messages of a FIFO group that become visible together it delivers the second one first.

    It regards the first as blocked, because it still counts the second among those in flight.
    """
    from moto.sqs.models import Message, SQSBackend

    receive = SQSBackend.receive_message

    def receive_message(self: SQSBackend, queue_name: str, *arguments: Any, **more: Any) -> list[Message]:
        pending = self.get_queue(queue_name).pending_messages
        pending -= {message for message in pending if message.visible}
        return receive(self, queue_name, *arguments, **more)

    SQSBackend.receive_message = receive_message  # type: ignore[method-assign]


def track_no_instances() -> None:
    """Keep moto 5.2 from holding every object that it has ever made, for its dashboard, which no one opens here.

    A query copies each item that it returns: two hours of `hookline tail` came to 5 GB.
    """
    from moto.core.common_models import BaseModel

    def new(model: type[BaseModel], *_: Any, **__: Any) -> BaseModel:
        return object.__new__(model)

    BaseModel.__new__ = new  # type: ignore[assignment, method-assign]


def answer_plain_values_at_once() -> None:
    """Let moto 5.2 answer the texts and numbers of an item as it holds them.

    It looks for each of the ten kinds that a value may have under several names each: most of the time of a query.
    """
    from moto.core.serialize import BaseJSONSerializer

    serialize = BaseJSONSerializer._serialize_type_structure  # noqa: SLF001

    def serialize_structure(self: BaseJSONSerializer, serialized: Any, value: Any, shape: Any, key: str) -> None:
        if shape.name == "AttributeValue" and isinstance(value, dict) and value.keys() <= {"S", "N", "BOOL"}:
            serialized[key] = value
        else:
            serialize(self, serialized, value, shape, key)

    BaseJSONSerializer._serialize_type_structure = serialize_structure  # type: ignore[method-assign]  # noqa: SLF001


def look_names_up_once() -> None:
    """Let moto 5.2 remember the names of its own methods, which it lists and spells for every request."""
    import functools

    from moto.core import responses, utils
    from moto.sqs import models

    spelled = functools.lru_cache(maxsize=4096)(utils.camelcase_to_underscores)
    for module in (responses, models):
        module.camelcase_to_underscores = spelled  # type: ignore[attr-defined]
    responses.method_names_from_class = functools.cache(utils.method_names_from_class)  # type: ignore[attr-defined]


def serve_moto() -> None:
    """AWS on loopback. Prints its port, then a line `sqs` after each message sent, and `table` after each item put."""
    import logging
    import threading

    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
    from werkzeug.serving import make_server

    def watch() -> None:
        while sys.stdin.buffer.read(4096):
            pass
        os._exit(0)

    fix_fifo_order()
    track_no_instances()
    answer_plain_values_at_once()
    look_names_up_once()
    application = DomainDispatcherApplication(create_backend_app)

    def announce(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        answer: Iterable[bytes] = application(environ, start_response)
        target = str(environ.get("HTTP_X_AMZ_TARGET", ""))
        if target.startswith("AmazonSQS.SendMessage"):
            os.write(1, b"sqs\n")
        elif target == "DynamoDB_20120810.PutItem":
            os.write(1, b"table\n")
        return answer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", int(sys.argv[3]), announce, threaded=True, request_handler=MotoRequestHandler)
    threading.Thread(target=watch, daemon=True).start()
    os.write(1, f"port {server.port}\n".encode())
    server.serve_forever()


if __name__ == "__main__":
    end_with(int(sys.argv[1]))
    if sys.argv[2] == "lambda":
        run_function()
    else:
        serve_moto()
