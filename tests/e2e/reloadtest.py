# SPDX-License-Identifier: Apache-2.0
"""What cases about reloads share: another file in the place of the first, and the commands that load it.

    with Weir(simple("one")) as weir:
        assert reload(weir, simple("two")).first == "ok generation 2, 1 change"
"""
import json
import os

from admintest import AdminClient
from weirtest import ask, get

ADMIN = "admin unix:{dir}/admin.sock\n"


def simple(text, top=ADMIN):
    return f"{top}listener web {{ bind 127.0.0.1:{{port}}; route respond 200 {text} }}\n"


def fill_in(weir, text):
    """A configuration's text with the first one's ports and directory."""
    for name, sock in weir.reserved.items():
        text = text.replace("{" + name + "}", str(sock.getsockname()[1]))
    text = text.replace("{dir}", str(weir.dir))
    first = weir.config.read_text(encoding="latin-1").splitlines()[0]
    return text if "workers " in text else f"{first}\n{text}"


def rewrite(weir, text):
    """Another file in the place of the first."""
    new = weir.dir / "new.conf"
    new.write_text(fill_in(weir, text), encoding="latin-1")
    os.replace(new, weir.config)


def reload(weir, text=None, command="reload"):
    if text is not None:
        rewrite(weir, text)
    with AdminClient(weir) as admin:
        return admin.reply_to(command)


def generation(weir):
    with AdminClient(weir) as admin:
        return json.loads(admin.ask("@json status").body)["generation"]


def body(weir, port="port"):
    return ask(weir, get("/"), port).body
