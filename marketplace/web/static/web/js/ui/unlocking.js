/**
 * A word that something waits for the wallet, with the way to open it; it goes once the wallet is open.
 */

import { Declined } from "./dialogs.js";
import { h, notice, replace } from "./dom.js";
import { gettext } from "./language.js";
import { toastError } from "./toast.js";

/**
 * @param {Element} place
 * @param {import("../wallet/signer.js").WalletSigner} signer
 */
export function askToUnlock(place, signer) {
  if (place.hasChildNodes()) return;
  const unlock = h("button", { class: "button button--small", type: "button" }, gettext("Unlock"));
  unlock.addEventListener("click", () => {
    signer.open().catch((error) => {
      if (!(error instanceof Declined)) toastError(error);
    });
  });
  replace(place, notice("warn", gettext("Your partner waits for your signature under what you agreed to."), " ", unlock));
  const listener = async () => {
    if (!(await signer.isOpen())) return;
    removeEventListener("wattnote:lock", listener);
    replace(place);
  };
  addEventListener("wattnote:lock", listener);
}
