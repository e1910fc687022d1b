import type { AzVolume } from "../../../src/core/api/az-volume.ts";
import { CONTROLLER_LEASE, storeIncarnationOf } from "../../../src/core/api/lease.ts";
import { isSameResourceUri } from "../../../src/core/azure/ids/disk-uri.ts";
import { isSingleWriter } from "../../../src/core/volume/access-modes.ts";
import { type DiskSpec, diskSizeBytes } from "../../../src/emulator/model/disk/disk.ts";
import { CLASS_TAG, type ClassFields, fieldsOf } from "../../kubernetes/volume-class.ts";
import { isInReach } from "../reach/is-in-reach.ts";
import type { DesiredVolume } from "./desired-volume.ts";
import { type Complaint, type RestWorld, volumeOf } from "./rest-world.ts";

/**
 * The differences from what users requested: pods that do not run, missing writers, replicas and sizes,
 * writers and replicas where Azure attaches no such disk, modifications that were not made or that objects do
 * not show, deleted volumes that still exist.
 */
export function judgeDesired(world: RestWorld, volumes: readonly DesiredVolume[]): readonly Complaint[] {
  return volumes.flatMap((desired) =>
    differencesFromDesired(world, desired).map((detail): Complaint => ({
      invariant: "not-converged",
      detail: `${desired.volumeName}: ${detail}`,
    })),
  );
}

function differencesFromDesired(world: RestWorld, desired: DesiredVolume): readonly string[] {
  const diskUri = world.cluster.diskUriOf(desired.volumeName);
  if (!desired.exists) return diskUri === undefined ? [] : ["was deleted, and is still there"];
  if (desired.isDestroyed) return [];
  if (diskUri === undefined) return ["was never created"];
  const volume = volumeOf(world, diskUri);
  if (volume === undefined) return ["has no AzVolume"];
  const disk = world.azure.diskOf(diskUri);
  if (disk === undefined) return ["has no disk"];
  const requested = desired.volumeClass === undefined ? undefined : fieldsOf(desired.volumeClass);
  const made = [...world.azure.model.world.disks.values()].find(({ id }) => isSameResourceUri(id, diskUri));
  const present = {
    networkAccessPolicy: made?.spec.networkAccessPolicy,
    skuName: made?.spec.sku.name,
    iops: made?.spec.performance?.iops,
    mbps: made?.spec.performance?.mbps,
    tag: made?.spec.tags?.[CLASS_TAG],
  };
  const attachments = world.store
    .objects("AzVolumeAttachment")
    .filter((attachment) => attachment.spec.volumeName === volume.metadata.name);
  const writer = volume.status?.record?.writer;
  const isReachable = (nodeName: string): boolean => {
    const vm = world.azure.vmOf(nodeName);
    return vm === undefined || made === undefined || isInReach(made, vm);
  };
  const diskDifferences = [
    ...attachments
      .filter(({ spec }) => !isReachable(spec.nodeName))
      .map(
        ({ spec }) => `Azure attaches its disk to no such VM as that of its ${spec.role} on ${spec.nodeName}`,
      ),
    ...(writer === undefined || isReachable(writer.nodeName)
      ? []
      : [`Azure attaches its disk to no such VM as that of its writer ${writer.nodeName}`]),
    ...unmade(requested, present),
    ...(volume.spec.modification === undefined ? [] : ["its object still requests a modification"]),
    ...(made === undefined ? [] : staleFields(world, volume, made.spec)),
    ...staleOutcome(volume, present),
    ...(disk.sizeBytes === diskSizeBytes(desired.sizeGiB)
      ? []
      : [`its disk has ${disk.sizeBytes} bytes instead of ${desired.sizeGiB} GiB`]),
    ...((volume.status?.detail?.sizeGiB ?? 0) === desired.sizeGiB
      ? []
      : [`its object says ${volume.status?.detail?.sizeGiB ?? 0} GiB instead of ${desired.sizeGiB}`]),
  ];
  const pods = world.cluster.pods().filter((pod) => pod.volumeName === desired.volumeName);
  if (desired.pods === 0)
    return [
      ...diskDifferences,
      ...(pods.length === 0 ? [] : ["its pod was scaled away, and is still there"]),
    ];

  const running = pods.filter(
    ({ phase, isReady, isDeleted, nodeName }) =>
      phase === "Running" && isReady && !isDeleted && nodeName !== undefined,
  );
  const nodeNames = new Set(running.map(({ nodeName = "" }) => nodeName));
  if (pods.length !== desired.members || nodeNames.size !== desired.members) {
    return [
      ...diskDifferences,
      `its pod does not run: ${pods.map(({ name, phase, isReady, nodeName, isDeleted }) => `${name} ${phase}${isReady ? "" : ", not ready,"}${isDeleted ? ", deleted," : ""} on ${nodeName ?? "no node"}`).join("; ") || "none"}`,
    ];
  }
  const withoutContainer = running.find(
    ({ nodeName = "", uid }) => !world.cluster.containersOn(nodeName).some(({ podUid }) => podUid === uid),
  );
  if (withoutContainer !== undefined)
    return [
      ...diskDifferences,
      `no container of ${withoutContainer.name} runs on ${withoutContainer.nodeName ?? "no node"}`,
    ];
  const [nodeName = ""] = nodeNames;
  const isWriter =
    writer?.nodeName === nodeName &&
    writer.vmId === world.azure.machineOf(nodeName)?.vmGuid &&
    writer.held &&
    writer.requested;
  const isRecordRight = desired.members > 1 ? volume.status?.record === undefined : isWriter;
  const misplaced = [...nodeNames].flatMap((name) => {
    const primary = attachments.find((attachment) => attachment.spec.nodeName === name);
    return primary?.spec.role === "Primary" && primary.status?.state === "Attached"
      ? []
      : [
          `the attachment on ${name} is ${primary?.spec.role ?? "missing"}, ` +
            `${primary?.status?.state ?? "without a status"}`,
        ];
  });
  const replicas = attachments.filter(
    (attachment) => attachment.spec.role === "Replica" && attachment.status?.state === "Attached",
  ).length;
  // Of several pods each has a share, and replicas take what is left.
  const sharesLeft = volume.spec.disk.maxShares - desired.members;
  const replicasRequested = Math.min(
    desired.replicas,
    sharesLeft,
    placesFor(world, { diskUri, writerNodes: nodeNames }).filter(isReachable).length,
  );
  return [
    ...diskDifferences,
    ...(isRecordRight
      ? []
      : [`its pod runs on ${nodeName}, and the record says ${JSON.stringify(writer ?? "no writer")}`]),
    ...misplaced,
    ...(replicas === replicasRequested ? [] : [`${replicas} replicas instead of ${replicasRequested}`]),
    ...(desired.access === "block" || disk.fileSystemBytes === disk.sizeBytes
      ? []
      : [`its file system spans ${disk.fileSystemBytes} of ${disk.sizeBytes} bytes`]),
  ];
}

/** What a disk has of the fields that classes set. */
interface PresentFields {
  readonly networkAccessPolicy: string | undefined;
  readonly skuName: string | undefined;
  readonly iops: number | undefined;
  /** MB/s. */
  readonly mbps: number | undefined;
  readonly tag: string | undefined;
}

/** What a user's class sets and the disk does not have. */
function unmade(requested: ClassFields | undefined, present: PresentFields): readonly string[] {
  if (requested === undefined) return [];
  const { networkAccessPolicy: policy = present.networkAccessPolicy, tag } = requested;
  const { skuName = present.skuName, iops = present.iops, mbps = present.mbps } = requested;
  return [
    ...(present.skuName === skuName ? [] : [`its disk is ${present.skuName} instead of ${skuName}`]),
    ...(present.iops === iops ? [] : [`its disk has ${present.iops} IOPS instead of ${iops}`]),
    ...(present.networkAccessPolicy === policy
      ? []
      : [`its disk has network access policy ${present.networkAccessPolicy} instead of ${policy}`]),
    ...(present.mbps === mbps ? [] : [`its disk has ${present.mbps} MB/s instead of ${mbps}`]),
    ...(present.tag === tag ? [] : [`its disk has the tag ${CLASS_TAG}=${present.tag} instead of ${tag}`]),
  ];
}

const FIRST_INCARNATION = 0;

/**
 * What a modification may have changed of a disk and its object does not show. An object that a restored
 * backup has brought back is as old as the backup, and an adopted one states only what is known. Where
 * several nodes write, no record tells that the store was restored.
 */
function staleFields(
  { store }: Pick<RestWorld, "store">,
  { spec, status }: AzVolume,
  made: DiskSpec,
): readonly string[] {
  const incarnation = isSingleWriter(spec.capabilities)
    ? status?.record?.storeIncarnation
    : storeIncarnationOf(store.objects("Lease").find(({ metadata: { name } }) => name === CONTROLLER_LEASE));
  if ((incarnation ?? FIRST_INCARNATION) !== FIRST_INCARNATION) return [];
  const { skuName, networkAccessPolicy, publicNetworkAccess } = spec.disk;
  const { diskIOPSReadWrite, diskMBpsReadWrite } = spec.disk;
  const { sku, ...present } = made;
  const isAdopted = spec.diskUri !== undefined;
  const unstated = isAdopted ? present : { networkAccessPolicy: "AllowAll", publicNetworkAccess: "Enabled" };
  const fields = [
    ["SKU", skuName, sku.name],
    [
      "network access policy",
      networkAccessPolicy ?? unstated.networkAccessPolicy,
      present.networkAccessPolicy,
    ],
    [
      "public network access",
      publicNetworkAccess ?? unstated.publicNetworkAccess,
      present.publicNetworkAccess,
    ],
    ["IOPS", diskIOPSReadWrite ?? made.performance?.iops, made.performance?.iops],
    ["MB/s", diskMBpsReadWrite ?? made.performance?.mbps, made.performance?.mbps],
    [
      `tag ${CLASS_TAG}`,
      spec.disk.tags[CLASS_TAG] ?? (isAdopted ? made.tags?.[CLASS_TAG] : undefined),
      made.tags?.[CLASS_TAG],
    ],
  ] as const;
  return fields
    .filter(([, shown, actual]) => shown !== actual)
    .map(([field, shown, actual]) => `its object says ${field} ${shown} instead of ${actual}`);
}

/** How the outcome of the last modification differs from the disk. */
function staleOutcome({ status }: AzVolume, present: PresentFields): readonly string[] {
  const last = status?.modification;
  if (last === undefined || last.error !== undefined) return [];
  const { networkAccessPolicy: policy = present.networkAccessPolicy, tags = {} } = last.requested;
  const { diskMBpsReadWrite: mbps = present.mbps, diskIOPSReadWrite: iops = present.iops } = last.requested;
  const { skuName = present.skuName } = last.requested;
  const tag = tags[CLASS_TAG] ?? present.tag;
  return [
    ...(policy === present.networkAccessPolicy
      ? []
      : [`its status says that ${policy} was made, and its disk has ${present.networkAccessPolicy}`]),
    ...(skuName === present.skuName
      ? []
      : [`its status says that ${skuName} was made, and its disk is ${present.skuName}`]),
    ...(iops === present.iops
      ? []
      : [`its status says that ${iops} IOPS were made, and its disk has ${present.iops}`]),
    ...(mbps === present.mbps
      ? []
      : [`its status says that ${mbps} MB/s were made, and its disk has ${present.mbps}`]),
    ...(tag === present.tag
      ? []
      : [`its status says that ${CLASS_TAG}=${tag} was made, and its disk has ${present.tag}`]),
  ];
}

/** Nodes that have a replica, or a slot for one, beside those of the pods. */
function placesFor(
  world: RestWorld,
  { diskUri, writerNodes }: { readonly diskUri: string; readonly writerNodes: ReadonlySet<string> },
): readonly string[] {
  const hasRoom = (nodeName: string): boolean => {
    const vm = world.azure.vmOf(nodeName);
    return (
      vm !== undefined &&
      (vm.dataDisks.length < vm.size.dataDisksMax ||
        vm.dataDisks.some(({ diskId }) => isSameResourceUri(diskId, diskUri)))
    );
  };
  return world.cluster
    .nodes()
    .filter(
      (node) =>
        node.isReady &&
        !node.isUnschedulable &&
        !node.isOutOfService &&
        !writerNodes.has(node.name) &&
        hasRoom(node.name),
    )
    .map(({ name }) => name);
}
