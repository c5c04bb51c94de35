# SPDX-License-Identifier: Apache-2.0
"""A balancing policy that a module brings: modules/favourite."""
import json
import subprocess

import pytest
from admintest import AdminClient
from moduletest import build_with
from reloadtest import ADMIN, reload
from weirtest import ROOT, Origin, Weir, answer, ask, forward_to, get, reserve_port


@pytest.fixture(scope="module")
def binary(tmp_path_factory):
    directory = tmp_path_factory.mktemp("favourite")
    for each in (directory, directory.parent, directory.parent.parent):
        each.chmod(0o755)
    return build_with(ROOT / "modules" / "favourite", directory)


def checked(binary, tmp_path, balance):
    """What `weir -t` says of a backend with that statement."""
    path = tmp_path / "weir.conf"
    path.write_text(f"listener web {{ bind unix:{tmp_path}/web; route forward b }}\n"
                    f"backend b {{ server s 127.0.0.1:1; balance {balance} }}\n")
    done = subprocess.run([binary, "-t", "-c", path], capture_output=True, text=True)
    return done.returncode, done.stderr


def test_its_word_is_one_of_the_language(binary, tmp_path):
    assert checked(binary, tmp_path, "favourite")[0] == 0
    assert checked(binary, tmp_path, 'favourite "$header_x_user"')[0] == 0
    code, said = checked(binary, tmp_path, "favourite a b")
    assert code == 1 and "weir.conf:2:43: error: favourite takes one text" in said and "write balance favourite" in said
    code, said = checked(binary, tmp_path, 'favourite "$hedaer_x"')
    assert code == 1 and "unknown variable" in said
    code, said = checked(binary, tmp_path, "favorite")
    assert code == 1 and 'did you mean "favourite"?' in said
    text = subprocess.run([binary, "help", "directive", "balance"], capture_output=True, text=True).stdout
    assert "favourite" in text and "failed least" in text


def tries(weir, count):
    return [json.loads(line)["attempts"] for line in weir.access(count)]


def test_it_hears_how_tries_went_over_all_workers(binary):
    with Origin(answer("good")) as good, reserve_port() as dead:
        text = forward_to("127.0.0.1:%d" % dead.getsockname()[1], good, backend="balance favourite", top=ADMIN)
        with Weir(text, workers=2, binary=binary) as weir:
            for _ in range(12):
                assert ask(weir, get()).body == b"good"
            assert sum(n - 1 for n in tries(weir, 12)) == 1, "the first try tells everybody"
            with AdminClient(weir) as admin:
                story = admin.json(f"explain request GET http://test:{weir.port()}/")
            said = {row["what"]: row["outcome"] for row in story if row["step"] == "server"}
            assert said == {"origin/s1": "candidate: weight 1, in flight 0, has failed 1 times in a row",
                            "origin/s2": "candidate: weight 1, in flight 0, has failed 0 times in a row"}


def test_what_it_knows_outlives_changes_and_not_its_statement(binary):
    with Origin(answer("good")) as good, reserve_port() as dead:
        text = forward_to("127.0.0.1:%d" % dead.getsockname()[1], good, backend="balance favourite", top=ADMIN)
        with Weir(text, binary=binary) as weir:
            assert ask(weir, get()).body == b"good"
            assert tries(weir, 1) == [2]
            reload(weir, text.replace("balance favourite", "balance favourite\nkeepalive 7"))
            assert ask(weir, get()).body == b"good"
            assert tries(weir, 2) == [2, 1]
            reload(weir, text.replace("balance favourite", 'balance favourite ""'))
            assert ask(weir, get()).body == b"good"
            assert tries(weir, 3) == [2, 1, 2]


def test_each_value_has_its_favourite(binary):
    with Origin(answer("a")) as a, Origin(answer("b")) as b, Origin(answer("c")) as c:
        with Weir(forward_to(a, b, c, backend='balance favourite "$header_x_user"', top=ADMIN), workers=2, binary=binary) as weir:
            def favourites():
                return {user: ask(weir, get("/", "test", f"X-User: {user}")).body for user in range(40)}

            before = favourites()
            assert len(set(before.values())) == 3 and favourites() == before
            with AdminClient(weir) as admin:
                admin.ask("server set origin/s2 state drain")
                after = favourites()
                assert all(after[user] == server for user, server in before.items() if server != b"b")
                admin.ask("server set origin/s2 state auto")
                assert favourites() == before
