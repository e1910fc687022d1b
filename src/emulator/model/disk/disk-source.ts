import { type ArmFailure, armErrors } from "../api/errors.ts";
import { type Json, type JsonObject, numberAt, textAt } from "../api/json.ts";
import { findDisk, findSnapshot, normalLocation, type World } from "../world.ts";
import { type DiskFamily, findDiskSku, hasSettablePerformance } from "./disk-sku.ts";
import { snapshotAccess, type Snapshot } from "./snapshot.ts";

/** The source of a new disk's bytes. */
export interface DiskSource {
  readonly kind: "Source";
  readonly id: string;
  readonly sizeGiB: number;
}

const EMPTY_OPTIONS = ["Empty", "Upload"];
const COPY_OPTIONS = ["Copy", "Restore"];

/** The source that a disk's `creationData` names; `undefined` for an empty disk. */
export function diskSource(
  world: World,
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
  if (source === undefined) return armErrors.sourceNotFound(id);
  const location = textAt(body, "location") ?? "";
  if (normalLocation(source.location) !== normalLocation(location))
    return armErrors.invalidParameter(
      "location",
      `The source is in '${source.location}', the disk in '${location}'.`,
    );
  if (snapshot === undefined) return { kind: "Source", id: source.id, sizeGiB: disk?.spec.sizeGiB ?? 0 };
  return (
    checkRestore(world, snapshot, body) ?? { kind: "Source", id: snapshot.id, sizeGiB: snapshot.sizeGiB }
  );
}

/**
 * During its background copy, a snapshot can't be restored; with instant access only to disks of the same
 * size that are as fast.
 */
function checkRestore(world: World, snapshot: Snapshot, body: Json | undefined): ArmFailure | undefined {
  if (snapshot.provisioningState !== "Succeeded") return armErrors.sourceIncomplete(snapshot.name);
  const access = snapshotAccess(snapshot, world.nowMs);
  if (access === "Pending") return armErrors.sourceIncomplete(snapshot.name);
  const family = findDiskSku(textAt(body, "sku", "name") ?? "")?.family ?? "StandardHdd";
  if (access !== "InstantAccess") return checkSectors(snapshot, family);
  const sizeGiB = numberAt(body, "properties", "diskSizeGB") ?? snapshot.sizeGiB;
  if (hasSettablePerformance(family) && sizeGiB === snapshot.sizeGiB) return undefined;
  return armErrors.invalidParameter(
    "sourceResourceId",
    `The snapshot ${snapshot.name} with instant access can be restored only to ` +
      "Ultra and Premium SSD v2 disks of its own size.",
  );
}

function checkSectors(snapshot: Snapshot, family: DiskFamily): ArmFailure | undefined {
  if (snapshot.sectorSizeBytes === 512 || hasSettablePerformance(family)) return undefined;
  return armErrors.invalidParameter(
    "sourceResourceId",
    `The snapshot ${snapshot.name} has a logical sector size of ${snapshot.sectorSizeBytes} bytes: ` +
      "it can be restored only to Ultra and Premium SSD v2 disks.",
  );
}
