import { type ArmFailure, armErrors } from "../../api/errors.ts";
import { textAt } from "../../api/json.ts";
import { keyOf, sameId } from "../../api/resource/resource-id.ts";
import { normalLocation, type World } from "../../world.ts";
import { isSasActive } from "../disk-read.ts";
import { hasSettablePerformance } from "../disk-sku.ts";
import type { Disk } from "../disk.ts";
import { completionPercent, type Snapshot, snapshotAccess } from "../snapshot/snapshot.ts";
import { copiedPercent } from "./background-copy.ts";

/** Learn, Copy an incremental snapshot to a new region: for each subscription and region. */
const COPIES_TO_A_REGION_MAX = 100;
/** Learn, Create an incremental snapshot for managed disks: disks at a time from a snapshot. */
const FROM_A_SNAPSHOT_MAX = 5;
/** Learn, Instant access snapshots: disks at a time from all that a disk has. */
const FROM_INSTANT_SNAPSHOTS_MAX = 15;
/** Learn, Create an incremental snapshot for managed disks: for each subscription. */
const BACKGROUND_COPIES_MAX = 50;
/** The same: snapshots of a family with a SAS at a time. */
const FAMILY_ACCESSES_MAX = 5;

/** Whether another snapshot can be copied to that region now. */
export function checkCopiesTo(
  world: World,
  { subscriptionId, location }: { readonly subscriptionId: string; readonly location: string },
): ArmFailure | undefined {
  const running = [...world.snapshots.values()].filter(
    (snapshot) =>
      textAt(snapshot.creationData, "createOption") === "CopyStart" &&
      sameId(snapshot.subscriptionId, subscriptionId) &&
      normalLocation(snapshot.location) === normalLocation(location) &&
      isUnderWay(world, snapshot),
  );
  return running.length < COPIES_TO_A_REGION_MAX
    ? undefined
    : armErrors.tooManySnapshots(`${COPIES_TO_A_REGION_MAX} snapshots are being copied to the region`);
}

/**
 * Whether another disk can be made of a snapshot now. Only snapshots of Premium SSD v2 and Ultra disks, whose
 * copy shows how far it is, have a limit of their own.
 */
export function checkRestores(world: World, snapshot: Snapshot): ArmFailure | undefined {
  if (snapshot.copy === undefined) return undefined;
  const isInstant = snapshotAccess(snapshot, world.nowMs).endsWith("InstantAccess");
  const sources = isInstant
    ? [...world.snapshots.values()].filter(
        (each) =>
          each.familyId === snapshot.familyId && snapshotAccess(each, world.nowMs).endsWith("InstantAccess"),
      )
    : [snapshot];
  const ids = new Set(sources.map(({ uniqueId }) => uniqueId));
  const running = [...world.disks.values()].filter(
    (disk) => ids.has(textAt(disk.creationData, "sourceUniqueId") ?? "") && isHydrating(world, disk),
  );
  const most = isInstant ? FROM_INSTANT_SNAPSHOTS_MAX : FROM_A_SNAPSHOT_MAX;
  return running.length < most
    ? undefined
    : armErrors.tooManyCopies(snapshot.name, `${most} disks are being created from it`);
}

/** Whether another background copy of a Premium SSD v2 or Ultra disk can begin in a subscription. */
export function checkBackgroundCopies(
  world: World,
  subscriptionId: string,
  name: string,
): ArmFailure | undefined {
  const running = [...world.disks.values()].filter(
    (disk) =>
      sameId(disk.subscriptionId, subscriptionId) &&
      (copiedPercent(disk.conversion, world.nowMs) < 100 ||
        (hasSettablePerformance(disk.spec.sku.family) &&
          /\/snapshots\/[^/]+$/i.test(textAt(disk.creationData, "sourceResourceId") ?? "") &&
          isHydrating(world, disk))),
  );
  return running.length < BACKGROUND_COPIES_MAX
    ? undefined
    : armErrors.tooManyCopies(name, `${BACKGROUND_COPIES_MAX} background copies run in the subscription`);
}

/** Whether access to the bytes of another snapshot of its family can be granted now. */
export function checkFamilyAccesses(world: World, snapshot: Snapshot): ArmFailure | undefined {
  if (!snapshot.incremental) return undefined;
  const begun = new Set(
    [...world.running]
      .map((id) => world.operations.get(id))
      .filter((operation) => operation?.name === "Snapshots_GrantAccess")
      .map((operation) => keyOf(operation?.resourceId ?? "")),
  );
  const others = [...world.snapshots.values()].filter(
    (each) =>
      each.incremental &&
      each.familyId === snapshot.familyId &&
      each.id !== snapshot.id &&
      (isSasActive(world, each) || begun.has(keyOf(each.id))),
  );
  return others.length < FAMILY_ACCESSES_MAX
    ? undefined
    : armErrors.tooManyAccesses(snapshot.name, FAMILY_ACCESSES_MAX);
}

/** Whether the encryption of a Premium SSD v2 or Ultra disk can't change: it is copied from, or to. */
export function isEncryptionKept(world: World, disk: Disk): boolean {
  if (!hasSettablePerformance(disk.spec.sku.family)) return false;
  return (
    copiedPercent(disk.copy, world.nowMs) < 100 ||
    [...world.snapshots.values()].some(
      (snapshot) =>
        snapshot.sourceUniqueId === disk.uniqueId &&
        (isUnderWay(world, snapshot) || snapshotAccess(snapshot, world.nowMs).endsWith("InstantAccess")),
    )
  );
}

/** Whether a snapshot that is copied in the background is not complete yet, and still may be. */
export function isUnderWay(world: World, snapshot: Snapshot): boolean {
  return (
    (snapshot.awaitsCopy === true || completionPercent(snapshot, world.nowMs) < 100) &&
    snapshot.copyError === undefined &&
    snapshot.provisioningState !== "Failed"
  );
}

/** A disk whose creation is under way, or whose bytes are still copied. */
function isHydrating(world: World, disk: Disk): boolean {
  const isBeingMade =
    disk.operationId !== undefined && world.operations.get(disk.operationId)?.copiesFrom !== undefined;
  return isBeingMade || copiedPercent(disk.copy, world.nowMs) < 100;
}
