import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, it } from "node:test";
import type { AzVolume } from "../../src/core/model/az-volume.ts";
import type { Lab } from "../../testbed/lab/lab.ts";
import { reasonAgainstLab } from "../../testbed/lab/refuse-incapable-machine.ts";
import { waitUntil } from "../../testbed/lab/wait-until.ts";
import { disksInAzure } from "./azure-journal.ts";
import { driverLab } from "./driver-lab.ts";
import { storeGeneration, untilControllersReady } from "./leading-controller.ts";
import { movesWithItsRecords } from "./move-writer.ts";
import { untilNothingIsLeft } from "./nothing-left.ts";
import { recordWriter, toldBy, untilTold, type WriterPod, writerPod } from "./record-writer.ts";
import { attachmentsOf, type Workloads, withWorkloads } from "./workloads.ts";

const HOME = "node-b";
const SHARED_CLASS = "managed-csi-premium-zrs-replicas";
const SETTLED_MAX_MS = 120_000;
const READ_RETRY_MS = 200;

describe("an API server and an etcd that fail", { skip: (await reasonAgainstLab()) ?? false }, () => {
  const { signal } = new AbortController();
  let lab: Lab;
  before(async () => {
    lab = await driverLab();
    await untilControllersReady(lab);
  });
  after(() => untilNothingIsLeft(lab));

  it("loses nothing and cuts nobody off when API server and etcd die, a pod is on the move, an older backup is put back, or an object is deleted by hand", () =>
    withWorkloads(lab, "api-fails", async (workloads) => {
      await workloads.apply(recordWriter({ name: "db", storageClass: SHARED_CLASS, home: HOME }));
      await workloads.untilReady("db-0");
      const first = await writerPod(workloads, "db-0");
      await untilTold(lab, workloads.namespace, first, "wrote");
      const before = await workloads.volumeOf("data-db-0");

      await lab.controlPlane.kill("etcd");
      await lab.controlPlane.kill("kube-apiserver");
      await untilTold(lab, workloads.namespace, first, "wrote");
      await lab.controlPlane.start("etcd", signal);
      await lab.controlPlane.start("kube-apiserver", signal);
      await untilAllHeard(lab);
      await isUndisturbed(workloads, first, before);

      await movesWithItsRecords(workloads, "db-0", async () => {
        await waitUntil("the pod's node to unstage", { timeoutMs: SETTLED_MAX_MS }, async () =>
          (await attachmentsOf(lab, before.metadata.name)).get(first.nodeName)?.spec.want === undefined ? true : undefined,
        );
        await lab.controlPlane.kill("kube-apiserver");
        await lab.controlPlane.start("kube-apiserver", signal);
      });

      const second = await writerPod(workloads, "db-0");
      const backup = await lab.controlPlane.backUpEtcd(`faults-${randomUUID()}`);
      const generation = await storeGeneration(lab);
      await untilAllHeard(lab);
      const disks = (await disksInAzure(lab)).toSorted();
      await lab.controlPlane.restoreEtcd(backup, signal);
      await waitUntil("the store's generation to be raised", { timeoutMs: SETTLED_MAX_MS, everyMs: READ_RETRY_MS }, async () =>
        (await storeGeneration(lab)) > generation ? true : undefined,
      );
      const claimed = await untilProven(workloads, "data-db-0", second.nodeName);
      assert.deepEqual((await disksInAzure(lab)).toSorted(), disks, "no disk is deleted");
      await isUndisturbed(workloads, second, claimed);
      await movesWithItsRecords(workloads, "db-0");

      const third = await writerPod(workloads, "db-0");
      await lab.kubectl(["delete", "azvolumes", "--namespace=azure-disk-csi", before.metadata.name, "--wait=false"]);
      await waitUntil("the object to be made anew", { timeoutMs: SETTLED_MAX_MS, everyMs: READ_RETRY_MS }, async () =>
        (await workloads.volumeOf("data-db-0").catch(() => undefined))?.metadata.uid !== claimed.metadata.uid ? true : undefined,
      );
      const anew = await untilProven(workloads, "data-db-0", third.nodeName);
      assert.deepEqual((await disksInAzure(lab)).toSorted(), disks, "the disk is kept");
      await isUndisturbed(workloads, third, anew);
      await movesWithItsRecords(workloads, "db-0");
    }));
});

/** Waits until each node's plug-in has been heard twice more: by then it has seen what there was to see, and a backup from before is one heartbeat older. */
async function untilAllHeard(lab: Lab): Promise<void> {
  const heard = async (): Promise<ReadonlyMap<string, number>> => {
    const text = await lab.kubectl([
      "get",
      "azdrivernodes",
      "--namespace=azure-disk-csi",
      "--output=jsonpath={range .items[*]}{.metadata.name} {.status.heartbeat}{'\\n'}{end}",
    ]);
    return new Map(text.split("\n").flatMap((line) => (line === "" ? [] : [[line.split(" ")[0] ?? "", Number(line.split(" ")[1])] as const])));
  };
  const before = await heard();
  await waitUntil("two heartbeats of every node", { timeoutMs: SETTLED_MAX_MS, everyMs: READ_RETRY_MS }, async () => {
    const now = await heard();
    return lab.nodes.every(({ name }) => (now.get(name) ?? 0) >= (before.get(name) ?? 0) + 2) ? true : undefined;
  });
}

/** Waits until a volume's record says again, after a proof, that this node writes. */
async function untilProven(workloads: Workloads, claim: string, nodeName: string): Promise<AzVolume> {
  return waitUntil(`${nodeName} to have claimed ${claim}`, { timeoutMs: SETTLED_MAX_MS, everyMs: READ_RETRY_MS }, async () => {
    const volume = await workloads.volumeOf(claim).catch(() => undefined);
    const record = volume?.status?.record;
    return record?.unproven.length === 0 && record.writer?.held === true && record.writer.nodeName === nodeName ? volume : undefined;
  });
}

/** The pod is the same, has never failed to write and goes on; its node is the writer still, by the same grant. */
async function isUndisturbed(workloads: Workloads, pod: WriterPod, volume: AzVolume): Promise<void> {
  await untilTold(workloads.lab, workloads.namespace, pod, "wrote");
  assert.deepEqual(await writerPod(workloads, pod.name), pod);
  assert.deepEqual(
    (await toldBy(workloads.lab, workloads.namespace, pod)).filter(({ outcome }) => outcome === "failed"),
    [],
  );
  const now = (await workloads.volumeOf(`data-${pod.name}`)).status?.record;
  assert.deepEqual(now?.writer, volume.status?.record?.writer);
}
