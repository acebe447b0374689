// The published vectors on viem.

import { check } from "../client/vectors.mjs";
import * as wallet from "./wallet.mjs";

await check(wallet);
