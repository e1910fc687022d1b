import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { isSameResourceUri } from "../../src/core/azure/ids/disk-uri.ts";
import type { Lab } from "../../testbed/lab/lab.ts";
import { reasonAgainstLab } from "../../testbed/lab/refuse-incapable-machine.ts";
import { thenCleanUp } from "../../testbed/lab/units/then-clean-up.ts";
import { waitUntil } from "../../testbed/lab/units/wait-until.ts";
import { disksInAzure } from "./assert/azure-journal.ts";
import { untilNothingIsLeft } from "./assert/nothing-left.ts";
import { driverLab } from "./driver-lab.ts";
import { inGiB } from "./workload/growth.ts";
import {
  aSnapshotClass,
  aStaticSnapshot,
  aVolumeSnapshot,
  deleteSnapshots,
  snapshotsInAzure,
  takeSnapshots,
  untilSnapshotReady,
} from "./workload/snapshots.ts";
import { aClaim, aClass, aPod, aStatefulSet, manifestOf } from "./workload/volume-manifests.ts";
import { withClusterObjects, type Workloads, withWorkloads } from "./workload/workloads.ts";

/** The number of tests that run at once: most of a test is waiting. */
const AT_ONCE = 2;
const GONE_MAX_MS = 180_000;
const BOUND_MAX_MS = 180_000;
const LOOK_EVERY_MS = 200;
/** btrfs beside its source needs Linux 6.7. */
const FILE_SYSTEMS = ["ext4", "xfs", "btrfs"] as const;
const HOME = "node-a";
const OTHER_NODE_OF_ITS_ZONE = "node-b";
const NODE_OF_ANOTHER_ZONE = "node-c";
const SOURCE = "source-0";
const SOURCE_CLAIM = "data-source-0";
const DISK_API = "2025-01-02";
const LARGER_GIB = 6;
const SMALLER_GIB = 2;
/** 100 seconds at the scale of the suite's lab: a pod starts and reads its data in that time. */
const SLOW_COPY = { medianMs: 5_000_000, p99Ms: 5_000_000 };
/** The end of such a copy, the driver's look at it, which comes each minute, and the next DeleteVolume. */
const FILLED_MAX_MS = 360_000;
const REFUSED = ["smaller-restored", "smaller-clone", "of-nothing"] as const;

/** More than fits in any buffer, so that a copy of some of its blocks shows. */
const WRITE =
  "dd if=/dev/urandom of=/data/blob bs=1M count=8 conv=fsync 2>/dev/null; sync; sha256sum /data/blob";
const READ = "sha256sum /data/blob";

describe("volumes from copies", { skip: (await reasonAgainstLab()) ?? false, concurrency: AT_ONCE }, () => {
  let lab: Lab;
  before(async () => {
    lab = await driverLab();
    await takeSnapshots(lab);
  });
  after(() => untilNothingIsLeft(lab));

  it("clones in the background, in its source's zone, and keeps the source until then", () =>
    withSource(lab, { namespace: "clone-in-background", fsType: "ext4" }, (workloads) =>
      withSlowCopies(lab, async () => {
        const { namespace, volumeOf } = workloads;
        const kept = await workloads.inPod(SOURCE, WRITE);
        await workloads.apply(
          manifestOf(
            aClaim({
              name: "clone",
              // It waits for its pod, and the scheduler chooses a node of another zone first.
              storageClass: `${namespace}-premium-v2`,
              copyOf: { kind: "PersistentVolumeClaim", name: SOURCE_CLAIM },
            }),
            preferring(NODE_OF_ANOTHER_ZONE, podOf("clone")),
          ),
        );
        await workloads.untilReady("clone");
        assert.equal(await workloads.inPod("clone", READ), kept);
        await workloads.untilEvent("PersistentVolumeClaim", "clone", /^Copying: Azure has copied \d+ %/u);
        const { detail, copy, conditions = [] } = (await volumeOf("clone")).status ?? {};
        assert.deepEqual([detail?.skuName, detail?.zones], ["PremiumV2_LRS", [lab.node(HOME).zone]]);
        assert.ok(copy?.firstAttachTime !== undefined, "the pod was to run while Azure fills its disk");
        assert.ok(conditions.some(({ type, status }) => type === "Copying" && status === "True"));
        assert.equal(lab.node(await workloads.nodeOf("clone")).zone, lab.node(HOME).zone);

        const { volumeName } = (await volumeOf(SOURCE_CLAIM)).spec;
        const keptWhileFilled = async (): Promise<void> => {
          await untilDeletionRefused(workloads, volumeName);
          assert.ok((await disksInAzure(lab)).includes(volumeName), "a disk is kept that Azure still copies");
        };
        await Promise.all([deleteSource(workloads, FILLED_MAX_MS), keptWhileFilled()]);
        await workloads.untilEvent("PersistentVolumeClaim", "clone", /^Copied: /u);
        assert.equal((await volumeOf("clone")).status?.copy, undefined);
        assert.equal(await workloads.inPod("clone", READ), kept);
      }),
    ));

  it("says in a claim's events why its copy can't be made, and makes nothing", () =>
    withSource(lab, { namespace: "copies-refused", fsType: "ext4" }, async (workloads) => {
      const storageClass = `${workloads.namespace}-at-once`;
      const snapshotClass = workloads.namespace;
      await workloads.apply(
        manifestOf(aVolumeSnapshot({ name: "backup", snapshotClass, claim: SOURCE_CLAIM })),
      );
      await thenCleanUp(
        async () => {
          await untilSnapshotReady(workloads, "backup");
          const disks = await disksInAzure(lab);
          const backup = { kind: "VolumeSnapshot", name: "backup" } as const;
          const source = { kind: "PersistentVolumeClaim", name: SOURCE_CLAIM } as const;
          const refused = [
            { name: REFUSED[0], sizeGiB: SMALLER_GIB, copyOf: backup, says: /less than|at least/u },
            { name: REFUSED[1], sizeGiB: SMALLER_GIB, copyOf: source, says: /greater than or equal/u },
            { name: REFUSED[2], copyOf: { ...backup, name: "missing" }, says: /"missing" not found/u },
          ];
          await workloads.apply(
            manifestOf(...refused.map(({ says: _, ...claim }) => aClaim({ ...claim, storageClass }))),
          );
          for (const { name, says } of refused)
            await workloads.untilEvent(
              "PersistentVolumeClaim",
              name,
              new RegExp(`^ProvisioningFailed: .*(?:${says.source})`, "u"),
            );
          const made = (await disksInAzure(lab)).filter((disk) => !disks.includes(disk));
          const names = await workloads.kubectl(["get", "pvc", "--output=jsonpath={.items[*].metadata.uid}"]);
          assert.deepEqual(
            made.filter((disk) => names.split(" ").some((uid) => disk.includes(uid))),
            [],
          );
        },
        async () => {
          // A claim that waits for its copy keeps the snapshot.
          const gone = `--timeout=${GONE_MAX_MS}ms`;
          const claims = REFUSED.map((name) => `pvc/${name}`);
          await workloads.kubectl(["delete", ...claims, "--ignore-not-found", gone], {
            timeoutMs: 2 * GONE_MAX_MS,
          });
          await deleteSnapshots(workloads);
        },
      );
    }));

  it("restores a snapshot that the driver did not make in another zone, and leaves it", () =>
    withSource(lab, { namespace: "snapshot-of-others", fsType: "ext4" }, async (workloads) => {
      const { namespace, kubectl } = workloads;
      const kept = await workloads.inPod(SOURCE, WRITE);
      const snapshotUri = await snapshotByHand(workloads, "by-hand");
      await thenCleanUp(
        async () => {
          await workloads.apply(manifestOf(...aStaticSnapshot({ name: "static", namespace, snapshotUri })));
          await thenCleanUp(
            async () => {
              await untilSnapshotReady(workloads, "static");
              await workloads.apply(
                manifestOf(
                  aClaim({
                    name: "restored",
                    storageClass: namespace,
                    copyOf: { kind: "VolumeSnapshot", name: "static" },
                  }),
                  // Its claim waits for the pod, and is made where that can run.
                  podOf("restored", NODE_OF_ANOTHER_ZONE),
                ),
              );
              await workloads.untilReady("restored");
              assert.equal(await workloads.inPod("restored", READ), kept);
              assert.deepEqual(await zonesInAzure(workloads, SOURCE_CLAIM), [lab.node(HOME).zone]);
              const { zone } = lab.node(NODE_OF_ANOTHER_ZONE);
              assert.deepEqual(await zonesInAzure(workloads, "restored"), [zone]);
              assert.notEqual(zone, lab.node(HOME).zone);
            },
            async () => {
              await deleteSnapshots(workloads);
              await kubectl(["delete", "volumesnapshotcontent/static", `--timeout=${GONE_MAX_MS}ms`], {
                timeoutMs: 2 * GONE_MAX_MS,
              });
            },
          );
          assert.ok((await snapshotsInAzure(lab)).some(({ id }) => isSameResourceUri(id, snapshotUri)));
        },
        async () => {
          await lab.azure.call("DELETE", `${snapshotUri}?api-version=${DISK_API}`);
        },
      );
    }));

  for (const fsType of FILE_SYSTEMS) {
    it(`restores a snapshot of ${fsType} beside its source: larger, and of another SKU`, () =>
      withSource(lab, { namespace: `restored-${fsType}`, fsType }, async (workloads) => {
        const { namespace, kubectl } = workloads;
        const kept = await workloads.inPod(SOURCE, WRITE);
        await workloads.apply(
          manifestOf(aVolumeSnapshot({ name: "backup", snapshotClass: namespace, claim: SOURCE_CLAIM })),
        );
        await thenCleanUp(
          async () => {
            await untilSnapshotReady(workloads, "backup");
            const later = await workloads.inPod(SOURCE, WRITE);
            assert.notEqual(later, kept);

            await workloads.apply(
              manifestOf(
                aClaim({
                  name: "restored",
                  storageClass: `${namespace}-premium`,
                  sizeGiB: LARGER_GIB,
                  copyOf: { kind: "VolumeSnapshot", name: "backup" },
                }),
                podOf("restored", HOME),
              ),
            );
            await workloads.untilReady("restored");
            await bothOnOneNode(workloads, { copy: "restored", fsType });
            assert.equal(await workloads.inPod("restored", READ), kept);
            assert.equal(await inGiB(workloads, "restored", "/data"), LARGER_GIB);
            const { detail } = (await workloads.volumeOf("restored")).status ?? {};
            assert.deepEqual([detail?.skuName, detail?.sizeGiB], ["Premium_LRS", LARGER_GIB]);
            await eachWritesItsOwn(workloads, "restored");
            await noLossReported(workloads, "restored");

            // The source goes before its snapshot, and the snapshot before its copy.
            await deleteSource(workloads);
            assert.equal((await snapshotsOf(lab, namespace)).length, 1);
            await kubectl(["delete", "volumesnapshot/backup", `--timeout=${GONE_MAX_MS}ms`], {
              timeoutMs: 2 * GONE_MAX_MS,
            });
            await waitUntil("the snapshot to be gone in Azure", { timeoutMs: GONE_MAX_MS }, async () =>
              (await snapshotsOf(lab, namespace)).length === 0 ? true : undefined,
            );
            await readsOnAnotherNode(workloads, "restored");
          },
          () => deleteSnapshots(workloads),
        );
      }));

    it(`clones an attached ${fsType} beside its source: larger, and outlives it`, () =>
      withSource(lab, { namespace: `cloned-${fsType}`, fsType }, async (workloads) => {
        const { namespace, kubectl } = workloads;
        const kept = await workloads.inPod(SOURCE, WRITE);
        // Of a class that binds at once: the clone is made before the source is written again.
        await workloads.apply(
          manifestOf(
            aClaim({
              name: "clone",
              storageClass: `${namespace}-at-once`,
              sizeGiB: LARGER_GIB,
              copyOf: { kind: "PersistentVolumeClaim", name: SOURCE_CLAIM },
            }),
          ),
        );
        await kubectl(
          ["wait", "pvc/clone", "--for=jsonpath={.status.phase}=Bound", `--timeout=${BOUND_MAX_MS}ms`],
          {
            timeoutMs: 2 * BOUND_MAX_MS,
          },
        );
        const later = await workloads.inPod(SOURCE, WRITE);
        assert.notEqual(later, kept);
        await workloads.apply(manifestOf(podOf("clone", HOME)));
        await workloads.untilReady("clone");
        await bothOnOneNode(workloads, { copy: "clone", fsType });
        assert.equal(await workloads.inPod("clone", READ), kept);
        assert.equal(await inGiB(workloads, "clone", "/data"), LARGER_GIB);
        await eachWritesItsOwn(workloads, "clone");
        await deleteSource(workloads);
        await readsOnAnotherNode(workloads, "clone");
      }));
  }
});

/** Runs `use` with a StatefulSet on a node, and classes for it and its copies. */
async function withSource(
  lab: Lab,
  { namespace, fsType }: { readonly namespace: string; readonly fsType: (typeof FILE_SYSTEMS)[number] },
  use: (workloads: Workloads) => Promise<void>,
): Promise<void> {
  const volumeBindingMode = "WaitForFirstConsumer";
  const parameters = { fsType };
  const classes = [
    aClass({ name: namespace, parameters, volumeBindingMode }),
    aClass({ name: `${namespace}-at-once`, parameters }),
    aClass({
      name: `${namespace}-premium`,
      parameters: { ...parameters, skuName: "Premium_LRS" },
      volumeBindingMode,
    }),
    aClass({
      name: `${namespace}-premium-v2`,
      parameters: { ...parameters, skuName: "PremiumV2_LRS" },
      volumeBindingMode,
    }),
    aSnapshotClass(namespace),
  ];
  await withWorkloads(lab, namespace, (workloads) =>
    withClusterObjects(lab, manifestOf(...classes), async () => {
      await workloads.apply(
        manifestOf(aStatefulSet({ name: "source", storageClass: namespace, nodeName: HOME })),
      );
      await workloads.untilReady(SOURCE);
      await use(workloads);
    }),
  );
}

/** A snapshot of the source's disk that an administrator makes in Azure. Returns its resource id. */
async function snapshotByHand({ lab, volumeOf }: Workloads, name: string): Promise<string> {
  const diskUri = (await volumeOf(SOURCE_CLAIM)).status?.detail?.diskUri ?? "";
  const { location } = (await lab.azure.call("GET", `${diskUri}?api-version=${DISK_API}`)) as {
    readonly location: string;
  };
  const snapshotUri = diskUri.replace(/\/disks\/[^/]+$/iu, `/snapshots/${name}`);
  await lab.azure.call("PUT", `${snapshotUri}?api-version=${DISK_API}`, {
    location,
    sku: { name: "Standard_LRS" },
    properties: {
      incremental: true,
      creationData: { createOption: "Copy", sourceResourceId: diskUri },
    },
  });
  await waitUntil(`snapshot ${name} to be made`, { timeoutMs: GONE_MAX_MS }, async () => {
    const answer = (await lab.azure.call("GET", `${snapshotUri}?api-version=${DISK_API}`)) as {
      readonly properties?: { readonly provisioningState?: string };
    };
    return answer.properties?.provisioningState === "Succeeded" || undefined;
  });
  return snapshotUri;
}

/** A pod that has a claim of its own name at /data. */
function podOf(claim: string, nodeName?: string): object {
  const mounts = [{ claim, path: "/data" }];
  return aPod({ name: claim, mounts, ...(nodeName === undefined ? {} : { nodeName }) });
}

/** The pod with a preference for a node, which the scheduler follows where it can. */
function preferring(nodeName: string, pod: object): object {
  const { spec, ...rest } = pod as { readonly spec: object };
  const onNode = [{ key: "kubernetes.io/hostname", operator: "In", values: [nodeName] }];
  const preferred = [{ weight: 100, preference: { matchExpressions: onNode } }];
  const affinity = { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: preferred } };
  return { ...rest, spec: { ...spec, affinity } };
}

/** Both have the same file system, with one UUID, at the same time on one node. */
async function bothOnOneNode(
  workloads: Workloads,
  { copy, fsType }: { readonly copy: string; readonly fsType: string },
): Promise<void> {
  for (const pod of [SOURCE, copy]) {
    assert.equal(await workloads.nodeOf(pod), HOME, pod);
    assert.equal(await workloads.inPod(pod, "awk '$2 == \"/data\" {print $3}' /proc/mounts"), fsType, pod);
  }
  const uuidOf = async (claim: string): Promise<string | undefined> =>
    (await workloads.volumeOf(claim)).status?.detail?.formatted?.uuid;
  const uuid = await uuidOf(SOURCE_CLAIM);
  assert.ok(uuid !== undefined && uuid !== "");
  assert.equal(await uuidOf(copy), uuid);
}

async function eachWritesItsOwn(workloads: Workloads, copy: string): Promise<void> {
  for (const pod of [SOURCE, copy]) await workloads.inPod(pod, `echo ${pod} > /data/name; sync`);
  for (const pod of [SOURCE, copy]) assert.equal(await workloads.inPod(pod, "cat /data/name"), pod);
}

/** The node asks where a disk is on which it finds a file system unknown to the record: no loss of a disk. */
async function noLossReported(workloads: Workloads, name: string): Promise<void> {
  for (const kind of ["Pod", "PersistentVolumeClaim"]) {
    const events = await workloads.eventsOf(kind, name);
    assert.ok(events.some((event) => event.startsWith("Attached:")) || kind !== "Pod", events.join("\n"));
    assert.deepEqual(
      events.filter((event) => event.startsWith("DiskLost:")),
      [],
      kind,
    );
  }
}

/** Runs `use` while Azure takes its time to copy disks in the background. */
async function withSlowCopies(lab: Lab, use: () => Promise<void>): Promise<void> {
  const { latencies } = (await lab.azure.call("GET", "/emulator/v1/settings")) as {
    readonly latencies: { readonly diskBackgroundCopy: unknown };
  };
  const { diskBackgroundCopy } = latencies;
  const set = (copy: unknown): Promise<unknown> =>
    lab.azure.call("PATCH", "/emulator/v1/settings", { latencies: { diskBackgroundCopy: copy } });
  await set(SLOW_COPY);
  await thenCleanUp(use, async () => {
    await set(diskBackgroundCopy);
  });
}

/** The zones of a claim's disk, as Azure shows it. */
async function zonesInAzure({ lab, volumeOf }: Workloads, claim: string): Promise<readonly string[]> {
  const diskUri = (await volumeOf(claim)).status?.detail?.diskUri ?? "";
  const { zones } = (await lab.azure.call("GET", `${diskUri}?api-version=${DISK_API}`)) as {
    readonly zones: readonly string[];
  };
  return zones;
}

/** Waits until csi-provisioner reports that a volume is kept while Azure fills a copy of it. */
function untilDeletionRefused({ kubectl }: Workloads, volumeName: string): Promise<string> {
  const refusal = /Azure has copied \d+ % of its data in the background/u;
  return waitUntil(`the refused deletion of ${volumeName}`, { timeoutMs: GONE_MAX_MS }, async () => {
    const events = await kubectl([
      ...["get", "events", "--namespace=default"],
      `--field-selector=involvedObject.name=${volumeName},reason=VolumeFailedDelete`,
      "--output=jsonpath={.items[*].message}",
    ]);
    return refusal.exec(events)?.[0];
  });
}

/** Deletes the StatefulSet with its claim, and waits until its disk is gone in Azure. */
async function deleteSource(workloads: Workloads, timeoutMs = GONE_MAX_MS): Promise<void> {
  const { lab, kubectl } = workloads;
  const disk = (await workloads.volumeOf(SOURCE_CLAIM)).spec.volumeName;
  await kubectl(["delete", "statefulset/source", "pod/source-0", "--grace-period=1", "--timeout=120s"], {
    timeoutMs: 240_000,
  });
  await kubectl(["delete", `pvc/${SOURCE_CLAIM}`, "--ignore-not-found", "--timeout=120s"], {
    timeoutMs: 240_000,
  });
  await waitUntil(
    `disk ${disk} to be deleted`,
    { timeoutMs, everyMs: LOOK_EVERY_MS },
    async () => !(await disksInAzure(lab)).includes(disk) || undefined,
  );
}

/** A copy that is attached elsewhere reads past every cache of its first node's mount. */
async function readsOnAnotherNode(workloads: Workloads, copy: string): Promise<void> {
  const before = await workloads.inPod(copy, `${READ}; cat /data/name`);
  await workloads.kubectl(["delete", `pod/${copy}`]);
  await workloads.apply(manifestOf(podOf(copy, OTHER_NODE_OF_ITS_ZONE)));
  await workloads.untilReady(copy);
  assert.equal(await workloads.inPod(copy, `${READ}; cat /data/name`), before);
}

async function snapshotsOf(lab: Lab, namespace: string): Promise<readonly string[]> {
  const snapshots = await snapshotsInAzure(lab);
  return snapshots
    .filter(({ tags }) => tags["kubernetes.io-created-for-snapshot-namespace"] === namespace)
    .map(({ id }) => id);
}
