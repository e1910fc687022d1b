import assert from "node:assert/strict";
import { vmNameOf } from "../../../testbed/lab/cluster/vm-place.ts";
import type { Lab } from "../../../testbed/lab/lab.ts";
import { waitUntil } from "../../../testbed/lab/units/wait-until.ts";
import { azureCallsFromNow } from "../assert/azure-journal.ts";
import { leaderOf, untilAnotherLeads, untilControllersReady } from "../leading-controller.ts";
import { assertWayIn, type WayIn } from "../way-in.ts";
import { recordWriter, writerPod } from "../workload/record-writer.ts";
import type { Workloads } from "../workload/workloads.ts";
import { withAttachLatency } from "./attach-latency.ts";
import { killDriverRole } from "./kill-process.ts";

const PLAIN_CLASS = "managed-csi";
/** In Azure's time: long enough for a fault in the middle of it, also where the fault comes late. */
const SLOW_ATTACH = { medianMs: 600_000, p99Ms: 600_000, perDiskMs: 0 };
const STRIKE_MAX_MS = 240_000;
/** Twice the duration of a killed leader's Lease. The delay after its end is tested in virtual time. */
const TAKEOVER_MAX_MS = 2 * 15_000;

/**
 * Starts the writer `db-0`, and kills the leading controller while Azure attaches its disk. Another
 * controller leads, and the disk is on the pod's node and nowhere else.
 */
export async function attachesUnderKilledLeader(
  workloads: Workloads,
  { wayIn, home }: { readonly wayIn: WayIn; readonly home: string },
): Promise<void> {
  const { lab } = workloads;
  const calls = await azureCallsFromNow(lab);
  const leader = await leaderOf(lab);
  await withAttachLatency(lab, SLOW_ATTACH, async () => {
    await workloads.apply(recordWriter({ name: "db", storageClass: PLAIN_CLASS, home }));
    await waitUntil("the attach to begin", { timeoutMs: STRIKE_MAX_MS }, async () =>
      (await calls.vmWrites()).some(({ operation }) => operation === "VirtualMachines_Update")
        ? true
        : undefined,
    );
    await killDriverRole(lab.node(leader.nodeName), "controller");
    const isUnderWay = (await vmsNow(lab)).some(
      ({ properties }) => properties.provisioningState === "Updating",
    );
    assert.ok(isUnderWay, "the leader was killed after the attach");
  });
  const tookMs = await untilAnotherLeads(lab, leader.holder);
  console.log(`another controller led ${Math.round(tookMs)} ms after the leader was killed`);
  assert.ok(tookMs < TAKEOVER_MAX_MS, `${tookMs} ms: longer than its Lease`);
  await workloads.untilReady("db-0");
  const { nodeName } = await writerPod(workloads, "db-0");
  const uri = (await workloads.volumeOf("data-db-0")).status?.detail?.diskUri ?? "";
  assert.deepEqual(await vmsThatHave(lab, uri), [vmNameOf(nodeName)]);
  await assertWayIn(lab, wayIn, nodeName);
  await untilControllersReady(lab);
}

/** Names of the VMs that have a disk, one for each attachment. */
async function vmsThatHave(lab: Lab, diskUri: string): Promise<readonly string[]> {
  return (await vmsNow(lab)).flatMap(({ name, properties }) =>
    properties.storageProfile.dataDisks
      .filter(({ managedDisk }) => managedDisk.id.toLowerCase() === diskUri.toLowerCase())
      .map(() => name),
  );
}

interface Vm {
  readonly name: string;
  readonly properties: {
    readonly provisioningState: string;
    readonly storageProfile: {
      readonly dataDisks: readonly { readonly managedDisk: { readonly id: string } }[];
    };
  };
}

async function vmsNow(lab: Lab): Promise<readonly Vm[]> {
  return ((await lab.azure.call("GET", "/emulator/v1/state")) as { readonly virtualMachines: readonly Vm[] })
    .virtualMachines;
}
