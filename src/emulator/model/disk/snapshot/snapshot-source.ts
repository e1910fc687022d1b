import { type ArmFailure, armErrors } from "../../api/errors.ts";
import { type JsonObject, numberAt, objectAt, textAt } from "../../api/json.ts";
import { edgeZoneOf, isSameEdgeZone } from "../../subscription/edge-zones.ts";
import { findDisk, findSnapshot, normalLocation, type World } from "../../world.ts";
import { copiedPercent } from "../copy/background-copy.ts";
import { checkCopiesTo } from "../copy/copy-limits.ts";
import { hasSettablePerformance } from "../disk-sku.ts";
import { sectorSizeBytes } from "../disk.ts";
import { protectionIn } from "../protection.ts";
import { completionPercent, type Snapshot } from "./snapshot.ts";

/** Where the bytes of a snapshot come from. */
export interface SnapshotSource {
  readonly kind: "Source";
  /** The disk or snapshot that is copied; an empty snapshot has none. */
  readonly copied?: { readonly id: string; readonly uniqueId: string; readonly familyId: string };
  /** The least size of the snapshot. */
  readonly sizeGiB: number;
  readonly sectorSizeBytes: number;
  readonly copiesInBackground: boolean;
  /** A snapshot is encrypted as its source is, and is of the same kind of disk. */
  readonly encryption: JsonObject;
  readonly other: JsonObject;
}

/**
 * What a snapshot takes over from its source: what its bytes are. Who may read them, `dataAccessAuthMode`
 * included, is stated of each disk and snapshot: V1 has a parameter for it.
 */
const OF_THE_BYTES = [
  "encryptionSettingsCollection",
  "hyperVGeneration",
  "osType",
  "purchasePlan",
  "securityProfile",
  "supportedCapabilities",
  "supportsHibernation",
];

const PENDING_MAX = 3;
const IN_5_MINUTES_MAX = 7;
const FOR_A_DISK_MAX = 500;
const WINDOW_MS = 300_000;
/** The first version in which Premium SSD v2 and Ultra disks have snapshots. */
const COPIES_IN_BACKGROUND_SINCE = "2022-03-02";
const INSTANT_ACCESS_MIN_MINUTES = 60;
const INSTANT_ACCESS_MAX_MINUTES = 300;

interface Wanted {
  readonly subscriptionId: string;
  readonly location: string;
  readonly incremental: boolean;
  readonly apiVersion: string;
  readonly extendedLocation?: JsonObject;
}

/** No source: recorded in 2020 (TestSnapshotDuplicateCreationFails of Azure PowerShell). */
const EMPTY: SnapshotSource = {
  kind: "Source",
  sizeGiB: 1,
  sectorSizeBytes: 512,
  copiesInBackground: false,
  encryption: protectionIn({}, undefined).encryption,
  other: {},
};

/** The source that a snapshot's `properties` name, or why it is refused. */
export function snapshotSource(
  world: World,
  properties: JsonObject,
  wanted: Wanted,
): SnapshotSource | ArmFailure {
  const creationData = objectAt(properties, "creationData") ?? {};
  const option = textAt(creationData, "createOption");
  const id = textAt(creationData, "sourceResourceId");
  if (option === "Empty")
    return numberAt(properties, "diskSizeGB") === undefined
      ? armErrors.invalidParameter(
          "diskSizeGB",
          "Required parameter 'snapshot.diskSizeGB' is missing (null).",
        )
      : EMPTY;
  if (option !== "Copy" && option !== "CopyStart") {
    return armErrors.invalidParameter(
      "createOption",
      `The emulator supports createOption Copy, CopyStart and Empty for snapshots, not '${option ?? ""}'.`,
    );
  }
  if (id === undefined)
    return armErrors.invalidParameter(
      "sourceResourceId",
      "Required parameter 'snapshot.creationData.sourceResourceId' is missing (null).",
    );
  return option === "CopyStart"
    ? fromOtherRegion(world, id, wanted)
    : fromHere(world, id, creationData, wanted);
}

function fromOtherRegion(world: World, id: string, wanted: Wanted): SnapshotSource | ArmFailure {
  if (!wanted.incremental)
    return armErrors.invalidParameter(
      "createOption",
      "CopyStart is supported only for incremental snapshots.",
    );
  const snapshot = findSnapshot(world, id);
  if (snapshot === undefined) return armErrors.sourceNotFound(id);
  if (!isComplete(world, snapshot)) return armErrors.sourceIncomplete(snapshot.name);
  if (isFamilyBeingCopied(world, snapshot)) return armErrors.copyPending(snapshot.name);
  return checkCopiesTo(world, wanted) ?? fromSnapshot(snapshot, true);
}

/**
 * Learn, Copy an incremental snapshot to a new region: one of a particular disk at a time. Code and text are
 * inferred, and that snapshots have to be copied in the order of their creation is not modelled.
 */
function isFamilyBeingCopied(world: World, { familyId }: Snapshot): boolean {
  return [...world.snapshots.values()].some(
    (other) =>
      other.familyId === familyId &&
      textAt(other.creationData, "createOption") === "CopyStart" &&
      other.provisioningState !== "Failed" &&
      other.copyError === undefined &&
      !isComplete(world, other),
  );
}

function fromHere(
  world: World,
  id: string,
  creationData: JsonObject,
  wanted: Wanted,
): SnapshotSource | ArmFailure {
  const snapshot = findSnapshot(world, id);
  const disk = findDisk(world, id);
  const place = snapshot?.location ?? disk?.location;
  if (place === undefined || normalLocation(place) !== normalLocation(wanted.location))
    return armErrors.sourceNotFound(id);
  const source = snapshot ?? disk;
  if (source !== undefined && !isSameEdgeZone(wanted, source))
    return armErrors.sourceInOtherEdgeZone(edgeZoneOf(wanted), edgeZoneOf(source));
  if (snapshot !== undefined) {
    if (!isComplete(world, snapshot)) return armErrors.sourceIncomplete(snapshot.name);
    return fromSnapshot(snapshot, false);
  }
  if (disk === undefined) return armErrors.sourceNotFound(id);
  if (disk.operationId !== undefined) return armErrors.conflict();
  if (copiedPercent(disk.copy, world.nowMs) < 100) return armErrors.sourceIncomplete(disk.name);
  const copiesInBackground = hasSettablePerformance(disk.spec.sku.family);
  if (copiesInBackground && wanted.apiVersion < COPIES_IN_BACKGROUND_SINCE)
    return armErrors.snapshotsNeedVersion(COPIES_IN_BACKGROUND_SINCE);
  if (copiesInBackground && !wanted.incremental)
    return armErrors.invalidParameter(
      "incremental",
      `Only incremental snapshots can be made of a disk of type ${disk.spec.sku.name}.`,
    );
  const refused =
    checkInstantAccess(creationData, copiesInBackground) ??
    (wanted.incremental ? checkNumbers(world, disk.uniqueId, copiesInBackground) : undefined);
  if (refused !== undefined) return refused;
  const { id: diskId, uniqueId, spec } = disk;
  return {
    kind: "Source",
    copied: { id: diskId, uniqueId, familyId: uniqueId },
    sizeGiB: spec.sizeGiB,
    sectorSizeBytes: sectorSizeBytes(disk),
    copiesInBackground,
    encryption: spec.encryption,
    other: inherited(spec.other),
  };
}

function fromSnapshot(snapshot: Snapshot, copiesInBackground: boolean): SnapshotSource {
  const { id, sizeGiB, sectorSizeBytes: sector, uniqueId, familyId } = snapshot;
  const { encryption } = snapshot.protection;
  return {
    ...({ kind: "Source", copied: { id, uniqueId, familyId }, sizeGiB, sectorSizeBytes: sector } as const),
    ...{ copiesInBackground, encryption, other: inherited(snapshot.other) },
  };
}

function inherited(other: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(other).filter(([member]) => OF_THE_BYTES.includes(member)));
}

function checkInstantAccess(creationData: JsonObject, copiesInBackground: boolean): ArmFailure | undefined {
  const minutes = numberAt(creationData, "instantAccessDurationMinutes");
  if (minutes === undefined) return undefined;
  if (!copiesInBackground)
    return armErrors.invalidParameter(
      "instantAccessDurationMinutes",
      "Instant access is supported only for snapshots of Ultra and Premium SSD v2 disks.",
    );
  if (minutes >= INSTANT_ACCESS_MIN_MINUTES && minutes <= INSTANT_ACCESS_MAX_MINUTES) return undefined;
  return armErrors.invalidParameter(
    "instantAccessDurationMinutes",
    `The value '${minutes}' is out of range. ` +
      `It must be between '${INSTANT_ACCESS_MIN_MINUTES}' and '${INSTANT_ACCESS_MAX_MINUTES}', inclusive.`,
  );
}

/** Azure's limits are those of incremental snapshots. */
function checkNumbers(
  world: World,
  diskUniqueId: string,
  copiesInBackground: boolean,
): ArmFailure | undefined {
  const ofThisDisk = [...world.snapshots.values()].filter(
    (snapshot) => snapshot.incremental && snapshot.sourceUniqueId === diskUniqueId,
  );
  const windowMs = WINDOW_MS * world.settings.timeScale;
  if (ofThisDisk.length >= FOR_A_DISK_MAX) return armErrors.snapshotLimitReached();
  if (
    ofThisDisk.filter((snapshot) => world.nowMs - snapshot.createdAtMs < windowMs).length >= IN_5_MINUTES_MAX
  ) {
    return armErrors.tooManySnapshots(
      `at most ${IN_5_MINUTES_MAX} incremental snapshots of a disk can be made in 5 minutes`,
    );
  }
  if (
    copiesInBackground &&
    ofThisDisk.filter((snapshot) => !isComplete(world, snapshot)).length >= PENDING_MAX
  ) {
    return armErrors.tooManySnapshots(
      `a disk has at most ${PENDING_MAX} snapshots whose background copy still runs`,
    );
  }
  return undefined;
}

function isComplete(world: World, snapshot: Snapshot): boolean {
  return snapshot.provisioningState === "Succeeded" && completionPercent(snapshot, world.nowMs) === 100;
}
