import assert from "node:assert/strict";
import { it } from "node:test";
import { createSeededRandom } from "../../src/adapters/virtual/seeded-random.ts";
import { dataPlaneAvailable } from "../../src/emulator/data-plane/data-plane-available.ts";
import { type Disturbance, type PlannedRound, planRounds, type Situation } from "./plan-round.ts";
import { soakLab } from "./soak-lab.ts";
import { firstSituation, soak } from "./soak.ts";

const TIME_SCALE = 0.02;
const VOLUMES = 3;
const ROUNDS = 5;
/** Its rounds lack nothing of what follows. A change of the dice needs another one. */
const SEED = 49_088;

/** What rounds have to have. Every kind is named: the compiler finds one that is not. */
const KINDS: Readonly<Record<Disturbance["kind"], string>> = {
  freeze: "a node that freezes with a pod",
  powerLoss: "a node that loses its power with a pod",
  reboot: "a node that loses its power with a pod, and boots soon",
  kill: "a process that is killed",
  azure: "an Azure that fails",
  backUp: "a backup",
  restore: "a restored backup",
  cordon: "a cordoned node",
  grow: "a disk that grows",
  snapshot: "a copied volume",
};
const FURTHER = [
  "a power loss unseen by Azure",
  "a node that is lost when it has frozen a file system",
  "two nodes with pods that are struck at once",
  "a killed store",
  "a killed controller",
  "a killed node plug-in",
];

/** What the first rounds of a seed lack. */
function lackedBy(seed: number, first: Situation): readonly string[] {
  const found = new Set<string>();
  const planned = planRounds(createSeededRandom(seed), first);
  for (let round = 0; round < ROUNDS; round++)
    for (const each of foundIn(planned.next().value)) found.add(each);
  return [...Object.values(KINDS), ...FURTHER].filter((each) => !found.has(each));
}

function* foundIn({ situation: { pods }, round: { disturbances } }: PlannedRound): Generator<string> {
  const hasPod = (name: string): boolean => pods.some(({ nodeName }) => nodeName === name);
  let struck = 0;
  for (const each of disturbances)
    switch (each.kind) {
      case "freeze":
      case "powerLoss":
      case "reboot":
        if (!hasPod(each.nodeName)) break;
        struck += 1;
        yield KINDS[each.kind];
        if (each.kind === "powerLoss" && each.isSilent) yield "a power loss unseen by Azure";
        if (each.kind !== "reboot" && each.freezing !== undefined)
          yield "a node that is lost when it has frozen a file system";
        break;
      case "kill":
        yield KINDS.kill;
        yield `a killed ${each.processName.replace(/^node-.*/u, "node plug-in").replace(/-\d+$/u, "")}`;
        break;
      default:
        yield KINDS[each.kind];
    }
  if (struck > 1) yield "two nodes with pods that are struck at once";
}

it("pods lose nothing while nodes freeze or lose power and processes are killed", async (t) => {
  const devices = dataPlaneAvailable();
  if (!devices.available) {
    t.skip(devices.reason);
    return;
  }
  const ending = new AbortController();
  const lab = await soakLab({ timeScale: TIME_SCALE, signal: ending.signal });
  try {
    const first = firstSituation(lab, VOLUMES);
    const lacking = lackedBy(SEED, first);
    if (lacking.length > 0) {
      let next = SEED;
      do next += 1;
      while (lackedBy(next, first).length > 0);
      assert.fail(`the rounds of seed ${SEED} lack ${lacking.join(", ")}; those of ${next} lack nothing`);
    }
    const soaked = await soak({
      lab,
      seed: SEED,
      volumes: VOLUMES,
      continues: (rounds) => rounds < ROUNDS,
      say: (text) => t.diagnostic(text),
      signal: ending.signal,
    });
    assert.ok(soaked.failOversMs.length > 0 && soaked.movesMs.length > 0);
  } catch (error) {
    t.diagnostic(lab.logs());
    throw error;
  } finally {
    ending.abort();
    await lab.close();
  }
});
