"""A file in a form (RFC 7578), written on as it arrives: no part of it is held, or laid into a temporary file that everyone may read.

What must not live here: what the file is for.
"""

from typing import Final, Protocol

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from roteiro.terms.error import RequestError

__all__ = ["Sink", "read_form"]

FIELD_BYTES: Final = 1024
"""Longest value of a field that is not the file."""
HEADER_BYTES: Final = 4096


class Sink(Protocol):
    """Where the file goes."""

    name: str

    async def write(self, content: bytes) -> None:
        """More of it."""


class _Form:
    """Callbacks of the parser: what came with one piece of the body."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        """Of the file."""
        self.fields: dict[str, bytes] = {}
        self.file_name: str | None = None
        self._header, self._value = b"", b""
        self._headers: dict[bytes, bytes] = {}
        self._field = ""
        self._is_file = False

    def on_part_begin(self) -> None:
        self._headers, self._header, self._value = {}, b"", b""

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]
        self._bounded(len(self._header))

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]
        self._bounded(len(self._value))

    def on_header_end(self) -> None:
        self._headers[self._header.lower()] = self._value
        self._header, self._value = b"", b""

    def on_headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._field = options.get(b"name", b"").decode(errors="replace")
        self._is_file = self._field == "file"
        if self._is_file:
            if self.file_name is not None:
                raise RequestError(400, "invalid_value", "a form has one file", "file")
            self.file_name = options.get(b"filename", b"requests.jsonl").decode(errors="replace")[:255]

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            self.pieces.append(data[start:end])
            return
        value = self.fields.get(self._field, b"") + data[start:end]
        if len(value) > FIELD_BYTES or len(self.fields) > 16:
            raise RequestError(400, "invalid_value", "a field of the form is too long", self._field[:40])
        self.fields[self._field] = value

    @staticmethod
    def _bounded(length: int) -> None:
        if length > HEADER_BYTES:
            raise RequestError(400, "invalid_form", "a header of the form is too long")


async def read_form(request: Request, sink: Sink) -> str:
    """Writes the part `file` to the sink, with its name → the value of `purpose`. Raises RequestError (400)."""
    kind, options = parse_options_header(request.headers.get("content-type"))
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise RequestError(400, "invalid_content_type", "send the file as multipart/form-data with `purpose` and `file`, or as JSON")
    form = _Form()
    names = ("part_begin", "header_field", "header_value", "header_end", "headers_finished", "part_data")
    try:
        parser = MultipartParser(boundary, {f"on_{name}": getattr(form, f"on_{name}") for name in names})  # type: ignore[arg-type]
        async for part in request.stream():
            parser.write(part)
            for piece in form.pieces:
                await sink.write(piece)
            form.pieces.clear()
        parser.finalize()
    except FormParserError:
        raise RequestError(400, "invalid_form", "the body is not multipart/form-data as its head says") from None
    if form.file_name is None:
        raise RequestError(400, "missing_required_parameter", "you must provide `file`", "file")
    if "purpose" not in form.fields:
        raise RequestError(400, "missing_required_parameter", "you must provide `purpose`", "purpose")
    sink.name = form.file_name
    return form.fields["purpose"].decode(errors="replace")
