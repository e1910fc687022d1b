import { type ArmFailure, armErrors } from "../api/errors.ts";
import { type Json, type JsonObject, listAt, numberAt, textAt } from "../api/json.ts";
import { edgeZoneIn, edgeZoneOf, isSameEdgeZone } from "../subscription/edge-zones.ts";
import { findDisk, findSnapshot, normalLocation, type World } from "../world.ts";
import { copiedPercent } from "./copy/background-copy.ts";
import { checkRestores } from "./copy/copy-limits.ts";
import { type DiskFamily, findDiskSku, hasSettablePerformance } from "./disk-sku.ts";
import { type Disk, sectorSizeBytes } from "./disk.ts";
import { snapshotAccess, type Snapshot } from "./snapshot/snapshot.ts";

export interface DiskSource {
  readonly kind: "Source";
  readonly id: string;
  readonly sizeGiB: number;
  readonly uniqueId: string;
  readonly copiesInBackground: boolean;
}

const EMPTY_OPTIONS = ["Empty", "Upload"];
const COPY_OPTIONS = ["Copy", "Restore"];

/** The source that a disk's `creationData` names; `undefined` for an empty disk. */
export function diskSource(
  world: World,
  name: string,
  body: Json | undefined,
  creationData: JsonObject,
  createOption: string,
): DiskSource | ArmFailure | undefined {
  if (EMPTY_OPTIONS.includes(createOption)) return undefined;
  if (!COPY_OPTIONS.includes(createOption)) {
    return armErrors.invalidParameter(
      "createOption",
      `The emulator supports createOption ${[...EMPTY_OPTIONS, ...COPY_OPTIONS].join(", ")} ` +
        `for disks, not '${createOption}'.`,
    );
  }
  const id = textAt(creationData, "sourceResourceId");
  if (id === undefined)
    return armErrors.invalidParameter(
      "sourceResourceId",
      `Required parameter 'disk.creationData.sourceResourceId' is missing (null) ` +
        `for createOption '${createOption}'.`,
    );
  const snapshot = findSnapshot(world, id);
  const disk = findDisk(world, id);
  const source = snapshot ?? disk;
  const location = textAt(body, "location") ?? "";
  if (source === undefined || normalLocation(source.location) !== normalLocation(location))
    return armErrors.sourceNotFound(id);
  const place = edgeZoneIn(body);
  if (!isSameEdgeZone(place, source))
    return armErrors.sourceInOtherEdgeZone(edgeZoneOf(place), edgeZoneOf(source));
  const isFast = hasSettablePerformance(familyIn(body));
  if (snapshot !== undefined)
    return (
      checkRestore(world, snapshot, body) ??
      checkRestores(world, snapshot) ?? {
        kind: "Source",
        id: snapshot.id,
        sizeGiB: snapshot.sizeGiB,
        uniqueId: snapshot.uniqueId,
        copiesInBackground: isFast || snapshot.copy !== undefined,
      }
    );
  if (disk === undefined) return armErrors.sourceNotFound(id);
  return (
    checkClone(world, name, disk, body) ?? {
      kind: "Source",
      id: disk.id,
      sizeGiB: disk.spec.sizeGiB,
      uniqueId: disk.uniqueId,
      copiesInBackground: isFast || hasSettablePerformance(disk.spec.sku.family),
    }
  );
}

/**
 * A disk is copied within its zone, and to Ultra disks only by way of a snapshot. Inferred: that its own copy
 * must have ended.
 */
function checkClone(world: World, name: string, disk: Disk, body: Json | undefined): ArmFailure | undefined {
  if (disk.operationId !== undefined) return armErrors.conflict();
  if (copiedPercent(disk.copy, world.nowMs) < 100) return armErrors.sourceIncomplete(disk.name);
  if (familyIn(body) === "Ultra")
    return armErrors.invalidParameter(
      "sourceResourceId",
      `The disk ${disk.name} can't be copied to an Ultra disk: make a snapshot of it first.`,
    );
  const [zone] = disk.zones;
  const target = findDiskSku(textAt(body, "sku", "name") ?? "");
  if (zone === undefined || target?.zoneRedundant === true || listAt(body, "zones")?.[0] === zone)
    return checkSectors({ name: disk.name, sectorSizeBytes: sectorSizeBytes(disk) }, body);
  return armErrors.sourceInOtherZone(name, disk.id);
}

function familyIn(body: Json | undefined): DiskFamily {
  return findDiskSku(textAt(body, "sku", "name") ?? "")?.family ?? "StandardHdd";
}

/**
 * During its background copy, a snapshot can't be restored; with instant access only to disks of the same
 * size that are as fast. Inferred: nor can it while it is being deleted.
 */
function checkRestore(world: World, snapshot: Snapshot, body: Json | undefined): ArmFailure | undefined {
  if (snapshot.provisioningState === "Deleting") return armErrors.conflict();
  if (snapshot.provisioningState !== "Succeeded") return armErrors.sourceIncomplete(snapshot.name);
  const access = snapshotAccess(snapshot, world.nowMs);
  if (access === "Pending") return armErrors.sourceIncomplete(snapshot.name);
  const family = familyIn(body);
  if (access !== "InstantAccess") return checkSectors(snapshot, body);
  const sizeGiB = numberAt(body, "properties", "diskSizeGB") ?? snapshot.sizeGiB;
  if (hasSettablePerformance(family) && sizeGiB === snapshot.sizeGiB) return undefined;
  return armErrors.invalidParameter(
    "sourceResourceId",
    `The snapshot ${snapshot.name} with instant access can be restored only to ` +
      "Ultra and Premium SSD v2 disks of its own size.",
  );
}

/**
 * Sectors of 512 bytes stay what they are, and must be stated of a disk whose default is 4096 (Learn, Convert
 * the disk type of a managed disk). Inferred: how that is refused.
 */
function checkSectors(
  source: Pick<Snapshot, "name" | "sectorSizeBytes">,
  body: Json | undefined,
): ArmFailure | undefined {
  const isChosen = hasSettablePerformance(familyIn(body));
  if (source.sectorSizeBytes !== 512)
    return isChosen
      ? undefined
      : armErrors.invalidParameter(
          "sourceResourceId",
          `The source ${source.name} has a logical sector size of ${source.sectorSizeBytes} bytes: ` +
            "it can be copied only to Ultra and Premium SSD v2 disks.",
        );
  const stated = numberAt(body, "properties", "creationData", "logicalSectorSize") ?? 4096;
  return !isChosen || stated === 512
    ? undefined
    : armErrors.invalidParameter(
        "creationData.logicalSectorSize",
        `The source ${source.name} has a logical sector size of 512 bytes; the disk is to have ${stated}.`,
      );
}
