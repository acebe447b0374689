/**
 * Whether the partner is there: an answer may come soon, or the offer waits.
 */

import { get } from "../api.js";
import { fill, gettext } from "../ui/language.js";

const LOOK_MS = 8000;

/** The chip beside the partner's name. */
export class Presence {
  /**
   * @param {HTMLElement} chip
   * @param {{slug: string, name: string, isAgent: boolean}} partner
   */
  constructor(chip, { slug, name, isAgent }) {
    this.chip = chip;
    this.slug = slug;
    this.name = name;
    this.isAgent = isAgent;
    this.here = isAgent;
  }

  start() {
    void this.look();
    if (this.isAgent) return;
    setInterval(() => void this.look(), LOOK_MS);
    addEventListener("online", () => void this.look());
  }

  /** What can't be learned now stays as it was. */
  async look() {
    if (document.hidden) return;
    const found = await get(`prosumers/${this.slug}/presence/`).catch(() => null);
    if (!found) return;
    this.here = found.here;
    this.show();
  }

  /** The partner just said something. */
  heard() {
    if (this.here) return;
    this.here = true;
    this.show();
  }

  show() {
    const { chip, here, isAgent, name } = this;
    chip.hidden = false;
    chip.className = `chip chip--${here ? "good" : "plain"}`;
    chip.dataset.here = String(here);
    chip.textContent = isAgent ? gettext("An agent answers") : here ? gettext("Here now") : gettext("Away: offers wait");
    chip.title = here ? "" : fill(gettext("%(name)s has no page open. Your offer waits until its time is over."), { name });
  }
}
