import type { ArmCall } from "../../api/arm-message.ts";
import { type ArmFailure, armErrors } from "../../api/errors.ts";
import {
  booleanAt,
  type Json,
  type JsonObject,
  numberAt,
  objectAt,
  sameJson,
  textAt,
  textsAt,
  withoutMembers,
} from "../../api/json.ts";
import { checkDiskName } from "../../api/request/check-name.ts";
import { choiceOf } from "../../api/request/choice.ts";
import { keyOf, type NamedAddress, resourceId, sameId } from "../../api/resource/resource-id.ts";
import { statedTags } from "../../api/resource/stated-members.ts";
import { checkLinks } from "../../linked/links.ts";
import { RETRY_AFTER } from "../../pace/lro.ts";
import type { Operation } from "../../pace/operation.ts";
import { delayMs, happened, isBeingCopied, startOperation, writing } from "../../pace/operations.ts";
import { edgeZoneIn } from "../../subscription/edge-zones.ts";
import { snapshotQuota } from "../../subscription/quota-table.ts";
import { checkQuota } from "../../subscription/quotas.ts";
import { zonesIn } from "../../subscription/regions.ts";
import { findSnapshot, putSnapshot, without, type World } from "../../world.ts";
import { isUnderWay } from "../copy/copy-limits.ts";
import { endCopiesOf } from "../copy/end-copies.ts";
import { copyEffect, isSasActive } from "../disk-read.ts";
import { diskSizeBytes } from "../disk.ts";
import { checkProtection, protectionIn } from "../protection.ts";
import { type SnapshotSource, snapshotSource } from "./snapshot-source.ts";
import { renderSnapshot, type Snapshot } from "./snapshot.ts";

export type SnapshotWrite = { readonly kind: "Started"; readonly operation: Operation } | ArmFailure;

const MINUTE_MS = 60_000;
/** The size of the largest disk. */
const SIZE_MAX_GIB = 65_536;
const SKUS = ["Standard_LRS", "Premium_LRS", "Standard_ZRS"];
/** Members of `properties` that the emulator understands or sets itself. */
const UNDERSTOOD = [
  "creationData",
  "diskSizeGB",
  "diskSizeBytes",
  "encryption",
  "networkAccessPolicy",
  "publicNetworkAccess",
  "diskAccessId",
  "incremental",
  "incrementalSnapshotFamilyId",
  "timeCreated",
  "provisioningState",
  "diskState",
  "uniqueId",
  "isArmResource",
  "completionPercent",
  "copyCompletionError",
  "snapshotAccessState",
];

/** PUT of a snapshot. A repeated one joins the first, or changes only tags. */
export function writeSnapshot(
  world: World,
  address: NamedAddress,
  { body, apiVersion }: Pick<ArmCall, "body" | "apiVersion">,
): SnapshotWrite {
  const location = textAt(body, "location");
  if (location === undefined) return armErrors.locationRequired();
  const existing = findSnapshot(world, resourceId({ ...address, type: "snapshots" }));
  if (existing !== undefined)
    return checkUnchangeable(existing, body) ?? changeSnapshot(world, existing, body);
  const misnamed = checkDiskName("snapshot", address.name);
  if (misnamed !== undefined) return misnamed;
  const creationData = objectAt(body, "properties", "creationData");
  if (creationData === undefined)
    return armErrors.invalidParameter(
      "creationData",
      "Required parameter 'snapshot.creationData' is missing (null).",
    );
  const incremental = booleanAt(body, "properties", "incremental") ?? false;
  const properties = objectAt(body, "properties") ?? {};
  const source = snapshotSource(world, properties, {
    subscriptionId: address.subscriptionId,
    location,
    incremental,
    apiVersion,
    ...edgeZoneIn(body),
  });
  if (source.kind === "Failure") return source;

  const id = resourceId({ ...address, type: "snapshots" });
  // By default on standard storage: an incremental one (Learn) zone-redundant where the region has it.
  const isRedundant = incremental && zonesIn(location).length > 0;
  const skuName = skuIn(body, {
    location,
    incremental,
    skuName: isRedundant ? "Standard_ZRS" : "Standard_LRS",
  });
  if (typeof skuName !== "string") return skuName;
  const sizeGiB = sizeIn(properties, { id, sizeGiB: source.sizeGiB });
  if (typeof sizeGiB !== "number") return sizeGiB;
  const inherited = { ...protectionIn({}, undefined), encryption: source.encryption };
  const protection = protectionIn(properties, inherited);
  const refused =
    checkProtection(properties, inherited) ??
    checkLinks(world, protection) ??
    checkQuota(world, { ...address, location }, snapshotQuota(skuName));
  if (refused !== undefined) return refused;
  const uniqueId = world.random.guid();
  const snapshot: Snapshot = {
    ...address,
    id,
    location,
    ...edgeZoneIn(body),
    tags: textsAt(body, "tags"),
    skuName,
    creationData,
    ...(source.copied === undefined ? {} : { sourceUniqueId: source.copied.uniqueId }),
    incremental,
    familyId: source.copied?.familyId ?? uniqueId,
    sizeGiB,
    sectorSizeBytes: source.sectorSizeBytes,
    uniqueId,
    createdAtMs: world.nowMs,
    provisioningState: "Updating",
    ...(source.copiesInBackground ? { awaitsCopy: true as const } : {}),
    protection,
    other: { ...source.other, ...withoutMembers(properties, UNDERSTOOD) },
  };
  const operation = startCreation(world, snapshot, source);
  putSnapshot(world, {
    ...snapshot,
    operationId: operation.id,
    ...(body === undefined ? {} : { pendingBody: body }),
  });
  return { kind: "Started", operation };
}

/** PATCH: changes everything but the bytes and where they come from. */
export function changeSnapshot(world: World, snapshot: Snapshot, body: Json | undefined): SnapshotWrite {
  const busy = snapshot.operationId === undefined ? undefined : world.operations.get(snapshot.operationId);
  if (busy !== undefined)
    return snapshot.provisioningState !== "Deleting" && sameJson(snapshot.pendingBody, body)
      ? { kind: "Started", operation: busy }
      : armErrors.conflict();
  const properties = objectAt(body, "properties") ?? {};
  const skuName = skuIn(body, snapshot);
  if (typeof skuName !== "string") return skuName;
  const sizeGiB = sizeIn(properties, snapshot);
  if (typeof sizeGiB !== "number") return sizeGiB;
  const changed: Snapshot = {
    ...snapshot,
    tags: statedTags(body, snapshot.tags),
    skuName,
    sizeGiB,
    protection: protectionIn(properties, snapshot.protection),
    other: { ...snapshot.other, ...withoutMembers(properties, UNDERSTOOD) },
  };
  const refused =
    checkProtection(properties, snapshot.protection) ??
    checkLinks(world, changed.protection) ??
    (isUnderWay(world, snapshot) && !sameJson(changed.protection.encryption, snapshot.protection.encryption)
      ? armErrors.encryptionKept(snapshot.name)
      : undefined);
  if (refused !== undefined) return refused;
  const grows = sizeGiB > snapshot.sizeGiB;
  const operation = start(world, snapshot, "Snapshots_Update", delayMs(world, "diskUpdate"), {
    effects: grows ? [{ kind: "diskResized", diskId: snapshot.id, sizeBytes: diskSizeBytes(sizeGiB) }] : [],
    change: () => changed,
  });
  putSnapshot(world, {
    ...snapshot,
    provisioningState: "Updating",
    operationId: operation.id,
    ...(body === undefined ? {} : { pendingBody: body }),
  });
  return { kind: "Started", operation };
}

export function deleteSnapshot(world: World, snapshot: Snapshot): SnapshotWrite {
  const busy = snapshot.operationId === undefined ? undefined : world.operations.get(snapshot.operationId);
  if (busy !== undefined)
    return snapshot.provisioningState === "Deleting"
      ? { kind: "Started", operation: busy }
      : armErrors.conflict();
  if (isSasActive(world, snapshot)) return armErrors.sasActive("snapshot", snapshot.name);
  if (isBeingCopied(world, snapshot.id)) return armErrors.conflict();
  const operation = start(world, snapshot, "Snapshots_Delete", delayMs(world, "snapshotDelete"), {
    effects: [{ kind: "diskDeleted", diskId: snapshot.id }],
    change: () => undefined,
  });
  putSnapshot(world, { ...snapshot, provisioningState: "Deleting", operationId: operation.id });
  return { kind: "Started", operation };
}

/** The SKU that a body asks for, in a region. Recorded: an incremental snapshot has no Premium one. */
function skuIn(
  body: Json | undefined,
  { location, incremental, skuName: otherwise }: Pick<Snapshot, "location" | "incremental" | "skuName">,
): string | ArmFailure {
  const given = textAt(body, "sku", "name");
  if (given === undefined) return otherwise;
  const skuName = choiceOf(SKUS, given);
  if (skuName === undefined) return armErrors.notOneOf("sku.name", given, SKUS);
  const type = incremental ? "IncrementalSnapshot" : "Snapshot";
  const offered = SKUS.filter(
    (sku) =>
      (zonesIn(location).length > 0 || !sku.endsWith("_ZRS")) && !(incremental && sku.startsWith("Premium")),
  );
  return offered.includes(skuName) ? skuName : armErrors.skuNotInRegion(type, skuName, offered);
}

/** The size that properties ask for: that of the source, or of the snapshot before, or more. */
function sizeIn(
  properties: JsonObject,
  { id, sizeGiB }: Pick<Snapshot, "id" | "sizeGiB">,
): number | ArmFailure {
  const asked = numberAt(properties, "diskSizeGB") ?? sizeGiB;
  if (asked < sizeGiB) return armErrors.shrink(id);
  return Number.isInteger(asked) && asked <= SIZE_MAX_GIB
    ? asked
    : armErrors.invalidParameter(
        "diskSizeGB",
        `The value '${asked}' of parameter 'snapshot.diskSizeGb' is out of range. The value must be ` +
          `between '${sizeGiB}' and '${SIZE_MAX_GIB}', inclusive.`,
      );
}

function startCreation(world: World, snapshot: Snapshot, source: SnapshotSource): Operation {
  const copyMs = source.copiesInBackground ? delayMs(world, "snapshotBackgroundCopy") : 0;
  const instantMinutes = numberAt(snapshot.creationData, "instantAccessDurationMinutes");
  const bytes = { diskId: snapshot.id, sizeBytes: diskSizeBytes(snapshot.sizeGiB) };
  const sourceId = source.copied?.id;
  return start(world, snapshot, "Snapshots_CreateOrUpdate", delayMs(world, "snapshotCreate"), {
    ...(sourceId === undefined ? {} : { copiesFrom: sourceId }),
    effects: [
      sourceId === undefined ? { kind: "diskCreated", ...bytes } : copyEffect(world, { sourceId, ...bytes }),
    ],
    change: (now) => ({
      ...without(now, "awaitsCopy"),
      ...(source.copiesInBackground
        ? { copy: { startedAtMs: world.nowMs, endsAtMs: world.nowMs + copyMs } }
        : {}),
      ...(instantMinutes === undefined
        ? {}
        : { instantAccessUntilMs: world.nowMs + instantMinutes * MINUTE_MS * world.settings.timeScale }),
    }),
  });
}

interface SnapshotChange {
  readonly copiesFrom?: string;
  readonly effects: ReturnType<NonNullable<Operation["work"]["effects"]>>;
  /** The snapshot afterwards; `undefined`: deleted. */
  readonly change: (now: Snapshot) => Snapshot | undefined;
}

function start(
  world: World,
  snapshot: Snapshot,
  name: string,
  afterMs: number,
  { copiesFrom, effects, change }: SnapshotChange,
): Operation {
  return startOperation(world, {
    name,
    provider: "DiskOperations",
    ...writing(snapshot),
    delayMs: afterMs,
    ...(name === "Snapshots_Delete" ? {} : { retryAfter: RETRY_AFTER.diskWrite }),
    diskIds: [snapshot.id],
    ...(copiesFrom === undefined ? {} : { copiesFrom }),
    work: {
      effects: (outcome) => (happened(outcome, snapshot.id) ? effects : []),
      end: (outcome) => {
        const now = findSnapshot(world, snapshot.id);
        if (now === undefined) return;
        const changed = happened(outcome, snapshot.id) ? change(now) : now;
        if (changed === undefined) {
          world.snapshots.delete(keyOf(snapshot.id));
          endCopiesOf(world, snapshot);
        } else
          putSnapshot(world, {
            ...without(without(changed, "operationId"), "pendingBody"),
            provisioningState: outcome.error === undefined ? "Succeeded" : "Failed",
          });
      },
      result: () => {
        const now = findSnapshot(world, snapshot.id);
        if (now === undefined) return undefined;
        const shown = renderSnapshot(now, world.nowMs);
        // Recorded in 2024 (Azure/azure-cli, test_completion_percent.yaml): only a GET says 0 of a CopyStart.
        return textAt(now.creationData, "createOption") === "CopyStart"
          ? {
              ...shown,
              properties: withoutMembers(objectAt(shown, "properties") ?? {}, ["completionPercent"]),
            }
          : shown;
      },
    },
  });
}

/** Refuses changes by PUT of what a snapshot was made from, and how. */
function checkUnchangeable(existing: Snapshot, body: Json | undefined): ArmFailure | undefined {
  const creationData = objectAt(body, "properties", "creationData");
  const createOption = textAt(creationData, "createOption");
  if (createOption !== undefined && createOption !== textAt(existing.creationData, "createOption"))
    return armErrors.changeNotAllowedForDisk("createOption", existing.name);
  const source = textAt(creationData, "sourceResourceId");
  if (source !== undefined && !sameId(source, textAt(existing.creationData, "sourceResourceId") ?? ""))
    return armErrors.changeNotAllowedForDisk("sourceResourceId", existing.name);
  const incremental = booleanAt(body, "properties", "incremental");
  return incremental === undefined || incremental === existing.incremental
    ? undefined
    : armErrors.changeNotAllowedForDisk("incremental", existing.name);
}
