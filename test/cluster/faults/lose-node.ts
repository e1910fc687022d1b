import assert from "node:assert/strict";
import { isSameResourceUri } from "../../../src/core/azure/ids/disk-uri.ts";
import { listIn } from "../../../src/core/testing/record-lists.ts";
import { booleanAt, type Json, listAt, textAt } from "../../../src/emulator/model/api/json.ts";
import type { Lab } from "../../../testbed/lab/lab.ts";
import { thenCleanUp } from "../../../testbed/lab/units/then-clean-up.ts";
import { waitUntil } from "../../../testbed/lab/units/wait-until.ts";
import { type AzureCall, azureCallsFromNow } from "../assert/azure-journal.ts";
import { assertSoundOnDisk } from "../assert/sound-disk.ts";
import { untilNodeReady } from "../node-ready.ts";
import { assertReplicaKept, untilReplicasOld } from "../old-replicas.ts";
import { DRIVER_OBJECTS, listObjects, readObject } from "../read-objects.ts";
import { assertWayIn, type WayIn } from "../way-in.ts";
import {
  assertRecordsKept,
  recordWriter,
  untilSignalled,
  type WriterPod,
  writerPod,
} from "../workload/record-writer.ts";
import { attachmentsOf, type Workloads } from "../workload/workloads.ts";
import {
  OUT_OF_SERVICE,
  returnToService,
  takeOutOfService,
  untilDriverTakesOutOfService,
} from "./take-out-of-service.ts";

/** The node that fails. Another node in its zone can attach its zonal disks. */
export const VICTIM = "node-b";
const SHARED_CLASS = "managed-csi-premium-zrs-replicas";
const SETTLED_MAX_MS = 240_000;
const DRIVER_NODES = `${DRIVER_OBJECTS}/azdrivernodes`;
const SILENCE_OF_VICTIM = `/api/v1/namespaces/default/events?fieldSelector=${encodeURIComponent(
  `involvedObject.kind=Node,involvedObject.name=${VICTIM},reason=WriterSilent`,
)}`;
const UNREACHABLE = "node.kubernetes.io/unreachable";
/** kubectl takes many times the processor time of a request. */
const SHOWN_EVERY_MS = 1_000;
const REDIRECTION = 300;
const RECORDS = 5;

/**
 * Powers off the node of two writers, which a person or the driver marks out of service: both move after it
 * was fenced, and it comes back clean.
 */
export async function movesOffNodeWithoutPower(
  workloads: Workloads,
  wayIn: WayIn,
  markedBy: "person" | "driver",
): Promise<void> {
  const { lab } = workloads;
  const before = await twoWritersOn(workloads, VICTIM);
  await assertWayIn(lab, wayIn, VICTIM);
  const calls = await azureCallsFromNow(lab);
  await lab.node(VICTIM).kill();
  await thenCleanUp(
    async () => cutOffFirst(calls, await takesOver(workloads, before, markedBy)),
    async () => {
      await lab.node(VICTIM).start(new AbortController().signal);
      await backInService(lab);
    },
  );
  await untilTrusted(workloads);
  await assertBothSound(workloads);
}

/**
 * Powers off the node of two writers. At first no taint marks the node; events of pods, claim and Node
 * state the remedy. After the remedy the next pod uses its replica.
 */
export async function findsReplicas(workloads: Workloads): Promise<void> {
  const { lab } = workloads;
  const before = await twoWritersOn(workloads, VICTIM);
  // Azure shows the VM as running: only a person can mark its node.
  await lab.node(VICTIM).kill({ silent: true });
  await thenCleanUp(
    async () => {
      await reportsSilence(workloads, "shared-0");
      await takesOver(workloads, before);
      await workloads.untilEvent("Pod", "shared-0", /^ReplicaPromoted:/u);
    },
    async () => {
      await lab.node(VICTIM).start(new AbortController().signal);
      await backInService(lab);
    },
  );
  await untilTrusted(workloads);
  await assertBothSound(workloads);
}

/**
 * The pod on the silent node, its claim and the Node receive the remedy, and so does the pod that waits
 * elsewhere after the first was deleted by force.
 */
async function reportsSilence(workloads: Workloads, pod: string): Promise<void> {
  const remedy = new RegExp(
    `^WriterSilent:.*kubectl taint nodes ${VICTIM} ${OUT_OF_SERVICE}=nodeshutdown:NoExecute`,
    "u",
  );
  await workloads.untilEvent("Pod", pod, remedy);
  await workloads.untilEvent("PersistentVolumeClaim", `data-${pod}`, remedy);
  // The driver writes the event about each object separately.
  const { lab } = workloads;
  await waitUntil(`an event of node ${VICTIM}`, { timeoutMs: SETTLED_MAX_MS }, async (note) => {
    const events = await listObjects<{ readonly message: string }>(lab, SILENCE_OF_VICTIM);
    note(events.map(({ message }) => message));
    return events.some(({ message }) => message.includes(`kubectl taint nodes ${VICTIM} `)) || undefined;
  });
  const shown = ["--namespace=azure-disk-csi", "get", "azdrivernodes"];
  await waitUntil(
    `kubectl to show that ${VICTIM} is not ready`,
    { timeoutMs: SETTLED_MAX_MS, everyMs: SHOWN_EVERY_MS },
    async (note) => {
      const table = await lab.kubectl(shown);
      note(table);
      return new RegExp(`${VICTIM} +false +`, "u").test(table) || undefined;
    },
  );
  // Until then the scheduler may assign the next pod to that node. The taint comes after the condition.
  await waitUntil(`${VICTIM} to be unreachable`, { timeoutMs: SETTLED_MAX_MS }, async (note) => {
    const { spec } = await readObject<{
      readonly spec: { readonly taints?: readonly { readonly key: string; readonly effect: string }[] };
    }>(lab, `/api/v1/nodes/${VICTIM}`);
    note(spec);
    const isUnreachable = spec.taints?.some(
      ({ key, effect }) => key === UNREACHABLE && effect === "NoSchedule",
    );
    return isUnreachable || undefined;
  });
  await workloads.kubectl(["delete", "pod", pod, "--force", "--grace-period=0"]);
  await workloads.untilEvent(
    "Pod",
    pod,
    new RegExp(`^WriterSilent: pod ${workloads.namespace}/${pod} on .* waits: ${VICTIM}`, "u"),
  );
}

/** A writer with replicas and one without, both on a node, with some records. */
export async function twoWritersOn(workloads: Workloads, nodeName: string): Promise<readonly WriterPod[]> {
  await workloads.apply(recordWriter({ name: "shared", storageClass: SHARED_CLASS, home: nodeName }));
  await workloads.apply(recordWriter({ name: "plain", storageClass: "managed-csi", home: nodeName }));
  return Promise.all(
    ["shared", "plain"].map(async (name) => {
      await workloads.untilReady(`${name}-0`);
      const pod = await writerPod(workloads, `${name}-0`);
      assert.equal(pod.nodeName, nodeName);
      await untilSignalled(workloads.lab, workloads.namespace, pod, "wrote", RECORDS);
      if (name === "shared") await untilAttached(workloads, `data-${name}-0`, workloads.lab.nodes.length);
      return pod;
    }),
  );
}

export interface Successor {
  readonly diskUri: string;
  /** The VM of the pod before it. */
  readonly formerVmId: string;
  readonly firstWroteAtMs: number;
}

/**
 * Marks the victim out of service, once the replicas of its volumes are older than unrequested ones are
 * kept, and deletes its pods by force, as an operator would. Checks the outcome.
 */
export async function takesOver(
  workloads: Workloads,
  pods: readonly WriterPod[],
  markedBy: "person" | "driver" = "person",
): Promise<readonly Successor[]> {
  const { lab, namespace } = workloads;
  const replicas = new Map(
    await Promise.all(
      pods.map(async ({ name }) => [name, await untilReplicasOld(workloads, `data-${name}`)] as const),
    ),
  );
  const startMs = performance.now();
  const names = pods.map(({ name }) => name);
  await (markedBy === "person" ? takeOutOfService : untilDriverTakesOutOfService)(workloads, VICTIM, names);
  for (const { name } of pods) {
    await workloads.untilReady(name);
    console.log(
      `${namespace}/${name}: Ready ${Math.round(performance.now() - startMs)} ms after the ` +
        (markedBy === "person" ? "out-of-service taint" : "loss of power"),
    );
  }
  return Promise.all(
    pods.map(async (pod) => {
      const successor = await writerPod(workloads, pod.name);
      assert.notEqual(successor.nodeName, VICTIM);
      await assertReplicaKept(
        workloads,
        `data-${pod.name}`,
        successor.nodeName,
        replicas.get(pod.name) ?? new Map(),
      );
      await untilSignalled(lab, namespace, successor, "wrote", RECORDS);
      const [told = [], toldAfter = []] = await assertRecordsKept(workloads, pod.name, [pod, successor]);
      const firstWroteAtMs = toldAfter.find(({ outcome }) => outcome === "wrote")?.atMs ?? 0;
      const lastWroteAtMs = told.findLast(({ outcome }) => outcome === "wrote")?.atMs ?? Infinity;
      assert.ok(lastWroteAtMs < firstWroteAtMs, "the old pod has written its last before the new one writes");
      return {
        diskUri: (await workloads.volumeOf(`data-${pod.name}`)).status?.detail?.diskUri ?? "",
        formerVmId: lab.azure.vmId(VICTIM),
        firstWroteAtMs,
      };
    }),
  );
}

/**
 * Azure accepted an update of the former VM that detaches each disk, before another pod wrote to it.
 * `operation`: the update of a VM of its kind.
 */
export async function cutOffFirst(
  calls: { readonly vmWrites: () => Promise<readonly AzureCall[]> },
  successors: readonly Successor[],
  operation: "VirtualMachines_Update" | "VirtualMachineScaleSetVMs_Update" = "VirtualMachines_Update",
): Promise<void> {
  const writes = await calls.vmWrites();
  for (const { diskUri, firstWroteAtMs, formerVmId } of successors) {
    assert.notEqual(diskUri, "", "the volume's object names its disk");
    const cutOff = writes.find((call) => cutsOff(call, { vmId: formerVmId, operation, diskUri }));
    assert.ok(
      cutOff !== undefined && cutOff.atMs < firstWroteAtMs,
      `Azure accepted ${operation} of ${formerVmId} that detaches ${diskUri}, before ${firstWroteAtMs}, ` +
        `when another pod wrote. It received ${JSON.stringify(writes)}`,
    );
  }
}

/**
 * Whether a call is an accepted update of the VM that detaches the disk: of its list of data disks, in
 * which the disk is marked or missing.
 */
function cutsOff(
  { operation, path, body, status }: AzureCall,
  of: { readonly vmId: string; readonly operation: string; readonly diskUri: string },
): boolean {
  if (status >= REDIRECTION || operation !== of.operation || !isSameResourceUri(path, of.vmId)) return false;
  const listed = listAt(body as Json, "properties", "storageProfile", "dataDisks");
  return listed !== undefined && !listed.some((entry) => keeps(entry, of.diskUri));
}

/** Whether an entry of a VM's list leaves the disk attached. */
function keeps(entry: Json, diskUri: string): boolean {
  const isOfDisk = isSameResourceUri(textAt(entry, "managedDisk", "id") ?? "", diskUri);
  return isOfDisk && booleanAt(entry, "toBeDetached") !== true;
}

/** Waits until a node that has been started is Ready, and removes its out-of-service taint. */
export async function backInService(lab: Lab, nodeName = VICTIM): Promise<void> {
  await untilNodeReady(lab, nodeName);
  await returnToService(lab, nodeName);
}

/** Waits until no volume has the victim in quarantine, and it has its replicas again. */
export async function untilTrusted(workloads: Workloads): Promise<void> {
  for (const claim of ["data-shared-0", "data-plain-0"]) await untilOutOfQuarantine(workloads, claim, VICTIM);
  await untilAttached(workloads, "data-shared-0", workloads.lab.nodes.length);
}

/** Waits until a claim's volume does not have a node in quarantine. */
export async function untilOutOfQuarantine(
  workloads: Workloads,
  claim: string,
  nodeName: string,
): Promise<void> {
  await waitUntil(
    `${nodeName} to leave quarantine of ${claim}`,
    { timeoutMs: SETTLED_MAX_MS },
    async (note) => {
      const record = (await workloads.volumeOf(claim)).status?.record;
      note(record);
      return record !== undefined && !listIn(record, "quarantined").some((each) => each.nodeName === nodeName)
        ? true
        : undefined;
    },
  );
}

/** Waits until the driver has no object for a node: no record names its VM then. */
export async function untilForgotten(lab: Lab, nodeName: string): Promise<void> {
  await waitUntil(`${nodeName} to be pruned`, { timeoutMs: SETTLED_MAX_MS }, async (note) => {
    const objects = await listObjects<{ readonly metadata: { readonly name: string } }>(lab, DRIVER_NODES);
    const own = objects.find(({ metadata }) => metadata.name === nodeName);
    note(own);
    return own === undefined || undefined;
  });
}

/** Ends both writers: their disks are intact. */
export async function assertBothSound(workloads: Workloads): Promise<void> {
  for (const name of ["shared", "plain"]) await assertSoundOnDisk(workloads, name);
}

async function untilAttached(workloads: Workloads, claim: string, count: number): Promise<void> {
  const volumeName = (await workloads.volumeOf(claim)).metadata.name;
  await waitUntil(
    `${claim} to be attached to ${count} nodes`,
    { timeoutMs: SETTLED_MAX_MS },
    async (note) => {
      const attachments = [...(await attachmentsOf(workloads.lab, volumeName)).values()];
      note(attachments.map(({ metadata, status }) => ({ name: metadata.name, ...status })));
      return (
        (attachments.length === count && attachments.every(({ status }) => status?.state === "Attached")) ||
        undefined
      );
    },
  );
}
