# SPDX-License-Identifier: Apache-2.0
"""One daemon with everything between it and the origins scripted, for tables of messages.

    with Gateway() as gateway:
        seen = gateway.exchange(get("/x"), answer("ok"))
        seen.response, seen.responses       the final answer, and all of them with the interim ones
        seen.request                        what the origin got, or None

exchange() sends the bytes on a connection of its own and reads until the final answer.  `answer` is what the origin
says: bytes, or a function (connection, request).  Over HTTP/2: exchange_h2(fields, answer), which gives an h2test
Answer.  The listener `port` forwards to an HTTP/1 origin, `h2port` to an origin of HTTP/2.
"""
from dataclasses import dataclass, field

from h2origin import H2Origin
from h2test import H2Client
from weirtest import Client, Origin, Weir, answer

CONFIG = """
access_log {dir}/access.log format json
listener web {
    bind 127.0.0.1:{port}
    route path /own respond 200 "own\\n"
    route path /away redirect 302 "http://$host/there"
    route path /seen { header set X-Secret hidden; forward origin }
    route path /undated { response_header remove Date; forward origin }
    route forward origin
}
listener web2 { bind 127.0.0.1:{h2port}; route forward origin2 }
backend origin { server s1 {origin} }
backend origin2 { protocol h2; server s1 {origin2} }
"""


@dataclass
class Exchange:
    response: object = None
    responses: list = field(default_factory=list)
    request: object = None
    whole: bool = True  # False: the connection broke before the answer was complete


class Gateway:
    def __init__(self, config=CONFIG):
        self.say = answer("ok")
        self.origin = Origin(self._handle)
        self.origin2 = H2Origin(self._handle_h2)
        self.weir = Weir(config, ports=["port", "h2port"], origin=self.origin.address, origin2=self.origin2.address)

    def __enter__(self):
        self.weir.__enter__()
        return self

    def __exit__(self, *what):
        self.weir.__exit__(*what)
        self.origin.__exit__(*what)
        self.origin2.__exit__(*what)

    def _handle(self, connection, request):
        if callable(self.say):
            return self.say(connection, request)
        connection.read_body(request)
        connection.send(self.say)

    def _handle_h2(self, connection, request):
        self.say(connection, request)

    def client(self, port="port"):
        return Client(self.weir, port)

    def exchange(self, message, say=None, port="port", head_only=False):
        self.say = say or answer("ok")
        origin = self.origin2 if port == "h2port" else self.origin
        before, seen = len(origin.requests), Exchange()
        with self.client(port) as client:
            client.send(message)
            try:
                while seen.response is None or (seen.response.status < 200 and seen.response.status != 101):
                    seen.response = client.read_head()
                    if seen.response is None:
                        break
                    seen.responses.append(seen.response)
                    if not head_only and seen.response.status != 101:
                        client.read_body(seen.response)
            except (EOFError, ConnectionError):
                seen.whole = False
        if len(origin.requests) > before:
            seen.request = origin.requests[before]
        return seen

    def exchange_h2(self, fields, say=None, body=None):
        self.say = say or answer("ok")
        before, seen = len(self.origin.requests), Exchange()
        with H2Client(self.weir) as client:
            seen.response = client.ask(fields, body)
        if len(self.origin.requests) > before:
            seen.request = self.origin.requests[before]
        return seen
