// The whole life of a channel on viem: see docs/clients.md.

import { main } from "../client/life.mjs";
import * as wallet from "./wallet.mjs";

await main(wallet);
