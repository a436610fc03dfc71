"""Shows the files of a new call flow, and what to do next."""

from collections.abc import Sequence

from hookline_local.cli.new_flow import NewFile
from hookline_local.cli.screen import Screen


def show(files: Sequence[NewFile], screen: Screen, *, name: str, number: str | None, written: bool) -> None:
    """Print each file with what became of it. written: False for a dry run."""
    results = [{"path": file.path, "result": _result(file)} for file in files]
    if screen.as_json:
        screen.document({"flow": name, "number": number, "written": written, "files": results})
        return
    for result in results:
        screen.line(f"{result['result']:10} {result['path']}")
    if not written:
        screen.paragraph("Nothing was written: leave out --dry-run.")
        return
    if number is None:
        screen.paragraph(f"Name the flow of your number in flows/numbers.toml; the line for {name} is a comment there.")
    screen.paragraph(f"Next: make test-flows; hookline serve; hookline call tests/flows/{name}.toml")


def _result(file: NewFile) -> str:
    if not file.is_new:
        return "unchanged"
    return "new" if file.before is None else "changed"
