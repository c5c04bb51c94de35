# SPDX-License-Identifier: Apache-2.0
"""What the cases about TLS share: an authority that issues certificates, clients and origins that speak it.

Authority(dir)  makes files with openssl(1).  .issue("a.test", "b.test") gives a Certificate for these names
    (paths .chain and .key); options choose the kind of key, the dates, and an intermediate authority.
TlsClient(weir, authority, name)  is a Client over TLS; other arguments are ssl.SSLContext's business.
TlsOrigin(certificate, *handlers)  is an Origin that speaks TLS.
example_files()  gives the directory of the files that examples name, while it is needed.
"""
import contextlib
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
from dataclasses import dataclass

from weirtest import DEADLINE, Connection, Origin, Weir


def openssl(*arguments, **options):
    return subprocess.run(
        ["openssl", *map(str, arguments)], capture_output=True, check=True, timeout=DEADLINE, **options
    ).stdout


@dataclass
class Certificate:
    chain: str
    key: str

    def load(self, context):
        context.load_cert_chain(self.chain, self.key)


KEYS = {"ec": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "rsa": ["-newkey", "rsa:2048"]}


class Authority:
    """A root, and what it has issued, as files in a directory."""

    def __init__(self, directory, name="root"):
        self.dir, self.name, self.count = directory, name, 0
        self.chain, self.key = f"{directory}/{name}.pem", f"{directory}/{name}.key"
        openssl("req", "-x509", *KEYS["ec"], "-nodes", "-days", 30, "-subj", f"/CN={name} authority",
                "-keyout", self.key, "-out", self.chain)

    def issue(self, *names, key="ec", days=30, subject=None, authority=False, extra=""):
        """`days` may be negative: it has expired then."""
        self.count += 1
        stem = f"{self.dir}/{self.name}-{self.count}"
        alternatives = ",".join(("IP:" if n[0].isdigit() else "DNS:") + n for n in names)
        lines = [f"subjectAltName={alternatives}"] if names else []
        lines += ["basicConstraints=CA:TRUE"] if authority else []
        lines += [extra] if extra else []
        with open(f"{stem}.ext", "w", encoding="ascii") as file:
            file.write("\n".join(lines) + "\n")
        openssl("req", "-new", *KEYS[key], "-nodes", "-subj", subject or f"/CN={names[0] if names else 'nobody'}",
                "-keyout", f"{stem}.key", "-out", f"{stem}.csr")
        end = openssl("x509", "-req", "-in", f"{stem}.csr", "-CA", self.chain, "-CAkey", self.key,
                      "-set_serial", 1000 + self.count, "-days", days, "-extfile", f"{stem}.ext")
        with open(f"{stem}.pem", "wb") as file:
            file.write(end)
        return Certificate(f"{stem}.pem", f"{stem}.key")


def client_context(authority=None, certificate=None, alpn=(), version=None, **options):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = authority is not None
    context.verify_mode = ssl.CERT_REQUIRED if authority else ssl.CERT_NONE
    if authority:
        context.load_verify_locations(authority.chain)
    if certificate:
        certificate.load(context)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    if version:
        context.minimum_version = context.maximum_version = version
    for name, value in options.items():
        setattr(context, name, value)
    return context


class TlsClient(Connection):
    """`context` replaces what client_context() makes of the other options."""

    def __init__(self, to, authority=None, name="a.test", port="port", context=None, session=None, **options):
        number = to.port(port) if isinstance(to, Weir) else to
        context = context or client_context(authority, **options)
        plain = socket.create_connection(("127.0.0.1", number), DEADLINE)
        # An end without a farewell is an error: see is_closed.
        super().__init__(
            context.wrap_socket(plain, server_hostname=name, session=session, suppress_ragged_eofs=False)
        )

    def receive(self, head_only=False):
        message = self.read_head()
        assert message is not None, "closed without an answer"
        return message if head_only or message.status < 200 else self.read_body(message)

    def ask(self, request, head_only=False):
        self.send(request)
        return self.receive(head_only)

    @property
    def subject(self):
        return dict(entry[0] for entry in self.socket.getpeercert()["subject"])["commonName"]


class TlsOrigin(Origin):
    """`context` is an ssl.SSLContext of the server's side; .peers has each client's certificate."""

    def __init__(self, certificate, *handlers, context=None, **options):
        self.context = context or ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.load(self.context)
        self.peers, self.sockets, self.broken = [], [], []
        super().__init__(*handlers, **options)

    def serve(self, connection):
        try:
            connection.socket = self.context.wrap_socket(connection.socket, server_side=True)
        except OSError as error:
            self.broken.append(error)
            connection.close()
            return
        self.peers.append(connection.socket.getpeercert())
        self.sockets.append(connection.socket)
        super().serve(connection)


@contextlib.contextmanager
def example_files():
    with tempfile.TemporaryDirectory(prefix="weir-e2e-tls-") as directory:
        os.chmod(directory, 0o755)
        authority = Authority(directory, "ca")
        for name, *names in [("site", "www.example.com"), ("shop", "shop.example.com"), ("admin", "admin")]:
            certificate = authority.issue(*names, subject=f"/CN={name}")
            shutil.copy(certificate.chain, f"{directory}/{name}.pem")
            shutil.copy(certificate.key, f"{directory}/{name}.key")
        before = os.environ.get("WEIR_CERTIFICATES")
        os.environ["WEIR_CERTIFICATES"] = directory
        try:
            yield directory
        finally:
            if before is None:
                del os.environ["WEIR_CERTIFICATES"]
            else:
                os.environ["WEIR_CERTIFICATES"] = before
