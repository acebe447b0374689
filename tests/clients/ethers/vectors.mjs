// The published vectors on ethers.

import { check } from "../client/vectors.mjs";
import * as wallet from "./wallet.mjs";

await check(wallet);
