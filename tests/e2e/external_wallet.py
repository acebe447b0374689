"""A wallet of another maker in a page: EIP-6963 announces it, EIP-1193 speaks to it, `eth_account` signs for it."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from eth_account import Account
from eth_account.messages import encode_defunct, encode_typed_data
from journey import PASSPHRASE, PASSWORD, Journey
from playwright.sync_api import Page, expect

SCRIPT = """
((makers) => {
  const announce = ({ name, rdns, uuid }) => {
    const listeners = {};
    const provider = {
      request: async ({ method, params = [] }) => {
        const { value, error } = await window.externalWallet(rdns, method, JSON.stringify(params));
        if (error) throw Object.assign(new Error(error.message), { code: error.code });
        return value;
      },
      on: (event, listener) => (listeners[event] ??= []).push(listener),
      removeListener: (event, listener) => { listeners[event] = (listeners[event] ?? []).filter((one) => one !== listener); },
      emit: (event, detail) => (listeners[event] ?? []).forEach((one) => one(detail)),
    };
    (window.announced ??= {})[rdns] = provider;
    const icon = 'data:image/svg+xml,<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><path d="M0 0h1v1H0z"/></svg>';
    const detail = Object.freeze({ info: Object.freeze({ uuid, name, icon, rdns }), provider });
    const tell = () => window.dispatchEvent(new CustomEvent("eip6963:announceProvider", { detail }));
    window.addEventListener("eip6963:requestProvider", tell);
    tell();
  };
  makers.forEach(announce);
})
"""


@dataclass
class ExternalWallet:
    """One key behind the interface of EIP-1193. What it answers is what MetaMask would, error codes included."""

    key: bytes
    chain_id: int
    name: str = "Oak wallet"
    rdns: str = "example.oak"
    refuses: bool = False
    asked: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        """EIP-55 spelling, as wallets give it."""
        return str(Account.from_key(self.key).address)

    def enter(self, page: Page, *others: "ExternalWallet") -> None:
        """Be there on every page that this one shows from now on."""
        wallets = {wallet.rdns: wallet for wallet in (self, *others)}
        page.expose_function(
            "externalWallet", lambda rdns, method, params: wallets[rdns].answer(method, params)
        )
        makers = [{"name": w.name, "rdns": w.rdns, "uuid": f"uuid-{w.rdns}"} for w in wallets.values()]
        page.add_init_script(f"{SCRIPT.strip()}({makers!r})")

    def answer(self, method: str, params: str) -> dict[str, Any]:
        """The answer to a request, or its error."""
        self.asked.append(method)
        if self.refuses and method not in {"eth_accounts", "eth_chainId"}:
            return {"error": {"code": 4001, "message": "User rejected the request."}}
        ways: dict[str, Callable[[Any], dict[str, Any]]] = {
            "eth_requestAccounts": lambda _: {"value": [self.address]},
            "eth_accounts": lambda _: {"value": [self.address]},
            "eth_chainId": lambda _: {"value": hex(self.chain_id)},
            "wallet_switchEthereumChain": self._switch,
            "personal_sign": lambda values: {"value": self._sign(encode_defunct(hexstr=values[0]))},
            "eth_signTypedData_v4": lambda values: self._typed(json.loads(values[1])),
        }
        if method not in ways:
            return {"error": {"code": 4200, "message": f"{method} is not supported"}}
        return ways[method](json.loads(params))

    def _switch(self, values: Any) -> dict[str, Any]:
        self.chain_id = int(values[0]["chainId"], 16)
        return {"value": None}

    def _typed(self, message: dict[str, Any]) -> dict[str, Any]:
        chain = message["domain"].get("chainId", self.chain_id)
        if chain != self.chain_id:
            return {
                "error": {"code": -32603, "message": f"Provided chainId {chain} must match the active one"}
            }
        return {"value": self._sign(encode_typed_data(full_message=message))}

    def _sign(self, signable: Any) -> str:
        return "0x" + bytes(Account.sign_message(signable, self.key).signature).hex()


class ExternalOwner(Journey):
    """Somebody who brings a wallet along."""

    def sign_in(self, email: str) -> None:
        page = self.page
        page.goto("/accounts/login/")
        page.locator("input[name=login]").fill(email)
        page.locator("input[name=password]").fill(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url(lambda url: "login" not in url)

    def connect(self, wallet: ExternalWallet) -> None:
        """Choose it among several; the first time its owner says no."""
        self.page.goto("/onboarding/")
        self._choose(wallet)
        wallet.refuses = True
        self.press("Connect")
        expect(self.page.locator("#external-form [data-error]")).to_contain_text("You said no in your wallet")
        wallet.refuses = False
        self.picture("external-refused")
        self.press("Connect")
        expect(self.page.locator("#wallet-saved")).to_contain_text("Backup checked")
        expect(self.page.locator("#wallet-notes")).to_contain_text(f"{wallet.name} signs for this address")
        self.picture("external-connected")

    def restore(self, wallet: ExternalWallet, another: ExternalWallet) -> None:
        """In a fresh browser; another account is refused."""
        self.page.goto("/wallet/")
        expect(self.page.locator("#wallet-notes")).to_contain_text("is not in this browser")
        key, wallet.key = wallet.key, another.key
        self._choose(wallet)
        self.press("Connect")
        expect(self.page.locator("#external-form [data-error]")).to_contain_text("Your account is linked to")
        wallet.key = key
        self.press("Connect")
        expect(self.page.locator("#wallet-state")).to_have_text("Unlocked in this tab")
        self.picture("external-restored")

    def _choose(self, wallet: ExternalWallet) -> None:
        page = self.page
        expect(page.locator("#external-makers label")).not_to_have_count(0)
        page.locator("#external-makers label", has_text=wallet.name).click()
        for box in ("#external-pass", "#external-again"):
            page.locator(box).fill(PASSPHRASE)
