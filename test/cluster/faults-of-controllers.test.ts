import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Lab } from "../../testbed/lab/lab.ts";
import { reasonAgainstLab } from "../../testbed/lab/refuse-incapable-machine.ts";
import { waitUntil } from "../../testbed/lab/wait-until.ts";
import { azureCallsFromNow } from "./azure-journal.ts";
import { driverLab } from "./driver-lab.ts";
import { killDriverRole } from "./kill-process.ts";
import { controllerPods, leaderOf, untilAnotherLeads, untilControllersReady } from "./leading-controller.ts";
import { movesWithItsRecords } from "./move-writer.ts";
import { untilNothingIsLeft } from "./nothing-left.ts";
import { assertNothingLost, recordsSeenBy, recordWriter, toldBy, untilTold, writerPod } from "./record-writer.ts";
import { withWorkloads } from "./workloads.ts";

const HOME = "node-b";
const PLAIN_CLASS = "managed-csi";
/** The Lease's 15 s, a look at it each 2 s, and what a busy machine takes. */
const TAKEOVER_MAX_MS = 25_000;
/** A leader that ends in good order gives its Lease back: 2 s, and what a busy machine and the end of the process take. */
const CLEAN_TAKEOVER_MAX_MS = 10_000;
/** In Azure's time: long enough to strike in the middle of it. */
const SLOW_ATTACH = { medianMs: 100_000, p99Ms: 100_000, perDiskMs: 0 };
const STRIKE_MAX_MS = 60_000;
/** How long Azure refuses every call: many times as long as its longest window, at the lab's pace. */
const REFUSED_MS = 20_000;
/** Far fewer than who asks again at once would send. */
const REFUSED_CALLS_MAX = 100;

describe("controllers that fail in a cluster", { skip: (await reasonAgainstLab()) ?? false }, () => {
  let lab: Lab;
  before(async () => {
    lab = await driverLab();
    await untilControllersReady(lab);
  });
  after(() => untilNothingIsLeft(lab));

  it("goes on where a leader that was killed in the middle of an attach left off; one that ends in good order is followed at once", () =>
    withWorkloads(lab, "leader-killed", async (workloads) => {
      const calls = await azureCallsFromNow(lab);
      const settings = (await lab.azure.call("GET", "/emulator/v1/settings")) as { readonly latencies: { readonly attach: unknown } };
      await lab.azure.call("PATCH", "/emulator/v1/settings", { latencies: { attach: SLOW_ATTACH } });
      const leader = await leaderOf(lab);
      try {
        await workloads.apply(recordWriter({ name: "db", storageClass: PLAIN_CLASS, home: HOME }));
        await waitUntil("the attach to begin", { timeoutMs: STRIKE_MAX_MS }, async () =>
          (await calls.writes()).some(({ operation }) => operation === "VirtualMachines_Update") ? true : undefined,
        );
        await killDriverRole(lab.node(leader.nodeName), "controller");
      } finally {
        await lab.azure.call("PATCH", "/emulator/v1/settings", { latencies: { attach: settings.latencies.attach } });
      }
      const tookMs = await untilAnotherLeads(lab, leader.holder);
      console.log(`another controller led ${Math.round(tookMs)} ms after the leader was killed`);
      assert.ok(tookMs <= TAKEOVER_MAX_MS, `${tookMs} ms`);
      await workloads.untilReady("db-0");
      const uri = (await workloads.volumeOf("data-db-0")).status?.detail?.diskUri ?? "";
      assert.deepEqual(await vmsThatHave(lab, uri), [(await writerPod(workloads, "db-0")).nodeName]);

      await untilControllersReady(lab);
      const second = await leaderOf(lab);
      const pod = (await controllerPods(lab)).get(second.nodeName) ?? "";
      await lab.kubectl(["delete", "pod", "--namespace=kube-system", pod, "--wait=false"]);
      const cleanMs = await untilAnotherLeads(lab, second.holder);
      console.log(`another controller led ${Math.round(cleanMs)} ms after the leader's pod was deleted`);
      assert.ok(cleanMs <= CLEAN_TAKEOVER_MAX_MS, `${cleanMs} ms`);
      await movesWithItsRecords(workloads, "db-0");
      await untilControllersReady(lab);
    }));

  it("waits in peace while Azure refuses every call, and serves those who waited", () =>
    withWorkloads(lab, "throttled", async (workloads) => {
      await workloads.apply(recordWriter({ name: "db", storageClass: PLAIN_CLASS, home: HOME }));
      await workloads.untilReady("db-0");
      const pod = await writerPod(workloads, "db-0");
      await untilTold(lab, workloads.namespace, pod, "wrote");
      const told = await toldBy(lab, workloads.namespace, pod);
      const effect = { kind: "Error", status: 429, code: "TooManyRequests", message: "too many requests", retryAfterS: 2 };
      await lab.azure.call("POST", "/emulator/v1/faults", { id: "refuse", effect });
      const calls = await azureCallsFromNow(lab);
      const startMs = performance.now();
      try {
        await lab.kubectl(["cordon", pod.nodeName]);
        await workloads.kubectl(["delete", `pod/${pod.name}`, "--wait=false"]);
        await workloads.apply(recordWriter({ name: "new", storageClass: PLAIN_CLASS, home: HOME }));
        await waitUntil("Azure to have refused for long", { timeoutMs: 2 * REFUSED_MS }, async () =>
          performance.now() - startMs >= REFUSED_MS ? true : undefined,
        );
      } finally {
        await lab.azure.call("DELETE", "/emulator/v1/faults/refuse");
        await lab.kubectl(["uncordon", pod.nodeName]);
      }
      const refused = (await calls.all()).filter(({ status }) => status === 429).length;
      console.log(`${refused} calls were refused in ${REFUSED_MS} ms`);
      assert.ok(refused > 0 && refused <= REFUSED_CALLS_MAX, `${refused} calls`);
      await workloads.untilReady("db-0");
      await workloads.untilReady("new-0");
      const successor = await writerPod(workloads, "db-0");
      await untilTold(lab, workloads.namespace, successor, "wrote");
      assertNothingLost(await recordsSeenBy(workloads, "db-0"), [
        { uid: pod.uid, told },
        { uid: successor.uid, told: await toldBy(lab, workloads.namespace, successor) },
      ]);
    }));
});

/** Names of the VMs that have a disk, once for each time. */
async function vmsThatHave(lab: Lab, diskUri: string): Promise<readonly string[]> {
  const { virtualMachines } = (await lab.azure.call("GET", "/emulator/v1/state")) as {
    readonly virtualMachines: readonly {
      readonly name: string;
      readonly properties: { readonly storageProfile: { readonly dataDisks: readonly { readonly managedDisk: { readonly id: string } }[] } };
    }[];
  };
  return virtualMachines.flatMap(({ name, properties }) =>
    properties.storageProfile.dataDisks.filter(({ managedDisk }) => managedDisk.id.toLowerCase() === diskUri.toLowerCase()).map(() => name),
  );
}
