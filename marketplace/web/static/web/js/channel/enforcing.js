/**
 * An accepted offer binds: whoever accepts signs the very offer too, and keeps that beside the key. It leaves this
 * browser only when the partner vanished, and the ledger is to apply the offer.
 */

import { gettext } from "../ui/language.js";
import { update } from "../wallet/database.js";
import { deed } from "../wallet/deeds.js";
import { BookError } from "./book.js";

/** @typedef {import("./desk.js").ChannelDesk} ChannelDesk */
/** @typedef {import("./book.js").ChannelView} ChannelView */
/** @typedef {import("./book.js").Offer} Offer */

/** @param {ChannelDesk} desk @param {string} channel */
const keyOf = (desk, channel) => `${desk.signer.address}/${channel}/accepted`;

/**
 * Signs an accepted offer and keeps the signature; the newest acceptance of a channel is the only one that can matter.
 *
 * @param {ChannelDesk} desk
 * @param {ChannelView} view
 * @param {Offer} offer
 */
export async function keepAcceptance(desk, view, offer) {
  const agreed = { agreed: deed("offer_kept", { partner: desk.nameOf(view.peer) }) };
  const signature = await desk.signer.signInSession(/** @type {string} */ (view.terms.nonce), desk.domain, "Offer", offer, agreed);
  const key = keyOf(desk, view.channel);
  await update("channels", key, () => ({ key, offer, signature }));
}

/**
 * The newest acceptance of ours that the partner left without an answer, or refused, while its offer still binds it. A
 * partner who vanished refuses too: its side of the relay says so when the time is over.
 *
 * @param {ChannelView} view
 * @param {number} [now] seconds since the epoch
 * @returns {Offer|null}
 */
export function enforceable({ dropped, refused, side, current }, now = Date.now() / 1000) {
  const open = [dropped, ...[...refused].reverse()].filter((one) => one?.proposer === side).map((one) => one?.offer?.offer);
  return open.find((offer) => offer && offer.baseVersion === current?.state.version && now < Number(offer.validUntil)) ?? null;
}

/**
 * Has the ledger apply what was accepted.
 *
 * @param {ChannelDesk} desk
 * @param {string} channel
 */
export async function enforceAcceptance(desk, channel) {
  const offer = enforceable(desk.view(channel));
  const key = keyOf(desk, channel);
  const kept = await update("channels", key, (held) => held ?? { key });
  if (!offer || kept.offer?.id !== offer.id) throw new BookError(gettext("There is no accepted offer that could be enforced now."));
  await desk.socket.send(channel, "enforce.offer", { offer: offer.id, signature: kept.signature });
}
