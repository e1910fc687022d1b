import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, it } from "node:test";
import type { AzDriverNode } from "../../src/core/api/az-driver-node.ts";
import type { Lab } from "../../testbed/lab/lab.ts";
import { reasonAgainstLab } from "../../testbed/lab/refuse-incapable-machine.ts";
import { waitUntil } from "../../testbed/lab/units/wait-until.ts";
import { disksInAzure } from "./assert/azure-journal.ts";
import { untilNothingIsLeft } from "./assert/nothing-left.ts";
import { assertSoundOnDisk } from "./assert/sound-disk.ts";
import { driverLab } from "./driver-lab.ts";
import {
  assertUndisturbed,
  movesWhileApiServerRestarts,
  untilVerified,
  writesOnWithoutItsObject,
} from "./faults/disturb-api.ts";
import { movesWithItsRecords } from "./faults/move-writer.ts";
import { storeIncarnation, untilControllersReady } from "./leading-controller.ts";
import { DRIVER_OBJECTS, listObjects } from "./read-objects.ts";
import {
  assertRecordsKept,
  recordsSeenBy,
  startWriter,
  toldBy,
  turnsOf,
  untilSignalled,
  writerPod,
} from "./workload/record-writer.ts";
import { withWorkloads } from "./workload/workloads.ts";

const HOME = "node-b";
const SHARED_CLASS = "managed-csi-premium-zrs-replicas";
const DRIVER_NODES = `${DRIVER_OBJECTS}/azdrivernodes`;
const SETTLED_MAX_MS = 240_000;
/** A kubelet restarts a pod that it saw end more slowly than it starts a new one. */
const RESTARTED_MAX_MS = 240_000;
const READ_RETRY_MS = 200;

describe("an API server and an etcd that fail", { skip: (await reasonAgainstLab()) ?? false }, () => {
  const { signal } = new AbortController();
  let lab: Lab;
  before(async () => {
    lab = await driverLab();
    await untilControllersReady(lab);
  });
  after(() => untilNothingIsLeft(lab));

  it("loses nothing and fences no node when the API server or etcd fails or goes back", () =>
    withWorkloads(lab, "api-fails", async (workloads) => {
      const first = await startWriter(workloads, { name: "db", storageClass: SHARED_CLASS, home: HOME });
      const before = await workloads.volumeOf("data-db-0");

      await lab.controlPlane.kill("etcd");
      await lab.controlPlane.kill("kube-apiserver");
      await untilSignalled(lab, workloads.namespace, first, "wrote");
      await lab.controlPlane.start("etcd", signal);
      await lab.controlPlane.start("kube-apiserver", signal);
      await untilAllReported(lab);
      await assertUndisturbed(workloads, first, before);

      const second = await movesWhileApiServerRestarts(workloads, "db-0");
      const backup = await lab.controlPlane.backUpEtcd(`faults-${randomUUID()}`);
      const generation = await storeIncarnation(lab);
      await untilAllReported(lab);
      const disks = (await disksInAzure(lab)).toSorted();
      await lab.controlPlane.restoreEtcd(backup, signal);
      await untilGoneBack(generation);
      const claimed = await untilVerified(workloads, "data-db-0", second.nodeName);
      assert.deepEqual((await disksInAzure(lab)).toSorted(), disks, "no disk is deleted");
      await assertUndisturbed(workloads, second, claimed);
      const third = await movesWithItsRecords(workloads, "db-0");

      await writesOnWithoutItsObject(workloads, third);
      await movesWithItsRecords(workloads, "db-0");
      await assertSoundOnDisk(workloads, "db");
    }));

  it("lets a pod revived by a backup write only after its successor has ended", () =>
    withWorkloads(lab, "move-undone", async (workloads) => {
      const first = await startWriter(workloads, { name: "db", storageClass: SHARED_CLASS, home: HOME });
      const backup = await lab.controlPlane.backUpEtcd(`move-${randomUUID()}`);
      const second = await movesWithItsRecords(workloads, "db-0");
      const generation = await storeIncarnation(lab);
      await untilAllReported(lab);
      const told = await toldBy(lab, workloads.namespace, second);
      const disks = (await disksInAzure(lab)).toSorted();

      await lab.controlPlane.restoreEtcd(backup, signal);
      assert.deepEqual(await writerPod(workloads, "db-0"), first);
      await untilGoneBack(generation);
      // In the backup the first pod runs: its node restarts it, and the second pod's node ends that one.
      await restartCachingComponents();
      await waitUntil(
        "the first pod to write again",
        { timeoutMs: RESTARTED_MAX_MS, everyMs: READ_RETRY_MS },
        async () => {
          const seen = await recordsSeenBy(workloads, "db-0").catch(() => []);
          return turnsOf(seen).length === 3 ? true : undefined;
        },
      );
      await assertRecordsKept(workloads, "db-0", [
        { uid: first.uid, told: [] },
        { uid: second.uid, told },
        { uid: first.uid, told: [] },
      ]);
      await untilVerified(workloads, "data-db-0", first.nodeName);
      assert.deepEqual((await disksInAzure(lab)).toSorted(), disks, "no disk is deleted");
      await assertSoundOnDisk(workloads, "db");
    }));

  /**
   * As Kubernetes requires after a restored etcd backup. Kubelets and sidecars act on their caches, and see
   * no change until the store's versions have passed the cached ones.
   */
  async function restartCachingComponents(): Promise<void> {
    for (const node of lab.nodes) {
      await node.stopKubelet();
      await node.startKubelet();
    }
    await lab.kubectl([
      "rollout",
      "restart",
      "--namespace=kube-system",
      "deployment/csi-azuredisk-controller",
    ]);
    await untilControllersReady(lab);
  }

  /** Waits until the leader has detected and reported the rollback. */
  async function untilGoneBack(generation: number): Promise<void> {
    await waitUntil(
      "the store incarnation to rise",
      { timeoutMs: SETTLED_MAX_MS, everyMs: READ_RETRY_MS },
      async () => ((await storeIncarnation(lab)) > generation ? true : undefined),
    );
  }
});

/**
 * Waits for two more heartbeats of each node plug-in: by then it has seen the present state, and a backup
 * from before is a heartbeat older.
 */
async function untilAllReported(lab: Lab): Promise<void> {
  const heard = async (): Promise<ReadonlyMap<string, number>> => {
    const nodes = await listObjects<AzDriverNode>(lab, DRIVER_NODES);
    return new Map(nodes.map(({ metadata, status }) => [metadata.name, status?.heartbeat ?? 0]));
  };
  const before = await heard();
  await waitUntil(
    "two heartbeats of every node",
    { timeoutMs: SETTLED_MAX_MS, everyMs: READ_RETRY_MS },
    async () => {
      const now = await heard();
      return lab.nodes.every(({ name }) => (now.get(name) ?? 0) >= (before.get(name) ?? 0) + 2)
        ? true
        : undefined;
    },
  );
}
