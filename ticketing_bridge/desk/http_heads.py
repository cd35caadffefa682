"""uvicorn's protocol on httptools, for heads of requests that end."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: request line and headers together, bytes; as much as h11 takes
HEAD_LIMIT = 64 * 1024


class BoundedHeads(HttpToolsProtocol):
    """Answers 400 to a head that is longer: llhttp takes one of any length, and it lies in memory."""

    #: bytes of a head that has not ended yet; None between heads
    _head: int | None = None
    #: a request has ended in the piece that is being parsed: the next head begins somewhere within
    _ended = False

    def data_received(self, data: bytes) -> None:
        """From the socket."""
        self._ended = False
        super().data_received(data)
        if self._head is not None and not self._ended:
            self._head += len(data)
            if self._head > HEAD_LIMIT and not self.transport.is_closing():
                self.send_400_response("head too long")

    def on_message_begin(self) -> None:
        """From the parser, as the next."""
        self._head = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._head = None
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._ended = True
        super().on_message_complete()
