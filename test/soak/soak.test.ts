import assert from "node:assert/strict";
import { it } from "node:test";
import { dataPlaneAvailable } from "../../src/emulator/data-plane/data-plane-available.ts";
import { soakLab } from "./soak-lab.ts";
import { soak } from "./soak.ts";

const TIME_SCALE = 0.02;
const ROUNDS = 5;
/** Its rounds have every kind of disturbance. Struck nodes have pods, and each role is killed once. */
const SEED = 49_088;

it("pods lose nothing while nodes freeze or lose power and processes are killed", async (t) => {
  const devices = dataPlaneAvailable();
  if (!devices.available) {
    t.skip(devices.reason);
    return;
  }
  const ending = new AbortController();
  const lab = await soakLab({ timeScale: TIME_SCALE, signal: ending.signal });
  try {
    const soaked = await soak({
      lab,
      seed: SEED,
      volumes: 3,
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
