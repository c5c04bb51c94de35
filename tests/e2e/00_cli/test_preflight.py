# SPDX-License-Identifier: Apache-2.0
"""weir -t says what would make the start fail here, and the start does fail then."""
import ctypes
import os
import resource

import pytest
from weirtest import Weir, ask, run_weir

LISTENER = "listener web { bind 127.0.0.1:0; route respond 200 yes }\n"
CAP_KILL, CAP_SETGID, CAP_SETUID, CAP_NET_BIND_SERVICE = 5, 6, 7, 10


def check(tmp_path, text, **options):
    """-t, and a start."""
    path = tmp_path / "weir.conf"
    path.write_text(text.replace("{dir}", str(tmp_path)))
    return run_weir("-t", "-c", path, **options)


def without(*capabilities):
    """In the new process: root that lacks these, as a container's."""
    libc = ctypes.CDLL(None)

    def drop():
        for each in capabilities:
            libc.prctl(24, each, 0, 0, 0)  # PR_CAPBSET_DROP; exec takes it from what root has

    return drop


@pytest.mark.parametrize("line", ["error_log {dir}/none/error.log", "access_log {dir}/none/access.log", "pid_file {dir}/none/pid",
                                  "state_file {dir}/none/state", "admin unix:{dir}/none/admin.sock",
                                  "listener other { bind unix:{dir}/none/web.sock; route respond 200 }", "chroot {dir}/none"])
def test_a_directory_that_is_not_there(line, tmp_path):
    done = check(tmp_path, LISTENER + line + "\n")
    assert done.returncode == 1 and "none" in done.stderr, done.stderr
    assert "weir.conf:2" in done.stderr and "mkdir -p" in done.stderr and "would not start here" in done.stderr
    (tmp_path / "none").mkdir()
    assert check(tmp_path, LISTENER + line + "\n").returncode == 0
    assert list((tmp_path / "none").iterdir()) == []  # it makes nothing


def test_all_of_it_at_once(tmp_path):
    done = check(tmp_path, LISTENER + "error_log {dir}/a/error.log\npid_file {dir}/b/pid\nadmin unix:{dir}/c/sock\n")
    assert [done.stderr.count(f"directory {tmp_path}/{name}") for name in "abc"] == [1, 1, 1], done.stderr


def test_a_file_where_a_directory_is_needed(tmp_path):
    (tmp_path / "file").write_text("")
    done = check(tmp_path, LISTENER + "pid_file {dir}/file/pid\n")
    assert done.returncode == 1 and "pid_file" in done.stderr


@pytest.mark.skipif(os.getuid() != 0, reason="another user is needed")
def test_as_the_user_it_will_run_as(tmp_path):
    os.chmod(tmp_path, 0o755)
    (tmp_path / "logs").mkdir(mode=0o755)
    (tmp_path.parent).chmod(0o755)
    text = LISTENER + "error_log {dir}/logs/error.log\n"
    assert check(tmp_path, text).returncode == 0
    done = check(tmp_path, text, user=65534, group=65534, extra_groups=[])
    assert done.returncode == 1 and "cannot" in done.stderr.lower() or "Permission denied" in done.stderr, done.stderr


def test_descriptors(tmp_path):
    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))
        without(24)()  # SYS_RESOURCE: root may not raise it again

    done = check(tmp_path, "max_connections 100000\nworkers 1\n" + LISTENER, preexec_fn=few)
    assert done.returncode == 1 and "max_connections 100000 needs" in done.stderr and "weir.conf:1" in done.stderr, done.stderr


@pytest.mark.skipif(os.path.exists("/dev/log"), reason="somebody listens there")
def test_syslog_is_a_warning(tmp_path):
    done = check(tmp_path, LISTENER + "error_log syslog\n")
    assert done.returncode == 0 and "warning" in done.stderr and "/dev/log" in done.stderr


def test_a_user_that_does_not_exist(tmp_path):
    done = check(tmp_path, "user nobody-of-that-name\n" + LISTENER)
    assert done.returncode == 1 and "nobody-of-that-name" in done.stderr


@pytest.mark.skipif(os.getuid() != 0, reason="root alone has capabilities to lose")
class TestContainers:
    def test_another_user_needs_capabilities(self, tmp_path):
        drop = without(CAP_SETUID, CAP_SETGID)
        done = check(tmp_path, "user nobody\n" + LISTENER, preexec_fn=drop)
        assert done.returncode == 1 and "SETUID" in done.stderr and "user root" in done.stderr, done.stderr
        # The start says the same.
        started = run_weir("-c", tmp_path / "weir.conf", preexec_fn=drop)
        assert started.returncode == 1 and "SETUID" in started.stderr

    def test_user_root_works_without_any(self):
        text = "user root\nlistener web { bind 127.0.0.1:{port}; route respond 200 yes }\n"
        with Weir(text, before_exec=without(*range(41))) as weir:
            assert ask(weir).body == b"yes"

    def test_workers_that_hang_need_kill(self, tmp_path):
        done = check(tmp_path, "user nobody\n" + LISTENER, preexec_fn=without(CAP_KILL))
        assert done.returncode == 0 and "KILL" in done.stderr

    def test_a_low_port(self, tmp_path):
        with open("/proc/sys/net/ipv4/ip_unprivileged_port_start", encoding="ascii") as file:
            if int(file.read()) <= 81:
                pytest.skip("every user may bind to it")
        done = check(tmp_path, "user root\nlistener web { bind 127.0.0.1:81; route respond 200 }\n",
                     preexec_fn=without(CAP_NET_BIND_SERVICE))
        assert done.returncode == 1 and "NET_BIND_SERVICE" in done.stderr and "weir.conf:2" in done.stderr, done.stderr
