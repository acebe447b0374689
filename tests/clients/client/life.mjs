// A whole life: node <library>/main.mjs <config.json>. Each step is a line of JSON on standard output.

import { readFileSync } from "node:fs";
import { liveWithAHouse } from "./house.mjs";
import { buyFrom, sellTo } from "./pair.mjs";
import { Person } from "./person.mjs";

export async function main(wallet) {
  const config = JSON.parse(readFileSync(process.argv[2], "utf8"));
  const begun = Date.now();
  let last = "start";
  const tell = (step, found) => {
    last = step;
    process.stdout.write(`${JSON.stringify({ library: wallet.library, seconds: (Date.now() - begun) / 1000, step, ...found })}\n`);
  };
  try {
    tell("done", { result: await live(wallet, config, tell) });
  } catch (error) {
    process.stderr.write(`${wallet.library} stopped after "${last}": ${error.stack}\n`);
    process.exitCode = 1;
  }
  process.exit();
}

async function live(wallet, config, tell) {
  const person = new Person(wallet, config, tell);
  person.chain = wallet.ledgerAt(config.ledgerUrl);
  await person.signIn();
  await person.introduce();
  await person.apply();
  await person.connect();
  const together = config.buysFrom ? buyFrom(person, config.buysFrom, tell) : sellTo(person, tell);
  const [house, moneyHome] = await Promise.all([liveWithAHouse(person, config.funding, tell), together]);
  const pair = await moneyHome();
  const seen = [...person.relay.kinds].sort();
  person.relay.close();
  return { owner: person.me.owner, address: person.address, house, pair, seen };
}
