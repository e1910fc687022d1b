import { type ArmCall, type Reply, reply } from "../api/arm-message.ts";
import { type ArmFailure, armErrors } from "../api/errors.ts";
import {
  type Json,
  type JsonObject,
  listAt,
  merged,
  numberAt,
  objectAt,
  sameJson,
  textAt,
  withoutMembers,
} from "../api/json.ts";
import { checkDiskName } from "../api/request/check-name.ts";
import { type NamedAddress, type ResourceAddress, resourceId } from "../api/resource/resource-id.ts";
import type { DataPlaneEffect } from "../data-plane-port.ts";
import { checkLinks } from "../linked/links.ts";
import { operationHeaders, RETRY_AFTER } from "../pace/lro.ts";
import type { Operation } from "../pace/operation.ts";
import { delayMs, happened, startOperation, writing } from "../pace/operations.ts";
import { checkDiskPlace } from "../subscription/disk-skus-in-region.ts";
import { edgeZoneIn } from "../subscription/edge-zones.ts";
import { diskQuota } from "../subscription/quota-table.ts";
import { checkQuota } from "../subscription/quotas.ts";
import { checkSku } from "../subscription/restricted-skus.ts";
import { isBeingMade } from "../vm/new-disks.ts";
import { findDisk, findSnapshot, putDisk, updateDisk, without, type World } from "../world.ts";
import { checkBackgroundCopies } from "./copy/copy-limits.ts";
import { failCopiesOf } from "./copy/end-copies.ts";
import { checkDiskChange, checkUnchangeableDisk } from "./disk-change.ts";
import { changedSpec, notedChanges } from "./disk-conversion.ts";
import { copyEffect, renderDiskNow } from "./disk-read.ts";
import { findDiskSku, hasSettablePerformance } from "./disk-sku.ts";
import { type DiskSource, diskSource } from "./disk-source.ts";
import { checkShares, diskSpecFrom } from "./disk-spec.ts";
import { type Disk, diskSizeBytes, type DiskSpec } from "./disk.ts";

type DiskCall = Pick<ArmCall, "body" | "apiVersion">;

export type DiskWrite = { readonly kind: "Started"; readonly operation: Operation } | ArmFailure;

const VHD_FOOTER_BYTES = 512;
const MIB_BYTES = 1_048_576;

/**
 * PUT of a disk: creates it, or changes an existing one. A write that repeats the one in flight joins it,
 * since clients send writes at least once.
 */
export function writeDisk(world: World, address: NamedAddress, { body, apiVersion }: DiskCall): DiskWrite {
  const id = resourceId({ ...address, type: "disks" });
  const existing = findDisk(world, id);
  if (existing === undefined)
    return isBeingMade(world, id) ? armErrors.conflict() : createDisk(world, address, id, body);
  if (textAt(body, "location") === undefined) return armErrors.locationRequired();
  return (
    checkUnchangeableDisk(existing, body) ??
    changeDisk(world, existing, { body, apiVersion }, "Disks_CreateOrUpdate")
  );
}

/** PATCH of a disk, and PUT of one that exists. */
export function changeDisk(
  world: World,
  disk: Disk,
  { body, apiVersion }: DiskCall,
  name: "Disks_CreateOrUpdate" | "Disks_Update",
): DiskWrite {
  const busy = disk.operationId === undefined ? undefined : world.operations.get(disk.operationId);
  if (busy !== undefined) {
    const repeats = disk.provisioningState !== "Deleting" && sameJson(disk.pendingBody, body);
    return repeats ? { kind: "Started", operation: busy } : armErrors.conflict();
  }
  const next = diskSpecFrom(body, disk.spec);
  if ("kind" in next) return next;
  const refused =
    checkShares(disk.name, next) ?? checkDiskChange(world, disk, next, apiVersion) ?? checkLinks(world, next);
  if (refused !== undefined) return refused;
  const grows = next.sizeGiB > disk.spec.sizeGiB;
  const effects: readonly DataPlaneEffect[] =
    grows && disk.hasNoBytes !== true
      ? [{ kind: "diskResized", diskId: disk.id, sizeBytes: diskSizeBytes(next.sizeGiB) }]
      : [];
  const operation = startDiskOperation(world, disk, {
    name,
    delayMs: delayMs(world, "diskUpdate"),
    effects,
    next,
  });
  putDisk(world, {
    ...disk,
    ...notedChanges(world, disk, next),
    provisioningState: "Updating",
    operationId: operation.id,
    ...(body === undefined ? {} : { pendingBody: body }),
  });
  return { kind: "Started", operation };
}

function createDisk(world: World, address: NamedAddress, id: string, body: Json | undefined): DiskWrite {
  const location = textAt(body, "location");
  if (location === undefined) return armErrors.locationRequired();
  const misnamed = checkDiskName("disk", address.name);
  if (misnamed !== undefined) return misnamed;
  const creationData = objectAt(body, "properties", "creationData");
  const createOption = textAt(creationData, "createOption");
  if (creationData === undefined || createOption === undefined)
    return armErrors.invalidParameter(
      "creationData",
      "Required parameter 'disk.creationData.createOption' is missing (null).",
    );
  const misuploaded = createOption === "Upload" ? checkUpload(creationData) : undefined;
  if (misuploaded !== undefined) return misuploaded;
  const source = diskSource(world, address.name, body, creationData, createOption);
  if (source !== undefined && source.kind === "Failure") return source;
  const spec = diskSpecFrom(body, undefined, source?.sizeGiB ?? uploadSizeGiB(creationData));
  if ("kind" in spec) return spec;
  if (source !== undefined && spec.sizeGiB < source.sizeGiB) {
    return armErrors.invalidParameter(
      "diskSizeGB",
      `The disk size ${spec.sizeGiB} GiB is smaller than the size of the source, ${source.sizeGiB} GiB.`,
    );
  }
  const zones = (listAt(body, "zones") ?? []).filter((zone): zone is string => typeof zone === "string");
  const { subscriptionId } = address;
  const refused =
    checkShares(address.name, spec) ??
    checkZones(spec, zones) ??
    checkDiskPlace(spec.sku, { name: address.name, location, zones, ...edgeZoneIn(body) }) ??
    (source !== undefined &&
    findSnapshot(world, source.id) !== undefined &&
    hasSettablePerformance(spec.sku.family)
      ? checkBackgroundCopies(world, subscriptionId, address.name)
      : undefined) ??
    checkLinks(world, spec) ??
    checkSku(world, spec.sku.name, { id, subscriptionId, location, zones }) ??
    checkQuota(world, { subscriptionId, location }, diskQuota(spec.sku.name));
  if (refused !== undefined) return refused;

  const disk: Disk = {
    ...address,
    id,
    location,
    zones,
    ...edgeZoneIn(body),
    creationData: source === undefined ? creationData : { ...creationData, sourceUniqueId: source.uniqueId },
    uniqueId: world.random.guid(),
    createdAtMs: world.nowMs,
    spec,
    ...(spec.performance === undefined ? {} : { performanceChangesAtMs: [world.nowMs] }),
    provisioningState: "Updating",
    owners: [],
    reservations: [],
    ...(createOption === "Upload" ? { awaitsUpload: true as const } : {}),
  };
  const sizeBytes = diskSizeBytes(spec.sizeGiB);
  const effects: readonly DataPlaneEffect[] =
    source === undefined
      ? [{ kind: "diskCreated", diskId: id, sizeBytes }]
      : [copyEffect(world, { sourceId: source.id, diskId: id, sizeBytes })];
  const operation = startDiskOperation(world, disk, {
    name: "Disks_CreateOrUpdate",
    delayMs: delayMs(world, source === undefined ? "diskCreate" : "diskCopy"),
    effects,
    next: spec,
    ...(source === undefined ? {} : { source }),
  });
  putDisk(world, {
    ...disk,
    operationId: operation.id,
    ...(body === undefined ? {} : { pendingBody: body }),
  });
  return { kind: "Started", operation };
}

/** The upload is a VHD: the disk's bytes, whole MiB, and a footer. */
function checkUpload(creationData: JsonObject): ArmFailure | undefined {
  const bytes = numberAt(creationData, "uploadSizeBytes");
  if (bytes === undefined)
    return armErrors.invalidParameter(
      "creationData.uploadSizeBytes",
      "Required parameter 'creationData.uploadSizeBytes' is missing (null).",
    );
  return (bytes - VHD_FOOTER_BYTES) % MIB_BYTES === 0
    ? undefined
    : armErrors.uploadSize(bytes, VHD_FOOTER_BYTES);
}

function uploadSizeGiB(creationData: JsonObject): number | undefined {
  const bytes = numberAt(creationData, "uploadSizeBytes");
  return bytes === undefined ? undefined : Math.ceil((bytes - VHD_FOOTER_BYTES) / Number(diskSizeBytes(1)));
}

function startDiskOperation(
  world: World,
  disk: Disk,
  write: {
    name: string;
    delayMs: number;
    effects: readonly DataPlaneEffect[];
    next: DiskSpec;
    source?: DiskSource;
  },
): Operation {
  return startOperation(world, {
    name: write.name,
    provider: "DiskOperations",
    ...writing(disk),
    delayMs: write.delayMs,
    retryAfter: RETRY_AFTER.diskWrite,
    diskIds: [disk.id],
    ...(write.source === undefined ? {} : { copiesFrom: write.source.id }),
    work: {
      effects: (outcome) => (happened(outcome, disk.id) ? write.effects : []),
      end: (outcome) => {
        if (happened(outcome, disk.id) && write.next.sizeGiB > disk.spec.sizeGiB) failCopiesOf(world, disk);
        updateDisk(world, disk.id, (now) => ({
          ...settled(now),
          ...(happened(outcome, disk.id)
            ? { ...changedSpec(world, now, write.next), ...backgroundCopy(world, write.source) }
            : {}),
          provisioningState: outcome.error === undefined ? "Succeeded" : "Failed",
        }));
      },
      result: () => renderDiskNow(world, disk.id),
    },
  });
}

function backgroundCopy(world: World, source: DiskSource | undefined): Pick<Disk, "copy"> {
  if (source?.copiesInBackground !== true) return {};
  const endsAtMs = world.nowMs + delayMs(world, "diskBackgroundCopy");
  return { copy: { startedAtMs: world.nowMs, endsAtMs } };
}

function settled(disk: Disk): Disk {
  return without(without(disk, "operationId"), "pendingBody");
}

function checkZones(spec: DiskSpec, zones: readonly string[]): ArmFailure | undefined {
  return spec.sku.zoneRedundant && zones.length > 0
    ? armErrors.invalidParameter(
        "zones",
        `A zone can't be chosen for a disk of type ${spec.sku.name}: it spans all zones.`,
      )
    : undefined;
}

/**
 * The first answer to a write of a disk or snapshot: the request, without its zones, and what ARM knows of
 * each resource. Recorded (azure-powershell's session records of TestDiskConfigTierSectorSizeReadOnly and
 * TestDiskAcceleratedNetworkAndPublicNetworkAccess): that to a PATCH has what is `present`, too. Likewise
 * (Azure/azure-cli, test_accelerated_network.yaml, 2024): IOPS and MB/s only where they can be set.
 */
export function firstAnswer(
  world: World,
  call: ArmCall,
  {
    location,
    present,
    ...address
  }: ResourceAddress & { readonly location?: string; readonly present?: JsonObject },
  operation: Operation,
): Reply {
  const { zones: _zones, ...top } = objectAt(call.body) ?? {};
  const stated = merged(objectAt(present, "properties") ?? {}, objectAt(call.body, "properties") ?? {});
  const sku = findDiskSku(textAt(top, "sku", "name") ?? textAt(present, "sku", "name") ?? "");
  const isSet = sku !== undefined && hasSettablePerformance(sku.family);
  const properties = isSet ? stated : withoutMembers(stated, ["diskIOPSReadWrite", "diskMBpsReadWrite"]);
  const body = {
    location,
    ...present,
    ...top,
    name: address.name,
    id: resourceId(address),
    type: `Microsoft.Compute/${address.type}`,
    properties: { ...properties, provisioningState: "Updating" },
  };
  return reply(202, body, operationHeaders(world, call, operation, "Disk"));
}
