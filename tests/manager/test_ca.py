"""The root certificate: what updates of the settings do to it, and how it is replaced."""

import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from swarmlab.manager.ca import begin_rotation, digest, new_root, new_root_ca
from swarmlab.manager.rootrotation import BATCH, INTERVAL, RootRotator
from swarmlab.objects import NodeDescription, RootCA, TLSInfo
from swarmlab.objects.cluster import CAConfig
from swarmlab.store import Kind
from tests.support.cluster import ACTOR, Cluster, replace
from tests.support.world import World

from .conftest import Refused


def update(swarm: Cluster, **config: object) -> None:
    found = swarm.swarm.cluster
    spec = replace(found.spec, ca_config=CAConfig(node_cert_expiry=found.spec.ca_config.node_cert_expiry, **config))
    swarm.api.update_cluster(
        found.version, spec, rotate_worker=False, rotate_manager=False, rotate_unlock_key=False, actor=ACTOR
    )


def root(swarm: Cluster) -> RootCA:
    return swarm.swarm.cluster.root_ca


def pair(swarm: Cluster, days: int = 3000) -> tuple[str, str]:
    """A certificate that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mine")])
    now = datetime.datetime.fromtimestamp(swarm.clock.now() / 1e9, datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(7).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=days))
    certificate = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
    pem, pkcs8, plain = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return certificate, key.private_bytes(pem, pkcs8, plain).decode()


@pytest.fixture
def swarm() -> Cluster:
    return Cluster()


def test_an_update_without_a_new_number_rotates_nothing(swarm: Cluster) -> None:
    before = root(swarm)
    update(swarm)
    assert root(swarm) == before
    update(swarm, force_rotate=1)
    rotating = root(swarm)
    update(swarm, force_rotate=1)
    assert root(swarm) == rotating


def test_a_rotation_keeps_the_old_root_and_its_tokens_and_announces_the_new_issuer(swarm: Cluster) -> None:
    before = root(swarm)
    update(swarm, force_rotate=1)
    now = root(swarm)
    assert now.rotation is not None
    assert (now.certificate, now.join_tokens) == (before.certificate, before.join_tokens)
    assert now.tls_info.trust_root == before.certificate
    assert now.tls_info.cert_issuer_public_key != before.tls_info.cert_issuer_public_key


def test_a_given_certificate_is_used_and_its_key_is_shown_nowhere(swarm: Cluster) -> None:
    certificate, key = pair(swarm)
    update(swarm, signing_ca_cert=certificate, signing_ca_key=key, force_rotate=1)
    rotation = root(swarm).rotation
    assert rotation is not None
    assert (rotation.certificate, rotation.key) == (certificate, key)
    assert swarm.swarm.cluster.spec.ca_config.signing_ca_key == ""
    assert swarm.swarm.cluster.spec.ca_config.signing_ca_cert == ""


def test_giving_the_present_certificate_ends_a_rotation(swarm: Cluster) -> None:
    before = root(swarm)
    update(swarm, force_rotate=1)
    update(swarm, signing_ca_cert=before.certificate, signing_ca_key=before.key, force_rotate=2)
    assert root(swarm) == replace(before, last_forced_rotation=2)


def test_what_is_refused(swarm: Cluster) -> None:
    certificate, key = pair(swarm)
    short, short_key = pair(swarm, days=364)
    before = root(swarm)
    for config, text in (
        ({"signing_ca_key": key}, "if a signing CA key is provided, the signing CA cert must also be provided"),
        ({"signing_ca_cert": short, "signing_ca_key": short_key}, "CA certificate expires too soon"),
        ({"signing_ca_cert": certificate, "signing_ca_key": short_key}, "certificate key mismatch"),
        ({"signing_ca_cert": certificate, "signing_ca_key": "nonsense"}, "malformed private key"),
        ({"signing_ca_cert": "nonsense", "signing_ca_key": key}, "invalid root certificates"),
        (
            {"signing_ca_cert": certificate},
            "there must be at least one valid, reachable external CA corresponding to the desired CA certificate",
        ),
    ):
        with Refused(swarm, "InvalidArgument", text):
            update(swarm, force_rotate=1, **config)
    assert root(swarm) == before


def test_a_key_cannot_get_another_certificate(swarm: Cluster) -> None:
    certificate, key = pair(swarm)
    update(swarm, signing_ca_cert=certificate, signing_ca_key=key, force_rotate=1)
    with swarm.store.transaction(ACTOR) as tx:
        found = swarm.swarm.cluster
        tx.update(Kind.CLUSTER, replace(found, root_ca=replace(found.root_ca, rotation=None, key=key)))
    with Refused(swarm, "InvalidArgument", "Cannot update to a cert with an identical key"):
        update(swarm, signing_ca_cert=certificate, signing_ca_key=key, force_rotate=2)


# --- the loop --------------------------------------------------------------------------------------------------------


class Rotation(World):
    """Nodes n1, n2, … with certificates of the old root; the test renews them."""

    def __init__(self, nodes: int) -> None:
        super().__init__()
        old, key = new_root(self.clock.now())
        self.cluster()
        self.root = new_root_ca(self.clock.now())
        for number in range(1, nodes + 1):
            self.node(f"n{number}")
            self.report_issuer(f"n{number}", self.root.tls_info)
        self.set_root(self.root)
        self.run(RootRotator)
        self.set_root(begin_rotation(self.root, old, key, 1))

    def set_root(self, root: RootCA) -> None:
        [cluster] = self.tables.clusters
        self.put(Kind.CLUSTER, replace(cluster, root_ca=root))

    @property
    def now(self) -> RootCA:
        [cluster] = self.tables.clusters
        return cluster.root_ca

    def report_issuer(self, name: str, tls: TLSInfo) -> None:
        node = self.tables.nodes.get(name)
        assert node is not None
        self.put(Kind.NODE, replace(node, description=NodeDescription(tls_info=tls), certificate="issued"))

    def told(self) -> list[str]:
        return [node.id for node in self.tables.nodes if node.certificate == "rotate"]


def test_it_is_complete_when_every_node_has_a_certificate_of_the_new_root() -> None:
    world = Rotation(2)
    new = world.now.rotation
    assert new is not None
    assert world.told() == ["n1", "n2"]
    world.report_issuer("n1", world.now.tls_info)
    world.advance(3 * INTERVAL)
    assert world.now.rotation is not None
    world.report_issuer("n2", world.now.tls_info)
    world.advance(INTERVAL)
    assert (world.now.rotation, world.now.certificate, world.now.key) == (None, new.certificate, new.key)
    assert world.now.tls_info.trust_root == new.certificate
    assert world.now.last_forced_rotation == 1
    tokens = world.now.join_tokens
    assert {token.split("-")[2] for token in (tokens.worker, tokens.manager)} == {digest(new.certificate)}


def test_nodes_are_told_in_batches() -> None:
    world = Rotation(2 * BATCH + 1)
    assert len(world.told()) == BATCH
    world.advance(INTERVAL)
    assert len(world.told()) == 2 * BATCH
    world.advance(INTERVAL)
    assert len(world.told()) == 2 * BATCH + 1


def test_a_node_that_is_away_holds_it_up_until_it_is_removed() -> None:
    world = Rotation(2)
    world.report_issuer("n1", world.now.tls_info)
    world.advance(3600)
    assert world.now.rotation is not None
    world.delete(Kind.NODE, "n2")
    world.advance(INTERVAL)
    assert world.now.rotation is None


def test_another_rotation_begins_afresh_and_a_new_leader_goes_on() -> None:
    world = Rotation(1)
    world.report_issuer("n1", world.now.tls_info)
    world.set_root(begin_rotation(world.now, *new_root(world.clock.now()), 2))
    assert world.told() == ["n1"]
    world.advance(INTERVAL)
    assert world.now.rotation is not None
    successor = RootRotator(world.store, world.clock)
    successor.start()
    world.report_issuer("n1", world.now.tls_info)
    world.advance(INTERVAL)
    assert world.now.rotation is None
