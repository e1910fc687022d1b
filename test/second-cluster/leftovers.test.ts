import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { uninstallDriver } from "../../testbed/lab/cluster/install-driver.ts";
import type { Lab } from "../../testbed/lab/lab.ts";
import { reasonAgainstLab } from "../../testbed/lab/refuse-incapable-machine.ts";
import { thenCleanUp } from "../../testbed/lab/units/then-clean-up.ts";
import { waitUntil } from "../../testbed/lab/units/wait-until.ts";
import { untilNothingIsLeft } from "../cluster/assert/nothing-left.ts";
import { driverLab, reinstallDriver } from "../cluster/driver-lab.ts";
import { movesWithItsRecords } from "../cluster/faults/move-writer.ts";
import { findObject } from "../cluster/read-objects.ts";
import {
  assertNeverFailed,
  recordWriter,
  untilSignalled,
  writerPod,
} from "../cluster/workload/record-writer.ts";
import {
  aSnapshotClass,
  aVolumeSnapshot,
  deleteSnapshots,
  snapshotsInAzure,
  takeSnapshots,
  untilSnapshotReady,
} from "../cluster/workload/snapshots.ts";
import { aClaim, aClass, aPod, manifestOf } from "../cluster/workload/volume-manifests.ts";
import {
  attachmentsOf,
  withClusterObjects,
  type Workloads,
  withWorkloads,
} from "../cluster/workload/workloads.ts";
import { commandsOf, followPage } from "./install-page.ts";
import { attachByHand } from "./v1-driver/attach-by-hand.ts";
import { installV1, removeV1 } from "./v1-driver/install-v1.ts";

const HOME = "node-b";
const OTHER = "node-a";
const SETTLED_MAX_MS = 240_000;
const TEXT = "kept in a snapshot";
const DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const OF_SNAPSHOTS = ["volumesnapshots", "volumesnapshotcontents", "volumesnapshotclasses"].map(
  (plural) => `${plural}.snapshot.storage.k8s.io`,
);
const SHARED = manifestOf(
  aClass({
    name: "of-go-v2",
    parameters: {
      skuName: "Premium_LRS",
      maxShares: "3",
      maxMountReplicaCount: "1",
      incremental: "true",
      // The default of that driver, which the stand-in does not have.
      cachingMode: "None",
    },
    volumeBindingMode: "WaitForFirstConsumer",
  }),
);

/** The commands of docs/install.md are run as they stand there. */
describe("what other drivers leave behind", { skip: (await reasonAgainstLab()) ?? false }, () => {
  let lab: Lab;
  let folder: string;
  before(async () => {
    lab = await driverLab("lab-second");
  });
  after(() => untilNothingIsLeft(lab));
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "install-page-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("brings back snapshots whose definitions were being deleted with V1", async () => {
    await takeSnapshots(lab);
    const snapshotClass = manifestOf(aSnapshotClass("kept"));
    const [save, release, makeAgain] = await commandsOf(
      "### Definitions of snapshots that are being deleted",
    );
    await withClusterObjects(lab, snapshotClass, () =>
      withWorkloads(lab, "snapshots-kept", async (workloads) => {
        await startWithSnapshot(workloads);
        const made = (await snapshotsInAzure(lab)).map(({ id }) => id);
        // As V1's uninstall: its controllers, and then the definitions.
        await uninstallDriver(lab);
        await thenCleanUp(
          async () => {
            await lab.kubectl(["delete", "customresourcedefinitions", ...OF_SNAPSHOTS, "--wait=false"]);
            await assert.rejects(
              reinstallDriver(lab),
              /volumesnapshots\.snapshot\.storage\.k8s\.io is being deleted/u,
            );
            await followPage(lab, save, folder);
            await followPage(lab, release, folder);
            await waitUntil("the definitions to be gone", { timeoutMs: SETTLED_MAX_MS }, async () => {
              const left = await Promise.all(
                OF_SNAPSHOTS.map((name) => findObject(lab, `${DEFINITIONS}/${name}`)),
              );
              return left.every((each) => each === undefined) ? true : undefined;
            });
          },
          () => reinstallDriver(lab),
        );
        await lab.kubectl(["apply", "--filename=-"], { input: snapshotClass });
        await followPage(lab, makeAgain, folder);
        await untilSnapshotReady(workloads, "backup");
        assert.deepEqual(
          (await snapshotsInAzure(lab)).map(({ id }) => id),
          made,
        );
        await workloads.apply(
          manifestOf(
            aClaim({
              name: "restored",
              storageClass: "managed-csi",
              copyOf: { kind: "VolumeSnapshot", name: "backup" },
            }),
            aPod({ name: "restored", mounts: [{ claim: "restored", path: "/data" }] }),
          ),
        );
        await workloads.untilReady("restored");
        assert.equal(await workloads.inPod("restored", "cat /data/file"), TEXT);
        await deleteSnapshots(workloads);
        await waitUntil("the snapshot to be gone in Azure", { timeoutMs: SETTLED_MAX_MS }, async () =>
          (await snapshotsInAzure(lab)).length === 0 ? true : undefined,
        );
      }),
    );
  });

  it("takes over from the V2 driver in Go while its pods write, and keeps its replicas", async () => {
    const [removeWorkloads, removeObjects] = await commandsOf("## Over a cluster with the V2 driver in Go");
    await uninstallDriver(lab);
    await thenCleanUp(
      async () => {
        await followPage(lab, (await commandsOf("## Uninstall")).at(-1), folder);
        await installV1(lab);
        await lab.kubectl(["apply", "--filename=-"], { input: manifestOf(...definitionsOfGoV2) });
        await withClusterObjects(lab, SHARED, () =>
          withWorkloads(lab, "of-go-v2", async (workloads) => {
            const { namespace } = workloads;
            await workloads.apply(recordWriter({ name: "shared", storageClass: "of-go-v2", home: HOME }));
            await workloads.untilReady("shared-0");
            const pod = await writerPod(workloads, "shared-0");
            const disk = await leaveObjects(workloads, "data-shared-0", pod.nodeName);
            await attachByHand(lab, OTHER, disk);

            const takesOver = (): Promise<void> =>
              reinstallDriver(lab, { driver: { takeOver: true } }, { takesOwnership: true });
            await assert.rejects(takesOver(), /azvolumes\.disk\.csi\.azure\.com has version v1beta1/u);
            await followPage(lab, removeWorkloads, folder);
            await removeV1(lab);
            await followPage(lab, removeObjects, folder);
            // As `helm uninstall --no-hooks` does.
            await lab.kubectl(["delete", "namespace", "azure-disk-csi", `--timeout=${SETTLED_MAX_MS}ms`], {
              timeoutMs: 2 * SETTLED_MAX_MS,
            });
            await takesOver();

            const { metadata } = await untilHeld(workloads, "data-shared-0", pod.nodeName);
            await waitUntil("the replica to be kept", { timeoutMs: SETTLED_MAX_MS }, async () => {
              const replica = (await attachmentsOf(lab, metadata.name)).get(OTHER);
              return replica?.spec.role === "Replica" && replica.status?.state === "Attached"
                ? true
                : undefined;
            });
            await untilSignalled(lab, namespace, pod, "wrote");
            assert.deepEqual(await writerPod(workloads, "shared-0"), pod);
            await assertNeverFailed(lab, namespace, pod);
            await movesWithItsRecords(workloads, "shared-0");
          }),
        );
      },
      async () => {
        await removeV1(lab, { everything: true });
        await reinstallDriver(lab);
      },
    );
  });
});

async function startWithSnapshot(workloads: Workloads): Promise<void> {
  await workloads.apply(
    manifestOf(
      aClaim({ name: "data", storageClass: "managed-csi" }),
      aPod({ name: "app", mounts: [{ claim: "data", path: "/data" }] }),
    ),
  );
  await workloads.untilReady("app");
  await workloads.inPod("app", `echo '${TEXT}' > /data/file; sync`);
  await workloads.apply(
    manifestOf(aVolumeSnapshot({ name: "backup", snapshotClass: "kept", claim: "data" })),
  );
  await untilSnapshotReady(workloads, "backup");
}

const NAMESPACE = "azure-disk-csi";

/** Its definitions, without their schemas, and its namespace. */
const definitionsOfGoV2: readonly object[] = [
  { apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } },
  ...(["AzVolume", "AzVolumeAttachment", "AzDriverNode"] as const).map((kind) => ({
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${kind.toLowerCase()}s.disk.csi.azure.com` },
    spec: {
      group: "disk.csi.azure.com",
      names: {
        kind,
        listKind: `${kind}List`,
        plural: `${kind.toLowerCase()}s`,
        singular: kind.toLowerCase(),
      },
      scope: "Namespaced",
      versions: ["v1beta1", "v1beta2"].map((name) => ({
        name,
        served: true,
        storage: name === "v1beta2",
        subresources: { status: {} },
        schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
      })),
    },
  })),
];

/** The objects of a volume with a replica, with the finalizers that only its controller removes. */
async function leaveObjects(workloads: Workloads, claim: string, nodeName: string): Promise<string> {
  const { lab, kubectl, namespace } = workloads;
  const volumeName = await kubectl(["get", `pvc/${claim}`, "--output=jsonpath={.spec.volumeName}"]);
  const handle = "--output=jsonpath={.spec.csi.volumeHandle}";
  const volumeId = await lab.kubectl(["get", `pv/${volumeName}`, handle]);
  const anObject = (kind: string, metadata: object, spec: object): object => ({
    apiVersion: "disk.csi.azure.com/v1beta2",
    kind,
    metadata: { namespace: NAMESPACE, ...metadata },
    spec,
  });
  const group = "disk.csi.azure.com";
  const attachment = (on: string, role: "Primary" | "Replica"): object =>
    anObject(
      "AzVolumeAttachment",
      {
        name: `${volumeName}-${on}-attachment`,
        finalizers: [`${group}/azvolumeattachment-finalizer`],
        annotations: { [`${group}/volume-attach-request`]: "crdProvisioner" },
        labels: {
          [`${group}/node-name`]: on,
          [`${group}/volume-name`]: volumeName,
          [`${group}/requested-role`]: role,
        },
      },
      { volumeName, volume_id: volumeId, nodeName: on, volume_context: {}, role },
    );
  const labels = {
    [`${group}/pv`]: volumeName,
    [`${group}/pvc`]: claim,
    [`${group}/pvc-namespace`]: namespace,
  };
  await lab.kubectl(["apply", "--filename=-"], {
    input: manifestOf(
      anObject(
        "AzVolume",
        { name: volumeName, labels, finalizers: [`${group}/azvolume-finalizer`] },
        { volumeName, maxMountReplicaCount: 1, volumeCapability: [{ access_type: 1, access_mode: 1 }] },
      ),
      attachment(nodeName, "Primary"),
      attachment(OTHER, "Replica"),
      ...lab.nodes.map(({ name }) => anObject("AzDriverNode", { name }, { nodeName: name })),
    ),
  });
  return volumeId;
}

/** Waits until a claim's record says that a node has it in use. */
function untilHeld(
  workloads: Workloads,
  claim: string,
  nodeName: string,
): Promise<Awaited<ReturnType<Workloads["volumeOf"]>>> {
  return waitUntil(`${nodeName} to hold ${claim}`, { timeoutMs: SETTLED_MAX_MS }, async () => {
    const volume = await workloads.volumeOf(claim).catch(() => undefined);
    const writer = volume?.status?.record?.writer;
    return writer?.held === true && writer.nodeName === nodeName ? volume : undefined;
  });
}
