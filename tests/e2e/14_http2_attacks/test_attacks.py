# SPDX-License-Identifier: Apache-2.0
"""What attackers send over HTTP/2 and TLS: each attack is ended by its name, within its memory, and nobody else notices."""
import pytest
from attacktest import ATTACKS, HTTP2, Peak, Target, Victim, config, counted, serve
from tlstest import Authority
from weirtest import SANITIZED, Client, Origin, Weir, get, wait_until


@pytest.fixture(scope="module", name="certificate")
def the_certificate(tmp_path_factory):
    directory = tmp_path_factory.mktemp("tls")
    directory.chmod(0o755)
    return Authority(directory).issue("a.test")


def metrics(weir):
    with Client(weir) as reader:
        return reader.ask(get("/metrics")).body.decode()


@pytest.mark.parametrize("attack", ATTACKS, ids=[attack.name for attack in ATTACKS])
def test_an_attack(certificate, attack):
    with Origin(serve) as origin, Weir(config(certificate, origin), ("port", "secure")) as weir:
        worker, target = weir.pids()[0], Target(weir)
        with Victim(weir) as victim:
            wait_until(lambda: len(victim.times) > 20, "some answers")
            with Peak(worker) as peak:
                for _ in range(2):
                    attack.run(target)
                done = len(victim.times)
                wait_until(lambda: len(victim.times) > done + 20 or victim.failures, "more answers")
        assert not victim.failures
        assert weir.pids() == [worker]
        if attack.kinds:
            wait_until(lambda: counted(metrics(weir), attack.kinds) >= 2, f"two of {attack.kinds}")
        if attack.kinds and attack in HTTP2:
            wait_until(lambda: any(f"too many HTTP/2 {kind}" in line for line in weir.log for kind in attack.kinds), "the log")
        # Twice: what the first connection took is there for the second one.
        # Under sanitizers memory that was freed is kept to find who uses it, so how much there is says nothing.
        assert SANITIZED or peak.grown() <= 2 * attack.bound, f"{peak.grown() >> 10} KiB of {attack.bound >> 10}"


@pytest.mark.parametrize("attack", HTTP2[:3], ids=[attack.name for attack in HTTP2[:3]])
def test_servers_learn_little_of_what_is_reset(certificate, attack):
    """After the first turn nothing is begun before all that was read is understood, and what we reset has been sent."""
    with Origin(serve) as origin, Weir(config(certificate, origin), ("port", "secure")) as weir:
        attack.run(Target(weir))
        wait_until(lambda: any("too many HTTP/2" in line for line in weir.log), "the end of the connection")
        attempts, = [int(line.split()[-1]) for line in metrics(weir).splitlines() if line.startswith("weir_worker_attempts_total")]
        assert attempts <= 150
