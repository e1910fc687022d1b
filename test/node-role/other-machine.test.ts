import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { Registry } from "prom-client";
import { createCountedSteps } from "../../src/adapters/observe/counted-steps.ts";
import { createLoopMetrics } from "../../src/adapters/observe/metrics.ts";
import { systemClock } from "../../src/adapters/system/system-clock.ts";
import { systemRandom } from "../../src/adapters/system/system-random.ts";
import type { Options, Values } from "../../src/cli/options.ts";
import { nodeRole } from "../../src/compose/roles/node-role.ts";
import type { ProcessPorts } from "../../src/compose/roles/run-role.ts";
import { storeRole } from "../../src/compose/roles/store-role.ts";
import { readSettings, type RoleSettings } from "../../src/compose/settings/read-settings.ts";
import { stackOf } from "../../src/core/failure/message-of.ts";
import type { Clock } from "../../src/ports/clock.ts";
import { silentLogger } from "../../src/ports/testing/silent-logger.ts";
import { startAzure } from "../emulator/azure-fixture.ts";

const ENDS_MAX_MS = 60_000;
const OTHER_VM = "00000000-0000-0000-0000-0000000000aa";

/** The waits of a minute and more take a fraction of a second. */
const fastClock: Clock = {
  ...systemClock,
  sleep: (ms, signal) => systemClock.sleep(ms >= 60_000 ? 200 : ms, signal),
};

async function valuesOf<const T extends Options>(
  role: RoleSettings<T>,
  flags: readonly string[],
): Promise<Values<T>> {
  const command = await readSettings(role, flags);
  assert.ok(command.kind === "Run", JSON.stringify(command));
  return command.values;
}

it("a node plug-in ends once it is on another VM", { timeout: 2 * ENDS_MAX_MS }, async () => {
  const folder = await mkdtemp(join(tmpdir(), "other-machine-"));
  const path = (name: string): string => join(folder, name);
  await mkdir(path("kubelet"));
  const azure = await startAzure({ virtualMachines: [{ name: "vm-a" }] });
  await writeFile(path("ca.pem"), azure.emulator.caPem ?? "");
  const lifetime = new AbortController();
  const registry = new Registry();
  const ports: ProcessPorts = {
    clock: fastClock,
    random: systemRandom,
    logger: silentLogger,
    steps: createCountedSteps({ registry, clock: systemClock }),
    loops: createLoopMetrics(registry),
    registry,
    lifetime: lifetime.signal,
  };
  const store = await storeRole.start(
    await valuesOf(storeRole, [`--file=${path("store.db")}`, `--socket=${path("store")}`]),
    ports,
  );
  try {
    const node = await nodeRole.start(
      await valuesOf(nodeRole, [
        "--node-name=node-a",
        `--endpoint=unix://${path("csi.sock")}`,
        `--store-socket=${path("store")}`,
        `--state-dir=${path("state")}`,
        `--kubelet-dir=${path("kubelet")}`,
        `--device-root=${folder}`,
        `--metadata-endpoint=${azure.emulator.url}/emulator/v1/imds/vm-a`,
        `--metadata-ca-file=${path("ca.pem")}`,
      ]),
      ports,
    );
    const { virtualMachines } = azure.emulator.model.world;
    for (const [key, vm] of virtualMachines) virtualMachines.set(key, { ...vm, vmGuid: OTHER_VM });
    const ended = node.work.then(
      () => "without an error",
      (error: unknown) => stackOf(error),
    );
    const limit = systemClock.sleep(ENDS_MAX_MS, lifetime.signal).then(
      () => "not at all",
      () => "after the test",
    );
    const how = await Promise.race([ended, limit]);
    await node.drain(lifetime.signal);
    lifetime.abort();
    await limit;
    await node.close();
    assert.match(how, /^Error: this process began on the VM with vmId .* and is now on /u);
  } finally {
    lifetime.abort();
    await store.close();
    await azure.close();
    await rm(folder, { recursive: true });
  }
});
