"""Backups: sealed files, restore on an empty machine, a stale backup that does no harm, and a second watchtower."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from engine_parties import Pair
from test_ledger import FUNDING, Chain
from test_reorg import Reorganised

from channels_engine.codec import json_form
from channels_engine.core import messages as m
from channels_engine.core.negotiation import dispute_request as drafted_dispute
from channels_engine.core.state import CoSigned, Phase
from channels_engine.core.typed_data import digest, struct_hash
from channels_engine.core.types import Side
from channels_engine.drivers import Closing
from channels_engine.sealing import SealError, seal, unseal, write_whole
from channels_engine.store import backups
from channels_engine.store.models import CoSignedState, LogEntry
from channels_engine.submissions import Accepted, Refused
from contracts.devnode.accounts import dev_key
from contracts.records import ChannelStatus
from tests.fixtures_ledger import ROOT, running, start_anvil

PASSPHRASE = "a passphrase of the tests"
PATIENCE_S = 30
CHALLENGE_S = 3


@pytest.fixture
def chain() -> Iterator[Chain]:
    with running(start_anvil()) as node:
        yield Chain(node.url)


@pytest.fixture
def engine(transactional_db: None, chain: Chain, monkeypatch: pytest.MonkeyPatch) -> Reorganised:
    monkeypatch.setenv("BACKUP_PASSPHRASE", PASSPHRASE)
    made = Reorganised(chain)
    head = chain.client.request("eth_getBlockByNumber", *["latest", False])
    made.runtime.clock.set(max(int(time.time()), int(head["timestamp"], 16)))  # type: ignore[attr-defined]  # the tests' clock
    return made


def pair_with(engine: Reorganised, challenge_s: int = 3600) -> Pair:
    pair = engine.world.pair(funding=FUNDING)
    pair.terms = msgspec.structs.replace(pair.terms, challenge_period=challenge_s)
    pair.opening = msgspec.structs.replace(pair.opening, scid=struct_hash(pair.terms))
    return pair


def empty_machine(engine: Reorganised) -> Reorganised:
    """Nothing is left but the ledger, the parties' keys and the clock."""
    for model in apps.get_app_config("engine").get_models():
        model._default_manager.all().delete()
    fresh = Reorganised(engine.chain)
    fresh.runtime.clock.set(engine.runtime.clock.now())  # type: ignore[attr-defined]  # the tests' clock
    fresh.world.keys.update(engine.world.keys)
    return fresh


def evidence_of(state: CoSigned) -> str:
    body = m.DisputeAnswer(state.state, state.signature_a, state.signature_b)
    return "[" + json_form(m.DisputeAnswer).encode(body).decode() + "]"


# The file


def test_a_seal_opens_for_its_passphrase_alone() -> None:
    sealed = seal(b"content", PASSPHRASE)
    assert unseal(sealed, PASSPHRASE) == b"content"
    assert b"content" not in sealed
    with pytest.raises(SealError, match="passphrase does not open"):
        unseal(sealed, PASSPHRASE + ".")
    with pytest.raises(SealError, match="at least 12"):
        seal(b"content", "short")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda sealed: b"PK\x03\x04 something else", "no backup of Wattnote"),
        (lambda sealed: b"", "no backup of Wattnote"),
        (lambda sealed: sealed.replace(b"backup 1", b"backup 7"), "form 7"),
        (lambda sealed: sealed[:30], "cut short"),
        (lambda sealed: sealed[:-1], "damaged"),
        (lambda sealed: sealed[:20] + bytes([sealed[20] ^ 1]) + sealed[21:], "damaged"),
        (lambda sealed: sealed[:60] + bytes([sealed[60] ^ 1]) + sealed[61:], "damaged"),
    ],
    ids=["another file", "nothing", "another form", "cut short", "last byte", "salt", "content"],
)
def test_rubbish_is_refused_with_a_clear_word(spoil: Callable[[bytes], bytes], says: str) -> None:
    with pytest.raises(SealError, match=says):
        unseal(spoil(seal(b"content" * 10, PASSPHRASE)), PASSPHRASE)


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"\x9b\x00", "no JSON"), (b"{", "no JSON"), (b'{"state": 1}', "no list"), (b"[1]", "no list")],
)
def test_states_that_are_none_are_refused_with_a_clear_word(
    content: bytes, says: str, tmp_path: Path
) -> None:
    (tmp_path / "states.json").write_bytes(content)
    with pytest.raises(CommandError, match=says):
        call_command("backup", "show", tmp_path / "states.json")


def test_a_file_is_whole_or_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "backup"
    write_whole(path, b"old")
    with pytest.raises(TypeError):
        write_whole(path, "no bytes")  # type: ignore[arg-type]  # what fails halfway
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["backup"]
    assert path.stat().st_mode & 0o077 == 0


def test_a_backup_of_another_version_is_refused(engine: Reorganised, tmp_path: Path) -> None:
    engine.open(engine.world.pair(funding=FUNDING))
    backup = msgspec.structs.replace(backups.collect(1, {}), migration="0000_before")
    empty_machine(engine)
    with pytest.raises(backups.BackupError, match="0000_before"):
        backups.place(backup)
    with pytest.raises(backups.BackupError, match="another version"):
        backups.unpack(b"\x00\x01")
    assert backups.is_empty()


# Restoring


def test_all_comes_back_on_an_empty_machine(engine: Reorganised, tmp_path: Path) -> None:
    pair = engine.world.pair(funding=FUNDING)
    engine.open(pair)
    newest = engine.trade(pair, "one")
    log = list(LogEntry.objects.order_by("id").values_list("type", "body"))
    call_command("backup", "export", tmp_path / "file")
    with pytest.raises(CommandError, match="holds channels"):
        call_command("backup", "restore", tmp_path / "file")
    empty = empty_machine(engine)
    call_command("backup", "restore", tmp_path / "file")
    assert list(LogEntry.objects.order_by("id").values_list("type", "body"))[: len(log)] == log
    assert empty.endpoint(pair).current == newest
    (refused,) = empty.world.floor.trade_many([empty.world.deal(pair, "two")])
    assert isinstance(refused, Refused)
    assert refused.code == "restored"
    call_command("backup", "trust")
    again = empty.trade(pair, "two")
    assert again.state.version > newest.state.version + 2**16, "above all that may have been signed since"
    empty.settle_and_close(pair)
    empty.until_idle()
    empty.check_truth(pair)
    assert empty.phases(pair) == {Phase.CLOSED}


def test_a_stale_backup_signs_no_version_again_and_learns_the_newest(
    engine: Reorganised, tmp_path: Path
) -> None:
    pair = engine.world.pair(funding=FUNDING)
    engine.open(pair)
    engine.trade(pair, "one")
    call_command("backup", "export", tmp_path / "file")
    for number in range(3):
        newest = engine.trade(pair, f"lost-{number}")
    signed = set(CoSignedState.objects.values_list("version", flat=True))
    (tmp_path / "kept.json").write_text(evidence_of(newest))

    empty = empty_machine(engine)
    call_command("backup", "restore", tmp_path / "file")
    old = empty.endpoint(pair).current
    assert old is not None
    assert old.state.version < newest.state.version
    wanted = drafted_dispute(empty.endpoint(pair, Side.B))
    consent = pair.signer_b.sign(digest(engine.chain.domain, wanted))
    outcome = empty.world.say(
        pair.owner_b, "early", pair.channel, m.DisputeRaise(wanted.version, "", consent)
    )
    assert isinstance(outcome, Refused)
    assert outcome.code == "restored", "a stale dispute would cost its raiser"

    call_command("backup", "show", tmp_path / "kept.json")
    for side in Side:
        end = empty.endpoint(pair, side)
        assert (end.current, end.history_lost, end.doubtful) == (newest, True, False)
    assert end.highest_version > max(signed) + 2**15
    (tmp_path / "rubbish.json").write_text('[{"state": 1}]')
    with pytest.raises(CommandError, match="co-signed states"):
        call_command("backup", "show", tmp_path / "rubbish.json")
    forged = msgspec.structs.replace(newest, state=msgspec.structs.replace(newest.state, balance_a=FUNDING))
    (tmp_path / "forged.json").write_text(evidence_of(forged))
    with pytest.raises(CommandError, match="not taken"):
        call_command("backup", "show", tmp_path / "forged.json")
    (closed,) = empty.world.floor.close_many([Closing(pair.channel, pair.owner_a)])
    assert isinstance(closed, Accepted), closed
    empty.until_idle()
    assert empty.tokens(pair) == (newest.state.balance_a, newest.state.balance_b), "the newest is paid out"


def test_force_close_from_a_backup(engine: Reorganised, tmp_path: Path) -> None:
    """The peer is gone, the machine too: restore, dispute, wait, be paid."""
    pair = engine.world.pair(funding=FUNDING)
    engine.open(pair)
    newest = engine.trade(pair, "one")
    call_command("backup", "export", tmp_path / "file")
    empty = empty_machine(engine)
    call_command("backup", "restore", tmp_path / "file")
    call_command("backup", "trust", "0x" + pair.channel.hex())
    wanted = drafted_dispute(empty.endpoint(pair, Side.A))
    consent = pair.signer_a.sign(digest(engine.chain.domain, wanted))
    said = empty.world.say(
        pair.owner_a, "force", pair.channel, m.DisputeRaise(wanted.version, "gone", consent)
    )
    assert isinstance(said, Accepted), said
    empty.advance(60)
    empty.until_idle()
    assert empty.phases(pair) == {Phase.DISPUTED}
    empty.advance(3700)
    empty.until_idle()
    empty.check_truth(pair)
    assert empty.phases(pair) == {Phase.CLOSED}
    assert empty.tokens(pair) == (newest.state.balance_a, newest.state.balance_b)


# A second watchtower


@contextmanager
def tower(chain: Chain, backup: Path, folder: Path, account: int) -> "Iterator[subprocess.Popen[str]]":
    """`manage.py watchtower` on a machine of its own."""
    folder.mkdir()
    environment = os.environ | {
        "VAR_DIR": str(folder),
        "DATABASE_URL": f"sqlite:///{folder / 'tower.sqlite3'}",
        "LEDGER_URL": chain.client.url,
        "ENGINE_KEY": "0x" + dev_key(account).hex(),
        "BACKUP_PASSPHRASE": PASSPHRASE,
        "DJANGO_SETTINGS_MODULE": "marketplace.settings",
    }
    command = [sys.executable, "manage.py", "watchtower", "--backup", str(backup)]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert "Watching 1 channels" in process.stdout.readline()
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0


def until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def test_a_second_watchtower_answers_and_claims_when_the_first_is_dead(
    engine: Reorganised, tmp_path: Path
) -> None:
    pair = pair_with(engine, CHALLENGE_S)
    engine.open(pair)
    old = engine.trade(pair, "one")
    newest = engine.trade(pair, "two")
    call_command("backup", "export", tmp_path / "file")
    call, registry = engine.chain.client.call, engine.chain.registry
    with tower(engine.chain, tmp_path / "file", tmp_path / "second", 5):
        engine.chain.execute(engine.stale_dispute(pair, old))
        until(lambda: registry.record_of(call, pair.channel).deadline == 0, "the stale dispute is answered")
        assert registry.record_of(call, pair.channel).version == newest.state.version
        engine.tower.tick()  # the first one knows of it, and does nothing any more
        final = engine.trade(pair, "three")
        engine.chain.execute(engine.stale_dispute(pair, final))
        until(
            lambda: registry.channel_of(call, pair.channel).status is not ChannelStatus.OPEN,
            "the payout is claimed",
        )
    assert engine.tokens(pair) == (final.state.balance_a, final.state.balance_b)


def test_two_watchtowers_and_the_server_do_no_harm(engine: Reorganised, tmp_path: Path) -> None:
    pair = pair_with(engine, CHALLENGE_S)
    engine.open(pair)
    old = engine.trade(pair, "one")
    call_command("backup", "export", tmp_path / "older")
    middle = engine.trade(pair, "two")
    call_command("backup", "export", tmp_path / "file")
    newest = engine.trade(pair, "three")
    call, registry = engine.chain.client.call, engine.chain.registry
    with (
        tower(engine.chain, tmp_path / "file", tmp_path / "second", 5),
        tower(engine.chain, tmp_path / "older", tmp_path / "third", 6),
    ):
        engine.chain.execute(engine.stale_dispute(pair, old))
        until(lambda: registry.record_of(call, pair.channel).deadline == 0, "somebody answers")
        engine.until_idle()
        assert registry.record_of(call, pair.channel).version >= middle.state.version
        assert engine.phases(pair) == {Phase.OPEN}
        engine.trade(pair, "after")
        engine.settle_and_close(pair)
        engine.until_idle()
        time.sleep(1)
    current = engine.endpoint(pair).current
    assert current is not None
    assert current.state.version > newest.state.version
    assert engine.phases(pair) == {Phase.CLOSED}
    engine.check_truth(pair)
    assert engine.names(pair).count("ChannelFinalised") == 1
    assert json.loads(evidence_of(current))[0]["state"]["isFinal"] is True
