import assert from "node:assert/strict";
import { it, type TestContext } from "node:test";
import type { Lab } from "../../demo/lab/lab.ts";
import { createVolume } from "../../demo/volume-moves.ts";
import { waitUntil } from "../../demo/wait-until.ts";
import { recordsHold, startWriter } from "../../demo/workload.ts";
import { CONTROLLER_LEASE } from "../../src/core/api/lease.ts";
import { followRecord } from "../workflows/record-history.ts";
import { bringUp, takeDown, untilServed } from "../workflows/volume-use.ts";
import { type LabWorld, withLab } from "../workflows/with-lab.ts";

const vms = [
  { name: "node-a", zone: "1" },
  { name: "node-b", zone: "1" },
];
/** Takeovers are tested to the millisecond in virtual time. Here the time depends on the machine. */
const SHORT_LEASE = { durationMs: 8_000, renewDeadlineMs: 6_500 };
/** The test does not wait for its end. */
const LONG_LEASE = { durationMs: 600_000, renewDeadlineMs: 450_000 };
/**
 * From the leader's release. Most of the ten minutes are left then, whatever the machine takes: the
 * driver's own two seconds are tested in virtual time.
 */
const CLEAN_TAKEOVER_MAX_MS = 120_000;
const WAIT_MAX_MS = 240_000;
const STOP_GRACE_MS = 60_000;

/** The lab's controller that holds the Lease, by its last report. */
async function leaderOf(lab: Lab, signal: AbortSignal): Promise<string> {
  return waitUntil("a leader", WAIT_MAX_MS, async () => {
    const lease = await lab.store.get("Lease", CONTROLLER_LEASE, signal);
    const identity = lease.ok ? lease.value.spec.holderIdentity : "";
    return identity === ""
      ? undefined
      : [...lab.controllers.keys()].find((name) =>
          lab.processes.get(name)?.child.log().includes(`"identity":"${identity}"`),
        );
  });
}

function otherThan(lab: Lab, name: string): string {
  return [...lab.controllers.keys()].find((other) => other !== name) ?? assert.fail("one controller only");
}

/** The lab as seen by a client of that controller alone. */
function through(lab: Lab, name: string): Lab {
  return { ...lab, controller: lab.controllers.get(name) ?? assert.fail(`no ${name}`) };
}

async function withTwo(
  t: TestContext,
  lease: typeof SHORT_LEASE,
  act: (world: LabWorld, leader: string, standby: string) => Promise<void>,
): Promise<void> {
  const controllerFlags = [
    `--lease-duration-ms=${lease.durationMs}`,
    `--lease-renew-deadline-ms=${lease.renewDeadlineMs}`,
    "--lease-retry-period-ms=500",
  ];
  await withLab(t, { vms, controllerCount: 2, controllerFlags }, async (world) => {
    const leader = await leaderOf(world.lab, world.signal);
    await act(world, leader, otherThan(world.lab, leader));
  });
}

it("the standby follows a leader killed during a pod's move, and the pod starts", async (t) => {
  await withTwo(t, SHORT_LEASE, async ({ lab: whole, node, signal }, leader, standby) => {
    // The sidecars' own leader is next to the standby: all calls go there.
    const lab = through(whole, standby);
    const volume = await createVolume(lab, {
      name: "moving",
      sizeGiB: 1n,
      parameters: { skuName: "Premium_LRS" },
      zones: ["eastus-1"],
    });
    await bringUp(lab, volume, node("node-a"));
    const writer = await startWriter(lab, node("node-a"), volume, 1);
    const history = await followRecord(lab, volume.name, signal);
    await writer.process.stop(STOP_GRACE_MS);
    await takeDown(lab, volume, node("node-a"));
    const bringingUp = bringUp(lab, volume, node("node-b"));
    await waitUntil("node-b to request it", WAIT_MAX_MS, async () => {
      const attachments = await lab.store.list("AzVolumeAttachment", {}, signal);
      return attachments.ok && attachments.value.items.some(({ spec }) => spec.nodeName === "node-b")
        ? true
        : undefined;
    });
    const killedAtMs = performance.now();
    whole.processes.get(leader)?.child.kill("SIGKILL");
    await waitUntil("the standby to lead", WAIT_MAX_MS, async () =>
      (await leaderOf(whole, signal)) === standby ? true : undefined,
    );
    const tookMs = performance.now() - killedAtMs;
    t.diagnostic(
      `taken over ${Math.round(tookMs)} ms after kill -9, with a lease of ${SHORT_LEASE.durationMs} ms`,
    );
    await bringingUp;
    assert.ok(await recordsHold(node("node-b"), volume, writer.lastSynced()), "every synced record is there");
    assert.deepEqual(history.writers(), ["node-a@1", "node-b@2"]);
    await whole.processes.get(leader)?.restart();
    await takeDown(lab, volume, node("node-b"));
    await untilServed(() => lab.controller.deleteVolume({ volumeId: volume.volumeId, secrets: {} }));
    await history.stop();
  });
});

it("a stopped leader releases its Lease, and the next one leads before its expiry", async (t) => {
  await withTwo(t, LONG_LEASE, async ({ lab, signal }, leader, standby) => {
    const stopping = lab.processes.get(leader)?.child;
    assert.ok(stopping !== undefined);
    stopping.kill("SIGTERM");
    await waitUntil("it to have released the Lease", WAIT_MAX_MS, async () =>
      stopping.log().includes("Lease was released") ? true : undefined,
    );
    const releasedAtMs = performance.now();
    await waitUntil("the standby to lead", WAIT_MAX_MS, async () =>
      (await leaderOf(lab, signal)) === standby ? true : undefined,
    );
    const tookMs = performance.now() - releasedAtMs;
    t.diagnostic(`taken over ${Math.round(tookMs)} ms after a clean stop`);
    assert.ok(tookMs <= CLEAN_TAKEOVER_MAX_MS, `${tookMs} ms`);
  });
});
