import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Lab } from "../../testbed/lab/lab.ts";
import { reasonAgainstLab } from "../../testbed/lab/refuse-incapable-machine.ts";
import { waitUntil } from "../../testbed/lab/wait-until.ts";
import { type AzureCall, azureCallsFromNow } from "./azure-journal.ts";
import { driverLab } from "./driver-lab.ts";
import { keepControllersOff } from "./leading-controller.ts";
import { untilNodeReady } from "./node-ready.ts";
import { untilNothingIsLeft } from "./nothing-left.ts";
import { assertNothingLost, recordsSeenBy, recordWriter, toldBy, untilTold, type WriterPod, writerPod } from "./record-writer.ts";
import { attachmentsOf, type Workloads, withWorkloads } from "./workloads.ts";

/** The node that things happen to. Another in its zone can take over its plain disks. */
const VICTIM = "node-b";
const OUT_OF_SERVICE = "node.kubernetes.io/out-of-service";
const VM_API = "api-version=2025-04-01";
const SHARED_CLASS = "managed-csi-premium-zrs-replicas";
const SETTLED_MAX_MS = 120_000;
const RECORDS = 5;

describe("nodes that fail in a cluster", { skip: (await reasonAgainstLab()) ?? false }, () => {
  const { signal } = new AbortController();
  let lab: Lab;
  before(async () => {
    lab = await driverLab();
    await keepControllersOff(lab, VICTIM);
  });
  after(() => untilNothingIsLeft(lab));

  it("moves pods off a node without power, with every record that was synced, only after the node was cut off; the node comes back clean", () =>
    withWorkloads(lab, "power-loss", async (workloads) => {
      const before = await twoWritersOn(workloads, VICTIM);
      const calls = await azureCallsFromNow(lab);
      await lab.node(VICTIM).kill();
      try {
        await cutOffFirst(calls, await takesOver(workloads, before, () => markOutOfService(lab)));
      } finally {
        await lab.node(VICTIM).start(signal);
        await backInService(lab, VICTIM);
      }
      await untilTrusted(workloads, VICTIM);
    }));

  it("moves pods off a VM that was deleted, with every record that was synced; another VM under its name starts clean", () =>
    withWorkloads(lab, "vm-deleted", async (workloads) => {
      const before = await twoWritersOn(workloads, VICTIM);
      const { azure } = lab;
      const vm = (await azure.call("GET", `${azure.vmId(VICTIM)}?${VM_API}`)) as { readonly zones: readonly string[] };
      await lab.node(VICTIM).kill();
      await azure.call("DELETE", `${azure.vmId(VICTIM)}?${VM_API}`);
      try {
        await takesOver(workloads, before, () => markOutOfService(lab));
      } finally {
        // As Azure's cloud provider does with the Node of a VM that is no more. Had it been sooner than the mark, Kubernetes would have waited six minutes before it let the volumes go.
        await lab.kubectl(["delete", "node", VICTIM]);
        const { subscriptionId, resourceGroup, location, vmSize: size } = azure;
        await azure.call("POST", "/emulator/v1/virtualMachines", { subscriptionId, resourceGroup, location, name: VICTIM, size, zone: vm.zones[0] });
        await lab.node(VICTIM).start(signal);
        await untilNodeReady(lab, VICTIM);
      }
      await untilTrusted(workloads, VICTIM);
    }));

  it("cuts off a pod that goes on writing where the kubelet is dead and the node is marked out of service, before another one writes", () =>
    withWorkloads(lab, "kubelet-dead", async (workloads) => {
      const before = await twoWritersOn(workloads, VICTIM);
      const calls = await azureCallsFromNow(lab);
      await lab.node(VICTIM).stopKubelet();
      try {
        await cutOffFirst(calls, await takesOver(workloads, before, () => markOutOfService(lab)));
        for (const pod of before) await untilTold(lab, workloads.namespace, pod, "failed");
      } finally {
        await lab.node(VICTIM).startKubelet();
        await backInService(lab, VICTIM);
      }
      await untilTrusted(workloads, VICTIM);
    }));
});

/** A writer with standbys and one without, both on a node, with some records. */
async function twoWritersOn(workloads: Workloads, nodeName: string): Promise<readonly WriterPod[]> {
  await workloads.apply(recordWriter({ name: "shared", storageClass: SHARED_CLASS, home: nodeName }));
  await workloads.apply(recordWriter({ name: "plain", storageClass: "managed-csi", home: nodeName }));
  return Promise.all(
    ["shared", "plain"].map(async (name) => {
      await workloads.untilReady(`${name}-0`);
      const pod = await writerPod(workloads, `${name}-0`);
      assert.equal(pod.nodeName, nodeName);
      await untilTold(workloads.lab, workloads.namespace, pod, "wrote", RECORDS);
      if (name === "shared") await untilAttached(workloads, `data-${name}-0`, workloads.lab.nodes.length);
      return pod;
    }),
  );
}

interface Successor {
  readonly diskUri: string;
  readonly firstWroteAtMs: number;
}

/** Says that the victim is dead, ends its pods by force, as its operator would, and checks what becomes of them. */
async function takesOver(workloads: Workloads, pods: readonly WriterPod[], sayDead: () => Promise<void>): Promise<readonly Successor[]> {
  const { lab, namespace } = workloads;
  const startMs = performance.now();
  await sayDead();
  await workloads.kubectl(["delete", "pod", ...pods.map(({ name }) => name), "--force", "--grace-period=0"]);
  for (const { name } of pods) {
    await workloads.untilReady(name);
    console.log(`${namespace}/${name}: Ready ${Math.round(performance.now() - startMs)} ms after its node was said to be dead`);
  }
  return Promise.all(
    pods.map(async (pod) => {
      const successor = await writerPod(workloads, pod.name);
      assert.notEqual(successor.nodeName, VICTIM);
      await untilTold(lab, namespace, successor, "wrote", RECORDS);
      const [told, toldAfter] = [await toldBy(lab, namespace, pod), await toldBy(lab, namespace, successor)];
      assertNothingLost(await recordsSeenBy(workloads, pod.name), [
        { uid: pod.uid, told },
        { uid: successor.uid, told: toldAfter },
      ]);
      const firstWroteAtMs = toldAfter.find(({ outcome }) => outcome === "wrote")?.atMs ?? 0;
      const lastWroteAtMs = told.findLast(({ outcome }) => outcome === "wrote")?.atMs ?? Infinity;
      assert.ok(lastWroteAtMs < firstWroteAtMs, "the old pod has written its last before the new one writes");
      return { diskUri: (await workloads.volumeOf(`data-${pod.name}`)).status?.detail?.diskUri ?? "", firstWroteAtMs };
    }),
  );
}

/** Azure was asked to take each disk from the victim before another pod wrote to it. */
async function cutOffFirst(calls: { readonly writes: () => Promise<readonly AzureCall[]> }, successors: readonly Successor[]): Promise<void> {
  const writes = await calls.writes();
  for (const { diskUri, firstWroteAtMs } of successors) {
    const cutOff = writes.find((call) => cutsOff(call, diskUri));
    assert.ok(cutOff !== undefined && cutOff.atMs < firstWroteAtMs, `${VICTIM} is cut off from ${diskUri} before another pod writes`);
  }
}

async function markOutOfService(lab: Lab): Promise<void> {
  await lab.kubectl(["taint", "node", VICTIM, `${OUT_OF_SERVICE}=nodeshutdown:NoExecute`]);
}

/** Whether a call takes a disk from the victim. */
function cutsOff({ operation, path, body, status }: AzureCall, diskUri: string): boolean {
  if (status >= 300 || operation !== "VirtualMachines_Update" || !path.toLowerCase().endsWith(`/${VICTIM}`)) return false;
  return JSON.stringify(body).toLowerCase().includes(diskUri.toLowerCase());
}

async function backInService(lab: Lab, nodeName: string): Promise<void> {
  await untilNodeReady(lab, nodeName);
  await lab.kubectl(["taint", "node", nodeName, `${OUT_OF_SERVICE}-`]);
}

/** Waits until no volume holds a node in quarantine any more, and it has its standbys again. */
async function untilTrusted(workloads: Workloads, nodeName: string): Promise<void> {
  for (const claim of ["data-shared-0", "data-plain-0"]) {
    await waitUntil(`${nodeName} to leave quarantine of ${claim}`, { timeoutMs: SETTLED_MAX_MS }, async () => {
      const record = (await workloads.volumeOf(claim)).status?.record;
      return record !== undefined && !record.quarantine.some((each) => each.nodeName === nodeName) ? true : undefined;
    });
  }
  await untilAttached(workloads, "data-shared-0", workloads.lab.nodes.length);
}

async function untilAttached(workloads: Workloads, claim: string, count: number): Promise<void> {
  const volumeName = (await workloads.volumeOf(claim)).metadata.name;
  await waitUntil(`${claim} to be attached to ${count} nodes`, { timeoutMs: SETTLED_MAX_MS }, async () => {
    const attachments = [...(await attachmentsOf(workloads.lab, volumeName)).values()];
    return (attachments.length === count && attachments.every(({ status }) => status?.state === "Attached")) || undefined;
  });
}
