import assert from "node:assert/strict";
import type { AzVolume } from "../../../src/core/api/az-volume.ts";
import { nodesIn } from "../../../src/core/writer/record/record-nodes.ts";
import { waitUntil } from "../../../testbed/lab/units/wait-until.ts";
import { disksInAzure } from "../assert/azure-journal.ts";
import { assertNeverFailed, untilSignalled, type WriterPod, writerPod } from "../workload/record-writer.ts";
import type { Workloads } from "../workload/workloads.ts";
import { withHeldUnmount } from "./held-unmount.ts";
import { movesWithItsRecords } from "./move-writer.ts";

const SETTLED_MAX_MS = 240_000;
const READ_RETRY_MS = 200;

/**
 * Moves a writer, and kills the API server while the pod's node unmounts the volume: the unmount ends
 * during the outage.
 */
export async function movesWhileApiServerRestarts(workloads: Workloads, name: string): Promise<WriterPod> {
  const { lab } = workloads;
  const { nodeName } = await writerPod(workloads, name);
  let successor: WriterPod | undefined;
  await withHeldUnmount(lab, nodeName, async (unmount) => {
    const during = async (): Promise<void> => {
      await unmount.untilUnderWay();
      await lab.controlPlane.kill("kube-apiserver");
      await unmount.letGo();
      await lab.controlPlane.start("kube-apiserver", new AbortController().signal);
    };
    successor = await movesWithItsRecords(workloads, name, { during });
  });
  return successor ?? writerPod(workloads, name);
}

/**
 * Deletes the AzVolume of a pod that writes, as a user might by hand. It is recreated, the writer reclaims
 * it, and no disk is deleted.
 */
export async function writesOnWithoutItsObject(workloads: Workloads, pod: WriterPod): Promise<void> {
  const { lab } = workloads;
  const claim = `data-${pod.name}`;
  const before = await workloads.volumeOf(claim);
  const disks = (await disksInAzure(lab)).toSorted();
  await lab.kubectl([
    "delete",
    "azvolumes",
    "--namespace=azure-disk-csi",
    before.metadata.name,
    "--wait=false",
  ]);
  await waitUntil(
    "the object to be recreated",
    { timeoutMs: SETTLED_MAX_MS, everyMs: READ_RETRY_MS },
    async () =>
      (await workloads.volumeOf(claim).catch(() => before)).metadata.uid !== before.metadata.uid
        ? true
        : undefined,
  );
  const recreated = await untilVerified(workloads, claim, pod.nodeName);
  assert.deepEqual((await disksInAzure(lab)).toSorted(), disks, "the disk is kept");
  await assertUndisturbed(workloads, pod, recreated);
}

/** Waits until a volume's rebuilt record names this node as the writer again. */
export async function untilVerified(
  workloads: Workloads,
  claim: string,
  nodeName: string,
): Promise<AzVolume> {
  return waitUntil(
    `${nodeName} to have reclaimed ${claim}`,
    { timeoutMs: SETTLED_MAX_MS, everyMs: READ_RETRY_MS },
    async () => {
      const volume = await workloads.volumeOf(claim).catch(() => undefined);
      const record = volume?.status?.record;
      return nodesIn(record, "unverified").length === 0 &&
        record?.writer?.held === true &&
        record.writer.nodeName === nodeName
        ? volume
        : undefined;
    },
  );
}

/**
 * The pod is the same, has never failed to write and still writes; its node is still the writer, by the
 * same grant.
 */
export async function assertUndisturbed(
  workloads: Workloads,
  pod: WriterPod,
  volume: AzVolume,
): Promise<void> {
  await untilSignalled(workloads.lab, workloads.namespace, pod, "wrote");
  assert.deepEqual(await writerPod(workloads, pod.name), pod);
  await assertNeverFailed(workloads.lab, workloads.namespace, pod);
  const now = (await workloads.volumeOf(`data-${pod.name}`)).status?.record;
  assert.deepEqual(now?.writer, volume.status?.record?.writer);
}
