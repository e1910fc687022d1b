import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { AzVolumeAttachment } from "../../src/core/api/az-volume-attachment.ts";
import { listIn } from "../../src/core/testing/record-lists.ts";
import { isNamed } from "../../src/core/writer/record/record-nodes.ts";
import { uninstallDriver } from "../../testbed/lab/cluster/install-driver.ts";
import type { Lab } from "../../testbed/lab/lab.ts";
import { reasonAgainstLab } from "../../testbed/lab/refuse-incapable-machine.ts";
import { waitUntil } from "../../testbed/lab/units/wait-until.ts";
import { untilNothingIsLeft } from "../cluster/assert/nothing-left.ts";
import { allRecordsDuring, assertHandedOver, type SeenRecord } from "../cluster/assert/watch-writer.ts";
import { driverLab, reinstallDriver } from "../cluster/driver-lab.ts";
import { movesWithItsRecords } from "../cluster/faults/move-writer.ts";
import { assertReplicaKept, untilReplicasOld } from "../cluster/old-replicas.ts";
import { DRIVER_OBJECTS, listObjects } from "../cluster/read-objects.ts";
import { volumeAttachments } from "../cluster/way-in.ts";
import {
  assertNeverFailed,
  assertRecordsKept,
  recordWriter,
  toldBy,
  untilSignalled,
  writerPod,
} from "../cluster/workload/record-writer.ts";
import { aClaim, aClass, aPod, manifestOf } from "../cluster/workload/volume-manifests.ts";
import {
  attachmentsOf,
  withClusterObjects,
  type Workloads,
  withWorkloads,
} from "../cluster/workload/workloads.ts";
import { installV1, removeV1 } from "./v1-driver/install-v1.ts";
import { leaveMounted } from "./v1-driver/leave-mounted.ts";

const HOME = "node-b";
const OTHER = "node-a";
const PLAIN = "of-v1";
const SHARED = "of-v1-shared";
const ATTACHMENTS = `${DRIVER_OBJECTS}/azvolumeattachments`;
const SETTLED_MAX_MS = 240_000;
/** Written by pods of V1, read by pods of ours. */
const TEXT = "written under V1";
const WRITERS = ["db", "shared"] as const;

/** As in V1's users' manifests. */
const CLASSES = manifestOf(
  aClass({ name: PLAIN, parameters: { skuName: "Premium_LRS" }, volumeBindingMode: "WaitForFirstConsumer" }),
  aClass({
    name: SHARED,
    parameters: { skuName: "Premium_LRS", maxShares: "3", cachingMode: "None" },
    volumeBindingMode: "WaitForFirstConsumer",
  }),
);

describe(
  "a cluster that migrates from the V1 driver, and back to it",
  { skip: (await reasonAgainstLab()) ?? false },
  () => {
    let lab: Lab;
    before(async () => {
      lab = await driverLab("lab-second");
      await uninstallDriver(lab);
      await installV1(lab);
    });
    after(async () => {
      await removeV1(lab, { everything: true });
      await reinstallDriver(lab);
      await untilNothingIsLeft(lab);
    });

    it("keeps pods writing while this driver reclaims V1's volumes, also after a return", () =>
      withClusterObjects(lab, CLASSES, () =>
        withWorkloads(lab, "of-v1", async (workloads) => {
          await startUnderV1(workloads);
          await refusedBesideV1(lab);
          await writeOnDuring(workloads, async () => {
            await removeV1(lab);
            await leaveInTheGap(workloads);
            await takesOver(workloads);
          });
          await failOver(workloads);

          await writeOnDuring(workloads, async () => {
            await letReplicasGo(workloads);
            await uninstallDriver(lab);
            await installV1(lab);
          });
          for (const name of WRITERS) await movesWithItsRecords(workloads, `${name}-0`);

          await writeOnDuring(workloads, async () => {
            await removeV1(lab, { everything: true });
            await comesAgain(workloads);
          });
          await movesWithItsRecords(workloads, "db-0");
        }),
      ));
  },
);

/**
 * Two writers, one of them on a shared disk, a raw block device, and pods whose disks are left behind in
 * different ways.
 */
async function startUnderV1(workloads: Workloads): Promise<void> {
  const { lab } = workloads;
  for (const name of WRITERS)
    await workloads.apply(
      recordWriter({ name, storageClass: name === "shared" ? SHARED : PLAIN, home: HOME }),
    );
  await workloads.apply(
    manifestOf(
      aClaim({ name: "raw", storageClass: PLAIN, volumeMode: "Block" }),
      aPod({ name: "raw", nodeName: HOME, mounts: [{ claim: "raw", device: "/dev/raw-disk" }] }),
      ...["gap", "left"].flatMap((name) => [
        aClaim({ name, storageClass: PLAIN }),
        aPod({ name, nodeName: HOME, mounts: [{ claim: name, path: "/data" }] }),
      ]),
    ),
  );
  for (const pod of ["db-0", "shared-0", "raw", "gap", "left"]) await workloads.untilReady(pod);
  for (const name of WRITERS) assert.equal(await workloads.nodeOf(`${name}-0`), HOME);
  for (const pod of ["gap", "left"]) await workloads.inPod(pod, `echo '${TEXT}' > /data/file; sync`);
  await workloads.inPod("raw", `echo '${TEXT}' | dd of=/dev/raw-disk conv=notrunc,fsync 2>/dev/null`);
  await workloads.kubectl(["delete", "pod/left"]);
  await waitUntil("the disk of pod left to be off", { timeoutMs: SETTLED_MAX_MS }, async () =>
    (await volumeAttachments(lab)).length === 4 ? true : undefined,
  );
  await leaveMounted(lab, HOME, await diskOfClaim(workloads, "left"));
}

/** V1's pods run: this driver refuses to start with any value. */
async function refusedBesideV1(lab: Lab): Promise<void> {
  const running =
    /(DaemonSet csi-azuredisk-node|Deployment csi-azuredisk-controller) in namespace kube-system .*is another Azure disk driver/u;
  await assert.rejects(
    reinstallDriver(lab, { driver: { takeOver: true } }, { takesOwnership: true }),
    running,
  );
}

/**
 * Without a driver, one pod is deleted whose volume stays mounted, and others are created that wait for a
 * driver.
 */
async function leaveInTheGap(workloads: Workloads): Promise<void> {
  await workloads.kubectl(["delete", "pod/gap", "--wait=false"]);
  await workloads.apply(
    manifestOf(
      ...["gap", "left"].map((name) =>
        aPod({ name: `${name}-again`, nodeName: OTHER, mounts: [{ claim: name, path: "/data" }] }),
      ),
    ),
  );
}

/** Installs our chart as its page says, and checks the outcome for each volume's record. */
async function takesOver(workloads: Workloads): Promise<void> {
  const { lab } = workloads;
  const seen = await allRecordsDuring(lab, async () => {
    await assert.rejects(
      reinstallDriver(lab),
      /CSIDriver disk\.csi\.azure\.com is not of this release .*driver\.takeOver=true/u,
    );
    await reinstallDriver(lab, { driver: { takeOver: true } }, { takesOwnership: true });
    for (const claim of ["data-db-0", "data-shared-0", "raw"]) await untilHeld(workloads, claim, HOME);
    for (const pod of ["gap-again", "left-again"]) {
      await workloads.untilReady(pod);
      assert.equal(await workloads.inPod(pod, "cat /data/file"), TEXT);
    }
  });
  const recordsOf = async (claim: string): Promise<readonly SeenRecord[]> =>
    seen.get((await workloads.volumeOf(claim)).metadata.name) ?? [];
  for (const claim of ["data-db-0", "data-shared-0", "raw"]) assertClaimed(await recordsOf(claim), HOME);
  const left = await recordsOf("left");
  assertFoundOn(left, HOME);
  assert.ok(
    left.every(({ record }) => record.writer?.nodeName !== HOME),
    "an unused mount is no reason to reclaim",
  );
  const gap = await recordsOf("gap");
  assertFoundOn(gap, HOME);
  for (const records of [left, gap]) assertHandedOver(records);
}

/** The record trusted no node at first, and then only the node that had the disk in use. */
function assertClaimed(seen: readonly SeenRecord[], nodeName: string): void {
  assertFoundOn(seen, nodeName);
  const writers = seen.flatMap(({ record }) =>
    record.writer === undefined ? [] : [{ nodeName: record.writer.nodeName, held: record.writer.held }],
  );
  assert.ok(
    writers.every((writer) => writer.nodeName === nodeName && writer.held),
    JSON.stringify(writers),
  );
  assertHandedOver(seen);
}

function assertFoundOn(seen: readonly SeenRecord[], nodeName: string): void {
  const first = seen[0]?.record;
  assert.deepEqual(
    {
      unverified: listIn(first, "unverified").map((node) => node.nodeName),
      writer: first?.writer,
      defaultAccess: first?.defaultAccess,
    },
    { unverified: [nodeName], writer: undefined, defaultAccess: "quarantined" },
  );
}

/**
 * A pod is deleted, a node drained, a raw block device moved: our driver attaches and mounts it on the new
 * node.
 */
async function failOver(workloads: Workloads): Promise<void> {
  const { lab } = workloads;
  await movesWithItsRecords(workloads, "db-0");

  const shared = await writerPod(workloads, "shared-0");
  const volume = (await workloads.volumeOf("data-shared-0")).metadata.name;
  await waitUntil(`${volume} to have a replica on ${OTHER}`, { timeoutMs: SETTLED_MAX_MS }, async () =>
    (await attachmentsOf(lab, volume)).get(OTHER)?.status?.state === "Attached" ? true : undefined,
  );
  const replicas = await untilReplicasOld(workloads, "data-shared-0");
  const told = await toldBy(lab, workloads.namespace, shared);
  await lab.kubectl(["drain", HOME, "--pod-selector=app=shared", `--timeout=${SETTLED_MAX_MS}ms`], {
    timeoutMs: 2 * SETTLED_MAX_MS,
  });
  try {
    await workloads.untilReady("shared-0");
  } finally {
    await lab.kubectl(["uncordon", HOME]);
  }
  const moved = await writerPod(workloads, "shared-0");
  assert.equal(moved.nodeName, OTHER);
  await assertReplicaKept(workloads, "data-shared-0", OTHER, replicas);
  await untilSignalled(lab, workloads.namespace, moved, "wrote");
  await assertRecordsKept(workloads, "shared-0", [{ uid: shared.uid, told }, moved]);

  await workloads.kubectl(["delete", "pod/raw"]);
  await workloads.apply(
    manifestOf(
      aPod({ name: "raw-again", nodeName: OTHER, mounts: [{ claim: "raw", device: "/dev/raw-disk" }] }),
    ),
  );
  await workloads.untilReady("raw-again");
  assert.equal(await workloads.inPod("raw-again", `head -c ${TEXT.length} /dev/raw-disk`), TEXT);
}

/** Installs our chart again. Its objects date from before V1's time: their writers are out of date. */
async function comesAgain(workloads: Workloads): Promise<void> {
  const { lab } = workloads;
  const seen = await allRecordsDuring(lab, async () => {
    await reinstallDriver(lab);
    for (const name of WRITERS)
      await untilHeld(workloads, `data-${name}-0`, await workloads.nodeOf(`${name}-0`));
  });
  for (const name of WRITERS) {
    const nodeName = await workloads.nodeOf(`${name}-0`);
    const records = (seen.get((await workloads.volumeOf(`data-${name}-0`)).metadata.name) ?? []).map(
      ({ record }) => record,
    );
    assert.ok(
      records.some((record) => isNamed(record, nodeName, "unverified")),
      `${nodeName} was not asked whether it writes`,
    );
    const granted = records.filter(
      ({ writer }) =>
        writer !== undefined &&
        !(writer.nodeName === nodeName && writer.held) &&
        writer.epoch > (records[0]?.epoch ?? 0),
    );
    assert.deepEqual(granted, [], "no node was granted a volume that is still written");
  }
}

/** As the page on going back requires: V1 ignores disks that are attached where no pod uses them. */
async function letReplicasGo({ lab }: Workloads): Promise<void> {
  const objects = ["--namespace=azure-disk-csi"];
  for (const volume of (await lab.kubectl(["get", "azvolumes", ...objects, "--output=name"]))
    .split("\n")
    .filter((name) => name !== ""))
    await lab.kubectl([
      "patch",
      volume,
      ...objects,
      "--type=merge",
      "--patch",
      '{"spec": {"maxMountReplicaCount": 0}}',
    ]);
  await waitUntil("no replica to be left", { timeoutMs: SETTLED_MAX_MS }, async () => {
    const attachments = await listObjects<AzVolumeAttachment>(lab, ATTACHMENTS);
    return attachments.some(({ spec }) => spec.role === "Replica") ? undefined : true;
  });
}

/** Both writers are the same containers as before, and have never failed to write. */
async function writeOnDuring(workloads: Workloads, change: () => Promise<void>): Promise<void> {
  const { lab, namespace } = workloads;
  const started = await Promise.all(
    WRITERS.map(async (name) => ({
      pod: await writerPod(workloads, `${name}-0`),
      container: await containerOf(workloads, `${name}-0`),
    })),
  );
  await change();
  for (const { pod, container } of started) {
    await untilSignalled(lab, namespace, pod, "wrote");
    assert.deepEqual(await writerPod(workloads, pod.name), pod);
    assert.equal(await containerOf(workloads, pod.name), container);
    await assertNeverFailed(lab, namespace, pod);
  }
}

async function containerOf(workloads: Workloads, pod: string): Promise<string> {
  return workloads.kubectl([
    "get",
    `pod/${pod}`,
    "--output=jsonpath={.status.containerStatuses[0].containerID}",
  ]);
}

/** Waits until a claim's record says that a node has it in use. */
async function untilHeld(workloads: Workloads, claim: string, nodeName: string): Promise<void> {
  await waitUntil(`${nodeName} to hold ${claim}`, { timeoutMs: SETTLED_MAX_MS }, async () => {
    const record = (await workloads.volumeOf(claim).catch(() => undefined))?.status?.record;
    return record?.writer?.held === true && record.writer.nodeName === nodeName ? true : undefined;
  });
}

async function diskOfClaim(workloads: Workloads, claim: string): Promise<string> {
  const volume = await workloads.kubectl(["get", `pvc/${claim}`, "--output=jsonpath={.spec.volumeName}"]);
  return workloads.lab.kubectl(["get", `pv/${volume}`, "--output=jsonpath={.spec.csi.volumeHandle}"]);
}
