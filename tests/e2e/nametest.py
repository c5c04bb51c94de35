# SPDX-License-Identifier: Apache-2.0
"""A small DNS server for cases with servers by name, over UDP and TCP."""
import ipaddress
import socket
import struct
import threading


class Nameserver:
    """Answers A and AAAA queries out of .names: an address, several in a list or with blanks in between.

    What is not there does not exist.  .rcode answers everything with that error, .silent nothing at all, .truncates cuts
    the answers over UDP short.  .asked counts the queries, .asked_tcp those over TCP.
    """

    def __init__(self, at=("127.0.0.1", 0), **names):
        self.names, self.asked, self.asked_tcp, self.ttl = names, 0, 0, 1
        self.rcode, self.silent, self.truncates = 0, False, False
        self.udp, self.tcp = self.open(at)
        self.address = "%s:%d" % self.udp.getsockname()

    @staticmethod
    def open(at):
        """A port that is free for both."""
        while True:
            udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            udp.bind(at)
            tcp = socket.socket()
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tcp.bind(udp.getsockname())
            except OSError:
                udp.close()
                tcp.close()
                continue
            tcp.listen()
            return udp, tcp

    def __enter__(self):
        for serve in (self.serve_udp, self.serve_tcp):
            threading.Thread(target=serve, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.udp.close()
        self.tcp.close()

    def serve_udp(self):
        while True:
            try:
                query, peer = self.udp.recvfrom(512)
                reply = self.reply(query)
                if reply:
                    self.udp.sendto(reply, peer)
            except OSError:
                return

    def serve_tcp(self):
        while True:
            try:
                connection, _ = self.tcp.accept()
                with connection, connection.makefile("rb") as lines:
                    while size := lines.read(2):
                        reply = self.reply(lines.read(struct.unpack("!H", size)[0]), over_tcp=True)
                        connection.sendall(struct.pack("!H", len(reply)) + reply)
            except OSError:
                if self.tcp.fileno() < 0:
                    return

    def addresses(self, name):
        known = self.names.get(name, [])
        return [ipaddress.ip_address(each) for each in (known.split() if isinstance(known, str) else known)]

    def reply(self, query, over_tcp=False):
        self.asked += 1
        self.asked_tcp += over_tcp
        if self.silent:
            return b""
        end = query.index(b"\0", 12) + 5
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1 : at + 1 + query[at]].decode())
            at += 1 + query[at]
        kind = struct.unpack("!H", query[end - 4 : end - 2])[0]
        known = self.addresses(labels[0].lower())
        found = [one for one in known if {1: 4, 28: 6}.get(kind) == one.version]
        records = b"".join(
            b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, self.ttl, len(one.packed)) + one.packed for one in found
        )
        is_cut = self.truncates and not over_tcp and found
        flags = 0x8180 | (0x0200 if is_cut else 0) | (self.rcode or (0 if known else 3))
        if is_cut or self.rcode:
            found, records = [], b""
        return query[:2] + struct.pack("!HHHHH", flags, 1, len(found), 0, 0) + query[12:end] + records
